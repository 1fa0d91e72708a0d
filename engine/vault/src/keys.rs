//! Reads and makes the key of a vault, and remembers what was costly to get.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::identities::Identities;
use crate::key_source::KeySource;
use crate::keyring::{KeyringError, KeyringItem};
use crate::passphrase::{self, AskPassphrase, PassphraseUse, UnwrapError};
use crate::private_file::{self, PrivateFileError};
use crate::secret::SecretString;

/// How long another process may keep a key file locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);

/// The key of a vault.
#[derive(Debug)]
pub(crate) struct Keys {
    source: KeySource,
    remembered: Option<Remembered>,
    /// What the wrapped key's file held before [`Keys::renew`].
    former: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Remembered {
    identities: Arc<Identities>,
    /// What the wrapped key's file held, so that a change of it is noticed.
    sealed: Vec<u8>,
}

impl Keys {
    pub(crate) fn new(source: KeySource) -> Self {
        Self {
            source,
            remembered: None,
            former: None,
        }
    }

    pub(crate) fn source(&self) -> &KeySource {
        &self.source
    }

    /// The key out of memory. Only a keyring's is trusted without a look: a keyring may have
    /// been locked since, and what was read with its consent goes on being of use.
    pub(crate) fn recall(&self) -> Option<Arc<Identities>> {
        match (&self.source, &self.remembered) {
            (KeySource::Keyring(_), Some(remembered)) => Some(remembered.identities.clone()),
            _ => None,
        }
    }

    /// The key as its source holds it now; none where there is none.
    pub(crate) fn load(&mut self) -> Result<Option<Arc<Identities>>, VaultError> {
        if !self.decided()? {
            return Ok(None);
        }
        let (text, sealed) = match &self.source {
            KeySource::File(path) => (private_file::read(path)?.map(Zeroizing::new), Vec::new()),
            KeySource::Keyring(item) => (item.read().map_err(self.keyring_error())?, Vec::new()),
            KeySource::Passphrase { wrapped, ask } => match private_file::read(wrapped)? {
                None => (None, Vec::new()),
                Some(sealed) => {
                    if let Some(known) = &self.remembered
                        && known.sealed == sealed
                    {
                        return Ok(Some(known.identities.clone()));
                    }
                    (Some(unwrap(wrapped, &sealed, ask)?.0), sealed)
                }
            },
            KeySource::KeyringOrFile { .. } => (None, Vec::new()),
        };
        let Some(text) = text else {
            self.remembered = None;
            return Ok(None);
        };
        let identities = Identities::parse(&text)
            .ok_or_else(|| VaultError::BadKey(self.source.place()))
            .map(Arc::new)?;
        self.remember(identities.clone(), sealed);
        Ok(Some(identities))
    }

    /// The key, where nobody has to be asked for it: neither for a passphrase nor to unlock a keyring.
    pub(crate) fn at_hand(&mut self) -> Option<Arc<Identities>> {
        let quiet = match (&self.source, &self.remembered) {
            (KeySource::Passphrase { wrapped, .. }, Some(known)) => {
                let same =
                    private_file::read(wrapped).is_ok_and(|now| now == Some(known.sealed.clone()));
                return same.then(|| known.identities.clone());
            }
            (KeySource::Passphrase { .. }, None) => return None,
            (KeySource::Keyring(_), Some(known)) => return Some(known.identities.clone()),
            (KeySource::Keyring(item), None) => KeySource::Keyring(quiet(item)),
            (KeySource::KeyringOrFile { item, file }, _) => KeySource::KeyringOrFile {
                item: quiet(item),
                file: file.clone(),
            },
            (KeySource::File(path), _) => KeySource::File(path.clone()),
        };
        Self::new(quiet).load().ok().flatten()
    }

    /// Whether it is known where the key is; found out, where it is there already.
    fn decided(&mut self) -> Result<bool, VaultError> {
        let KeySource::KeyringOrFile { item, file } = self.source.clone() else {
            return Ok(true);
        };
        if private_file::read(&file)?.map(Zeroizing::new).is_some() {
            self.source = KeySource::File(file);
            return Ok(true);
        }
        // One that gives no answer has no key that anything depends on.
        if let Ok(Some(_)) = item.read() {
            self.source = KeySource::Keyring(item);
            return Ok(true);
        }
        Ok(false)
    }

    /// Makes a key where there is none. A key that somebody else has just put there is kept
    /// and used.
    pub(crate) fn create(&mut self) -> Result<Arc<Identities>, VaultError> {
        let new = Identities::generate();
        if let KeySource::KeyringOrFile { item, file } = self.source.clone() {
            // Without a keyring, or with one that is locked, the file serves as well.
            self.source = match item.create(new.text().as_bytes()) {
                Ok(_) => KeySource::Keyring(item),
                Err(_) => KeySource::File(file),
            };
            if matches!(self.source, KeySource::Keyring(_)) {
                let place = self.source.place();
                return self.load()?.ok_or(VaultError::BadKey(place));
            }
        }
        let mut sealed = Vec::new();
        let created = match &self.source {
            KeySource::File(path) => private_file::create(path, new.text().as_bytes())?,
            KeySource::Keyring(item) => item
                .create(new.text().as_bytes())
                .map_err(self.keyring_error())?,
            KeySource::Passphrase { wrapped, ask } => {
                let passphrase = asked(wrapped, ask, PassphraseUse::Choose)?;
                sealed = wrap(wrapped, new.text().as_bytes(), &passphrase)?;
                private_file::create(wrapped, &sealed)?
            }
            // Decided above.
            KeySource::KeyringOrFile { file, .. } => {
                private_file::create(file, new.text().as_bytes())?
            }
        };
        if !created {
            let place = self.source.place();
            return self.load()?.ok_or(VaultError::BadKey(place));
        }
        let new = Arc::new(new);
        self.remember(new.clone(), sealed);
        Ok(new)
    }

