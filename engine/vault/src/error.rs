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
        "{0} holds no age identity; restore it from a backup, or move it and the vault away to begin anew"
    )]
    BadKey(KeyPlace),
    /// The vault is there, but its key is not.
    #[error("{vault} is there, but not its key: {key} does not exist; restore the key, or name the place that the key was moved to; only if neither is left, move {vault} away to begin anew", vault = vault.display())]
    MissingKey {
        /// The encrypted file.
        vault: PathBuf,
        /// Where the key should be.
        key: KeyPlace,
    },
    /// The vault is there, but its key file is not, nor does a keyring have the key.
    #[error("{vault} is there, but its key file {file} is missing, and {keyring}; where the vault came from a backup or another machine, put its key file there as well; only if no key is left, move {vault} away to begin anew", vault = vault.display(), file = file.display())]
    MissingKeyFile {
        /// The encrypted file.
        vault: PathBuf,
        /// The key file.
        file: PathBuf,
        /// What is with the keyring, in whose place the file would be.
        keyring: String,
    },
    /// The vault was encrypted to another key.
    #[error("{vault} was encrypted to another key than the one in {key}; restore that key, or name the place that the key was moved to", vault = vault.display())]
    WrongKey {
        /// The encrypted file.
        vault: PathBuf,
        /// Where the other key was found.
        key: KeyPlace,
    },
    /// The key is not to be had without asking somebody.
    #[error("{0} does not open without asking somebody, and nobody is asked for this")]
    NotAtHand(KeyPlace),
    /// The passphrase does not open the key.
    #[error("{path} does not open with this passphrase; give the one that it was made with (a damaged file looks the same: then restore it from a backup)", path = .0.display())]
    WrongPassphrase(PathBuf),
    /// Nobody gave a passphrase.
    #[error("{path} needs a passphrase, and none was given", path = .0.display())]
    NoPassphrase(PathBuf),
    /// The wrapped key is not what was written.
    #[error("{path} is damaged; restore it from a backup", path = .0.display())]
    DamagedKey(PathBuf),
    /// The wrapped key wants more memory and time than is good.
    #[error("{path} asks for more than 1 GiB of memory to be opened; wrap the key again with a lower scrypt work factor", path = .0.display())]
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
    #[error("{path} could not be encrypted", path = .0.display())]
    Encrypt(PathBuf),
}
