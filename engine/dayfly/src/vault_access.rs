//! Opens the vault as the configuration says, and asks for passphrases.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dayfly_fs::bounded;
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, VaultKey};
use dayfly_vault::{KeySource, KeyringItem, PassphraseUse, SecretString, Vault};

use crate::prompt;
use crate::terminal::warn;

/// The longest passphrase, in bytes.
const PASSPHRASE: u64 = 4_096;

/// How long a person may take to unlock the keyring.
const UNLOCK: Duration = Duration::from_secs(60);

/// Whether a person may be asked. Not while an engine answers requests: nobody is waited for then.
static MAY_ASK: AtomicBool = AtomicBool::new(true);

/// From now on nobody is asked.
pub(crate) fn ask_nobody() {
    MAY_ASK.store(false, Ordering::Relaxed);
}

fn may_ask() -> bool {
    MAY_ASK.load(Ordering::Relaxed) && std::io::stdin().is_terminal()
}

/// The vault of this home.
pub(crate) fn vault(home: &Home, config: &Config) -> Vault {
    Vault::open(home.vault(), source(home, config.vault.key)).counted(home.seen())
}

/// A place for the vault's key.
pub(crate) fn source(home: &Home, key: VaultKey) -> KeySource {
    let item = KeyringItem::for_vault(&home.vault());
    match key {
        VaultKey::Auto if home.vault_key().exists() => KeySource::File(home.vault_key()),
        VaultKey::Auto if home.wrapped_vault_key().exists() => source(home, VaultKey::Passphrase),
        VaultKey::Auto if home.vault().exists() || home.kept().exists() => {
            KeySource::Keyring(KeyringItem {
                instead_of: Some(home.vault_key()),
                unlock_within: may_ask().then_some(UNLOCK),
                ..item
            })
        }
        VaultKey::Auto => KeySource::KeyringOrFile {
            item,
            file: home.vault_key(),
        },
        VaultKey::File => KeySource::File(home.vault_key()),
        VaultKey::Keyring => KeySource::Keyring(KeyringItem {
            unlock_within: may_ask().then_some(UNLOCK),
            ..item
        }),
        VaultKey::Passphrase => KeySource::passphrase(home.wrapped_vault_key(), passphrase),
    }
}

/// The passphrase, from the file that `DAYFLY_PASSPHRASE_FILE` names, or from the terminal.
fn passphrase(purpose: PassphraseUse) -> Option<SecretString> {
    if let Some(path) = std::env::var_os("DAYFLY_PASSPHRASE_FILE") {
        return from_file(&PathBuf::from(path));
    }
    if !may_ask() {
        return None;
    }
    let ask = |question: &str| {
        let text = prompt::secret(question).ok()?;
        Some(text).filter(|text| !text.expose().is_empty())
    };
    match purpose {
        PassphraseUse::Open => ask("Passphrase of the vault: "),
        PassphraseUse::Choose => {
            let first = ask("New passphrase of the vault: ")?;
            let second = ask("The same again: ")?;
            (first == second).then_some(first)
        }
    }
}

/// The first line of a file.
fn from_file(path: &std::path::Path) -> Option<SecretString> {
    let bytes = match bounded::read_secret(path, PASSPHRASE) {
        Ok(bytes) => bytes?,
        Err(e) => {
            warn(&format!("the passphrase is not read: {e}"));
            return None;
        }
    };
    let line = std::str::from_utf8(&bytes).ok()?.lines().next()?;
    Some(SecretString::copy_of(line)).filter(|line| !line.expose().is_empty())
}