    /// Puts a new key into the source, before the keys that are there already. `before` is the
    /// key that the vault has now: where it stands in the same place, it stays there, and a
    /// passphrase is chosen again.
    pub(crate) fn renew(&mut self, before: &mut Self) -> Result<Arc<Identities>, VaultError> {
        if matches!(self.source, KeySource::KeyringOrFile { .. }) {
            return match self.load()? {
                Some(found) => Ok(found),
                None => self.create(),
            };
        }
        let new = Identities::generate();
        match &self.source {
            KeySource::File(path) => {
                let _lock = lock_beside(path)?;
                let older = private_file::read(path)?.map(Zeroizing::new);
                private_file::write(path, &self.joined(&new, &older.unwrap_or_default())?)?;
            }
            KeySource::Keyring(item) => {
                let written = match item.read().map_err(self.keyring_error())? {
                    Some(older) => item.replace(&self.joined(&new, &older)?),
                    // One that somebody else has just put there serves as well.
                    None => item.create(new.text().as_bytes()).map(drop),
                };
                written.map_err(self.keyring_error())?;
            }
            KeySource::Passphrase { wrapped, ask } => {
                let _lock = lock_beside(wrapped)?;
                let former = private_file::read(wrapped)?;
                let (older, passphrase) = match &former {
                    Some(sealed) if before.source.place() != self.source.place() => {
                        unwrap(wrapped, sealed, ask)?
                    }
                    _ => {
                        let same = before.source.place() == self.source.place();
                        let older = if same { before.load()? } else { None };
                        let older = older.map(|o| Zeroizing::new(o.text().as_bytes().to_vec()));
                        let passphrase = asked(wrapped, ask, PassphraseUse::Choose)?;
                        (older.unwrap_or_default(), passphrase)
                    }
                };
                let text = self.joined(&new, &older)?;
                let sealed = wrap(wrapped, &text, &passphrase)?;
                private_file::write(wrapped, &sealed)?;
                self.former = former;
                if let Some(identities) = Identities::parse(&text) {
                    self.remember(Arc::new(identities), sealed);
                }
            }
            // Dealt with above.
            KeySource::KeyringOrFile { .. } => {}
        }
        // As it stands there now: the vault is about to depend on it.
        let place = self.source.place();
        self.load()?.ok_or(VaultError::BadKey(place))
    }

    /// Puts a passphrase that [`Keys::renew`] replaced in force again. Elsewhere the keys
    /// before are still there beside the new one, which does no harm.
    pub(crate) fn take_back(&mut self) -> Result<(), VaultError> {
        if let (KeySource::Passphrase { wrapped, .. }, Some(former)) = (&self.source, &self.former)
        {
            private_file::write(wrapped, former)?;
        }
        Ok(())
    }

    /// The text of a new key and of those that are there, which must be keys or nothing.
    fn joined(&self, new: &Identities, older: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        if older.is_empty() || Identities::parse(older).is_some() {
            return Ok(new.text_before(older));
        }
        Err(VaultError::BadKey(self.source.place()))
    }

    fn remember(&mut self, identities: Arc<Identities>, sealed: Vec<u8>) {
        // A key file is as quick to read again.
        if !matches!(self.source, KeySource::File(_)) {
            self.remembered = Some(Remembered { identities, sealed });
        }
    }

    fn keyring_error(&self) -> impl FnOnce(KeyringError) -> VaultError + use<> {
        let key = self.source.place();
        move |problem| VaultError::Keyring { key, problem }
    }
}

/// The same item, without asking anybody to unlock it.
fn quiet(item: &KeyringItem) -> KeyringItem {
    KeyringItem {
        unlock_within: None,
        ..item.clone()
    }
}

/// A passphrase; an empty one protects nothing and counts as none.
fn asked(
    path: &Path,
    ask: &AskPassphrase,
    purpose: PassphraseUse,
) -> Result<SecretString, VaultError> {
    ask(purpose)
        .filter(|passphrase| !passphrase.expose().is_empty())
        .ok_or_else(|| VaultError::NoPassphrase(path.to_owned()))
}

fn wrap(path: &Path, text: &[u8], passphrase: &SecretString) -> Result<Vec<u8>, VaultError> {
    passphrase::wrap(text, passphrase).ok_or_else(|| VaultError::Encrypt(path.to_owned()))
}

/// What a wrapped key holds, and the passphrase that opened it.
fn unwrap(
    path: &Path,
    sealed: &[u8],
    ask: &AskPassphrase,
) -> Result<(Zeroizing<Vec<u8>>, SecretString), VaultError> {
    let passphrase = asked(path, ask, PassphraseUse::Open)?;
    match passphrase::unwrap(sealed, &passphrase) {
        Ok(text) => Ok((text, passphrase)),
        Err(UnwrapError::WrongPassphrase) => Err(VaultError::WrongPassphrase(path.to_owned())),
        Err(UnwrapError::Damaged) => Err(VaultError::DamagedKey(path.to_owned())),
        Err(UnwrapError::TooMuchWork) => Err(VaultError::TooMuchWork(path.to_owned())),
    }
}

/// Two vaults may keep their keys in one file.
fn lock_beside(path: &Path) -> Result<private_file::Lock, PrivateFileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    private_file::lock(&path.with_file_name(name), LOCK_DEADLINE)
}
