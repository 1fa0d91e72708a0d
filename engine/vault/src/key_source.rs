//! Where the key of a vault is kept.

use std::fmt;
use std::path::PathBuf;

use crate::keyring::KeyringItem;
use crate::passphrase::{AskPassphrase, PassphraseUse};
use crate::secret::SecretString;

/// Where the key of a vault is kept. The key is made there with the vault's first secret.
#[derive(Clone)]
pub enum KeySource {
    /// In a file of its own, mode 0600. Who can read it and the vault can read the secrets:
    /// keep it where backups of the vault do not go.
    File(PathBuf),
    /// In the keyring of the operating system.
    Keyring(KeyringItem),
    /// In a file, mode 0600, that opens with a passphrase.
    Passphrase {
        /// The wrapped key.
        wrapped: PathBuf,
        /// Gives the passphrase.
        ask: AskPassphrase,
    },
    /// Not decided yet: in the keyring, where one takes it when the key is made, else in the file.
    /// A key that is in the file already is the one.
    KeyringOrFile {
        /// The item of the keyring.
        item: KeyringItem,
        /// The file.
        file: PathBuf,
    },
}

impl KeySource {
    /// A key that a passphrase wraps, in this file.
    #[must_use]
    pub fn passphrase(
        wrapped: PathBuf,
        ask: impl Fn(PassphraseUse) -> Option<SecretString> + Send + Sync + 'static,
    ) -> Self {
        let ask: AskPassphrase = std::sync::Arc::new(ask);
        Self::Passphrase { wrapped, ask }
    }

    /// The place, as errors name it.
    #[must_use]
    pub fn place(&self) -> KeyPlace {
        match self {
            Self::File(path) => KeyPlace::File(path.clone()),
            Self::Keyring(item) | Self::KeyringOrFile { item, .. } => KeyPlace::Keyring {
                service: item.service.clone(),
                account: item.account.clone(),
                instead_of: item.instead_of.clone(),
            },
            Self::Passphrase { wrapped, .. } => KeyPlace::Wrapped(wrapped.clone()),
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySource").field(&self.place()).finish()
    }
}

/// Names the place of a key, without anything of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// A key file.
    File(PathBuf),
    /// An item of the keyring.
    Keyring {
        /// The item's service.
        service: String,
        /// The item's account.
        account: String,
        /// The key file in whose place it is looked for.
        instead_of: Option<PathBuf>,
    },
    /// A file that a passphrase opens.
    Wrapped(PathBuf),
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the key file {}", path.display()),
            Self::Keyring {
                service, account, ..
            } => {
                write!(f, "the keyring item \"{service}\" of \"{account}\"")
            }
            Self::Wrapped(path) => {
                write!(f, "the passphrase-protected key file {}", path.display())
            }
        }
    }
}
