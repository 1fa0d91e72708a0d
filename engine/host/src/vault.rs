//! The vault of a home: opened as the configuration says, and with whom to ask for its passphrase.

use std::path::PathBuf;
use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_fs::bounded;
use dayfly_runtime::config::VaultKey;
use dayfly_runtime::{Config, Home};
use dayfly_vault::{KeySource, KeyringItem, PassphraseUse, SecretString, Vault};

use crate::{person, settings};

/// Where long-lived secrets are.
pub fn open(home: &Home) -> Result<Vault, CliError> {
    Ok(of(home, &settings::in_force(home)?))
}

/// The same for an engine that starts, which works without a configuration too.
pub(crate) fn at_start(home: &Home) -> Vault {
    of(home, &config_at_start(home))
}

fn config_at_start(home: &Home) -> Config {
    let known = Config::at_start(home).map(|known| known.config);
    // Without one, the key is where it is already; nothing is obtained that could be kept with a new one.
    known.unwrap_or_default()
}

/// Opens the vault while a person can still be asked for its passphrase, and asks nobody later.
pub fn unlocked(home: &Home) -> Result<Vault, CliError> {
    let vault = at_start(home);
    if home.vault().exists() {
        vault.list().map_err(|e| CliError::failed(e.to_string()))?;
    }
    person::ask_nobody();
    Ok(vault)
}

/// The longest passphrase, in bytes.
const PASSPHRASE: u64 = 4_096;

/// How long a person may take to unlock the keyring.
const UNLOCK: Duration = Duration::from_secs(60);

/// The vault of this home.
pub fn of(home: &Home, config: &Config) -> Vault {
    Vault::open(home.vault(), source(home, config.vault.key)).counted(home.seen())
}

/// A place for the vault's key.
pub fn source(home: &Home, key: VaultKey) -> KeySource {
    let item = KeyringItem::for_vault(&home.vault());
    match key {
        VaultKey::Auto if home.vault_key().exists() => KeySource::File(home.vault_key()),
        VaultKey::Auto if home.wrapped_vault_key().exists() => source(home, VaultKey::Passphrase),
        VaultKey::Auto if home.vault().exists() || home.kept().exists() => {
            KeySource::Keyring(KeyringItem {
                instead_of: Some(home.vault_key()),
                unlock_within: person::may_be_asked().then_some(UNLOCK),
                ..item
            })
        }
        VaultKey::Auto => KeySource::KeyringOrFile {
            item,
            file: home.vault_key(),
        },
        VaultKey::File => KeySource::File(home.vault_key()),
        VaultKey::Keyring => KeySource::Keyring(KeyringItem {
            unlock_within: person::may_be_asked().then_some(UNLOCK),
            ..item
        }),
        VaultKey::Passphrase => KeySource::passphrase(home.wrapped_vault_key(), passphrase),
    }
}

/// Whether the vault opens with a passphrase that a person has to type.
pub fn needs_person(home: &Home) -> bool {
    let asks = match config_at_start(home).vault.key {
        VaultKey::Passphrase => true,
        VaultKey::Auto => !home.vault_key().exists() && home.wrapped_vault_key().exists(),
        VaultKey::File | VaultKey::Keyring => false,
    };
    asks && std::env::var_os("DAYFLY_PASSPHRASE_FILE").is_none()
}

/// The passphrase, from the file that `DAYFLY_PASSPHRASE_FILE` names, or from the terminal.
fn passphrase(purpose: PassphraseUse) -> Option<SecretString> {
    if let Some(path) = std::env::var_os("DAYFLY_PASSPHRASE_FILE") {
        return from_file(&PathBuf::from(path));
    }
    if !person::may_be_asked() {
        return None;
    }
    let ask = |question: &str| {
        let text = person::ask_secret(question).ok()?;
        Some(text).filter(|text| !text.expose().is_empty())
    };
    match purpose {
        PassphraseUse::Open => ask("Passphrase of the vault: "),
        PassphraseUse::Choose => {
            let first = ask("New passphrase of the vault: ")?;
            let second = ask("Repeat the passphrase: ")?;
            (first == second).then_some(first)
        }
    }
}

/// The first line of a file.
fn from_file(path: &std::path::Path) -> Option<SecretString> {
    let bytes = match bounded::read_secret(path, PASSPHRASE) {
        Ok(bytes) => bytes?,
        Err(e) => {
            person::warn(&format!("Dayfly cannot read the passphrase: {e}"));
            return None;
        }
    };
    let line = std::str::from_utf8(&bytes).ok()?.lines().next()?;
    Some(SecretString::copy_of(line)).filter(|line| !line.expose().is_empty())
}
