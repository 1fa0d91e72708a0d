//! One item of the operating system's keyring.

#[cfg(any(target_os = "macos", windows))]
mod native;
#[cfg(all(unix, not(target_os = "macos")))]
mod secret_service;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::secret::SecretBytes;

#[cfg(any(target_os = "macos", windows))]
use native as backend;
#[cfg(all(unix, not(target_os = "macos")))]
use secret_service as backend;

/// How long a keyring may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How many requests may be under way: on some systems one that is given up goes on waiting
/// for the person.
const MOST_REQUESTS: usize = 4;

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// The item that holds the key.
///
/// On Linux it is kept by the Secret Service (GNOME Keyring, KWallet, KeePassXC …), on macOS by
/// the Keychain, on Windows by the Credential Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringItem {
    /// Who the item belongs to, as keyring programs show it.
    pub service: String,
    /// Tells the items of one service apart.
    pub account: String,
    /// How long a person has to unlock a locked keyring that asks. None: it is not asked, and a
    /// locked keyring is an error at once. macOS and Windows ask as they see fit.
    pub unlock_within: Option<Duration>,
    /// The key file in whose place the item is looked for, as the file is not there.
    pub instead_of: Option<PathBuf>,
}

impl KeyringItem {
    /// The item for the vault in this file: `dayfly`, under the file's absolute path. A locked
    /// keyring is not unlocked.
    #[must_use]
    pub fn for_vault(vault: &Path) -> Self {
        let vault = std::path::absolute(vault).unwrap_or_else(|_| vault.to_owned());
        Self {
            service: "dayfly".to_owned(),
            account: vault.display().to_string(),
            unlock_within: None,
            instead_of: None,
        }
    }

    /// The item's content; none where there is no such item.
    pub(crate) fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        let item = self.clone();
        bounded(self.limit(), move || backend::read(&item))
    }

    /// Creates the item; whether it did. One that is there stays as it is.
    pub(crate) fn create(&self, content: &[u8]) -> Result<bool, KeyringError> {
        if self.read()?.is_some() {
            return Ok(false);
        }
        self.write(content).map(|()| true)
    }

    /// Replaces the item's content.
    pub(crate) fn replace(&self, content: &[u8]) -> Result<(), KeyringError> {
        self.write(content)
    }

    fn write(&self, content: &[u8]) -> Result<(), KeyringError> {
        let item = self.clone();
        let content = Zeroizing::new(content.to_vec());
        bounded(self.limit(), move || {
            backend::write(&item, &content)?;
            // A vault is about to depend on it.
            if backend::read(&item)?.is_some_and(|found| *found == *content) {
                return Ok(());
            }
            Err(KeyringError::Refused("it did not store the key".to_owned()))
        })
    }

    /// How long a request may take all in all.
    fn limit(&self) -> Duration {
        ANSWER + self.unlock_within.unwrap_or_default()
    }
}

/// An item that another program keeps in the keyring. It is only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OthersItem {
    /// What the item is found by, as that program wrote it.
    pub attributes: Vec<(String, String)>,
    /// The collection that it is in; without it, any.
    pub collection: Option<String>,
    /// How long a person has to unlock a locked keyring that asks. None: it is not asked, and a
    /// locked keyring is an error at once. macOS and Windows ask as they see fit.
    pub unlock_within: Option<Duration>,
}

impl OthersItem {
    /// The item's content; none where there is no such item.
    ///
    /// # Errors
    /// The keyring cannot be reached, is locked, has several such items, or refuses.
    pub fn read(&self) -> Result<Option<SecretBytes>, KeyringError> {
        let item = self.clone();
        let limit = ANSWER + self.unlock_within.unwrap_or_default();
        let content = bounded(limit, move || backend::read_others(&item, limit))?;
        Ok(content.map(|content| SecretBytes::copy_of(&content)))
    }
}

/// What the items of a collection have as this attribute; none where there is no such collection.
///
/// # Errors
/// The keyring cannot be reached, the collection is locked, or it refuses.
pub fn others_in(collection: &str, attribute: &str) -> Result<Vec<String>, KeyringError> {
    let (collection, attribute) = (collection.to_owned(), attribute.to_owned());
    bounded(ANSWER, move || {
        backend::others_in(&collection, &attribute, ANSWER)
    })
}

/// Runs a request on a thread of its own, and gives up at the deadline.
fn bounded<T: Send + 'static>(
    limit: Duration,
    request: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    let silent = KeyringError::Silent {
        seconds: limit.as_secs(),
    };
    if REQUESTS.fetch_add(1, Ordering::Relaxed) >= MOST_REQUESTS {
        REQUESTS.fetch_sub(1, Ordering::Relaxed);
        return Err(silent);
    }
    let under_way = UnderWay;
    let (sender, receiver) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new()
        .name("keyring".to_owned())
        .spawn(move || {
            let outcome = request();
            drop(under_way);
            // Nobody listens any more where the deadline has passed.
            let _ = sender.send(outcome);
        });
    if let Err(e) = spawned {
        return Err(KeyringError::Refused(e.to_string()));
    }
    match receiver.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(silent),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(KeyringError::Refused("its client failed".to_owned()))
        }
    }
}

/// Counts a request until it is dropped, even by a panic.
struct UnderWay;

impl Drop for UnderWay {
    fn drop(&mut self) {
        REQUESTS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why the keyring did not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is no keyring.
    #[error(
        "Dayfly cannot reach a keyring ({0}); start one, or store the key in a file or behind a \
         passphrase instead"
    )]
    Unreachable(String),
    /// The keyring is locked.
    #[error(
        "the keyring is locked; unlock it (by logging in, or with a password manager), or store \
         the key in a file or behind a passphrase instead"
    )]
    Locked,
    /// No keyring is marked as the one for new items.
    #[error(
        "there is no default keyring; create one with a password manager, or store the key in a \
         file or behind a passphrase instead"
    )]
    NoDefault,
    /// The keyring did not answer in time.
    #[error(
        "the keyring has not answered for {seconds} s; check if it is waiting to be unlocked, or \
         store the key in a file or behind a passphrase instead"
    )]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// Several items bear the name.
    #[error(
        "the keyring has several items with that name; remove the wrong ones with a password \
         manager"
    )]
    Several,
    /// Anything else.
    #[error(
        "the keyring refused ({0}); try again, or store the key in a file or behind a passphrase \
         instead"
    )]
    Refused(String),
}
