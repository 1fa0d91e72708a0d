//! Why the vault could not be used.

use std::path::PathBuf;

use crate::key_source::KeyPlace;
use crate::keyring::KeyringError;
use crate::private_file::PrivateFileError;

/// Why the vault could not be used. Never carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file of the vault could not be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The place of the key holds something else.
    #[error(
        "{0} has no age identity; restore it from a backup, or move it and the vault away to start \
         with a new vault"
    )]
    BadKey(KeyPlace),
    /// The vault is there, but its key is not.
    #[error(
        "the vault {vault} exists, but {key}, its key, does not; restore the key, or set `key` of \
         [vault] to the place the key was moved to; only if the key is lost, move {vault} away to \
         start with a new vault",
        vault = vault.display()
    )]
    MissingKey {
        /// The encrypted file.
        vault: PathBuf,
        /// Where the key should be.
        key: KeyPlace,
    },
    /// The vault is there, but its key file is not, nor does a keyring have the key.
    #[error(
        "the vault {vault} exists, but its key file {file} is missing, and {keyring}; if the vault \
         came from a backup or another machine, restore its key file too; only if the key is lost, \
         move {vault} away to start with a new vault",
        vault = vault.display(), file = file.display()
    )]
    MissingKeyFile {
        /// The encrypted file.
        vault: PathBuf,
        /// The key file.
        file: PathBuf,
        /// What is with the keyring, in whose place the file would be.
        keyring: String,
    },
    /// The vault was encrypted to another key.
    #[error(
        "{key} does not open {vault}, which was encrypted with another key; restore that key, or \
         set `key` of [vault] to the place it was moved to",
        vault = vault.display()
    )]
    WrongKey {
        /// The encrypted file.
        vault: PathBuf,
        /// Where the other key was found.
        key: KeyPlace,
    },
    /// The key is not to be had without asking somebody.
    #[error("{0} opens only with a prompt, and Dayfly does not prompt here")]
    NotAtHand(KeyPlace),
    /// The passphrase does not open the key.
    #[error(
        "this passphrase does not open {path}; check the passphrase; if it is right, the file is \
         damaged: restore it from a backup",
        path = .0.display()
    )]
    WrongPassphrase(PathBuf),
    /// Nobody gave a passphrase.
    #[error("{path} needs a passphrase, and you gave none", path = .0.display())]
    NoPassphrase(PathBuf),
    /// The wrapped key is not what was written.
    #[error("{path} is damaged; restore it from a backup", path = .0.display())]
    DamagedKey(PathBuf),
    /// The wrapped key wants more memory and time than is good.
    #[error(
        "opening {path} takes more than 1 GiB of memory; encrypt the key again with a lower scrypt \
         work factor",
        path = .0.display()
    )]
    TooMuchWork(PathBuf),
    /// The keyring did not serve.
    #[error("{key}: {problem}")]
    Keyring {
        /// The item.
        key: KeyPlace,
        /// What happened, and what to do.
        problem: KeyringError,
    },
    /// The vault's content makes no sense.
    #[error("{path} is damaged; restore it from a backup", path = .0.display())]
    Damaged(PathBuf),
    /// A file could not be encrypted.
    #[error("Dayfly could not encrypt {path}", path = .0.display())]
    Encrypt(PathBuf),
}
