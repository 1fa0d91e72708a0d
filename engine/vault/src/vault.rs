//! Long-lived secrets in one encrypted file.

mod counted;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::credentials::AccessKey;
use crate::error::VaultError;
use crate::identities::{Identities, OpenError};
use crate::key_source::{KeyPlace, KeySource};
use crate::keyring::KeyringError;
use crate::keys::Keys;
use crate::private_file;
use crate::secret::SecretString;

pub use self::counted::Ask;

/// How long another process may keep the vault locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);

/// What a list of secrets shows: never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// When it was last written.
    pub updated_at: Timestamp,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    value: String,
    updated_at: Timestamp,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyPair {
    access_key_id: String,
    secret_access_key: String,
}

impl Drop for KeyPair {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
    }
}

type Items = BTreeMap<String, Item>;

/// Long-lived secrets, in a file encrypted with the age format to an X25519 key that is kept
/// elsewhere, as a [`KeySource`] says.
///
/// Clones share what is in memory of the key, and follow a [`Vault::rekey`] of any of them.
///
/// Source: the age file encryption format, <https://age-encryption.org/v1>.
#[derive(Clone, Debug)]
pub struct Vault {
    path: PathBuf,
    /// The vault that this one is beside: its key is not made again while that one is there.
    first: Option<PathBuf>,
    /// Where what was seen is kept beside the vault, where it is.
    record: Option<PathBuf>,
    keys: Arc<Mutex<Keys>>,
}

impl Vault {
    /// The vault in this file, with its key in that key file. Neither has to exist yet.
    #[must_use]
    pub fn new(path: PathBuf, key: PathBuf) -> Self {
        Self::open(path, KeySource::File(key))
    }

    /// The vault in this file, with its key from that source. Neither has to exist yet; nothing
    /// is read and nobody is asked before a secret is.
    #[must_use]
    pub fn open(path: PathBuf, source: KeySource) -> Self {
        let keys = Arc::new(Mutex::new(Keys::new(source)));
        Self {
            path,
            first: None,
            record: None,
            keys,
        }
    }

    /// From now on each write is counted, in the vault and in this record, so that an older copy of
    /// either shows: [`Vault::known`].
    #[must_use]
    pub fn counted(mut self, record: PathBuf) -> Self {
        self.record = Some(record);
        self
    }

    /// Another file with the same key. Where this vault is there and the key is not, the other one
    /// makes none: this vault would not open with it.
    #[must_use]
    pub fn beside(&self, path: PathBuf) -> Self {
        Self {
            path,
            first: Some(self.first.clone().unwrap_or_else(|| self.path.clone())),
            record: None,
            keys: Arc::clone(&self.keys),
        }
    }

    /// The encrypted file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the key is kept.
    #[must_use]
    pub fn key_source(&self) -> KeySource {
        self.keys().source().clone()
    }

    /// The secret with this name.
    ///
    /// # Errors
    /// The vault cannot be read or decrypted.
    pub fn get(&self, name: &str) -> Result<Option<SecretString>, VaultError> {
        Ok(self
            .read()?
            .get(name)
            .map(|item| SecretString::copy_of(&item.value)))
    }

    /// Writes a secret, replacing an earlier one of that name.
    ///
    /// # Errors
    /// The vault cannot be read, decrypted, locked or written; nothing is changed then.
    pub fn set(&self, name: &str, value: &SecretString) -> Result<(), VaultError> {
        self.change(&[(name, Some(value))])
    }

    /// Writes secrets, and removes those for which there is no value, all in one step.
    ///
    /// # Errors
    /// As for [`Vault::set`].
    pub fn change(&self, changes: &[(&str, Option<&SecretString>)]) -> Result<(), VaultError> {
        let _lock = self.locked()?;
        // Asked first, as another process may make both now, and makes the key before the vault.
        let first_is_there = self.first_is_there();
        let (mut items, identities) = self.read_to_write()?;
        let mut changed = false;
        for (name, value) in changes {
            changed |= match value {
                Some(value) => {
                    let item = Item {
                        value: value.expose().to_owned(),
                        updated_at: now(),
                    };
                    items.insert((*name).to_owned(), item);
                    true
                }
                None => items.remove(*name).is_some(),
            };
        }
        if !changed {
            return Ok(());
        }
        let identities = match identities {
            Some(identities) => identities,
            None if first_is_there => return Err(self.missing()),
            None => self.keys().create()?,
        };
        self.write_counted(&mut items, &identities)
    }

    /// All secrets, by name.
    ///
    /// # Errors
    /// The vault cannot be read or decrypted.
    pub fn all(&self) -> Result<BTreeMap<String, SecretString>, VaultError> {
        let items = self.read()?;
        let pair =
            |(name, item): (&String, &Item)| (name.clone(), SecretString::copy_of(&item.value));
        Ok(secrets(&items).map(pair).collect())
    }

    /// Removes a secret; whether there was one.
    ///
    /// # Errors
    /// As for [`Vault::set`].
    pub fn remove(&self, name: &str) -> Result<bool, VaultError> {
        if name == SEEN {
            return Ok(false);
        }
        let _lock = self.locked()?;
        let (mut items, identities) = self.read_to_write()?;
        let (Some(_), Some(identities)) = (items.remove(name), identities) else {
            return Ok(false);
        };
        self.write_counted(&mut items, &identities)?;
        Ok(true)
    }

    /// What is in the vault, without the values, by name.
    ///
    /// # Errors
    /// The vault cannot be read or decrypted.
    pub fn list(&self) -> Result<Vec<SecretInfo>, VaultError> {
        let items = self.read()?;
        let info = |(name, item): (&String, &Item)| SecretInfo {
            name: name.clone(),
            updated_at: item.updated_at,
        };
        Ok(secrets(&items).map(info).collect())
    }

    /// The long-lived access key of a session.
    ///
    /// # Errors
    /// The vault cannot be read or decrypted, or the key in it is damaged.
    pub fn access_key(&self, session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        let Some(text) = self.get(&access_key_name(session))? else {
            return Ok(None);
        };
        let mut pair: KeyPair = serde_json::from_str(text.expose())
            .map_err(|_| VaultError::Damaged(self.path.clone()))?;
        Ok(Some(AccessKey {
            access_key_id: std::mem::take(&mut pair.access_key_id),
            secret_access_key: std::mem::take(&mut pair.secret_access_key).into(),
        }))
    }

    /// Writes the long-lived access key of a session.
    ///
    /// # Errors
    /// As for [`Vault::set`].
    pub fn set_access_key(&self, session: &SessionId, key: &AccessKey) -> Result<(), VaultError> {
        self.set(&access_key_name(session), &self.text_of(key)?)
    }

    /// Puts a key in the place of another, for every session that has the other, all in one step; how many those
    /// are.
    ///
    /// # Errors
    /// As for [`Vault::set`].
    pub fn replace_access_key(&self, old: &str, new: &AccessKey) -> Result<usize, VaultError> {
        let text = self.text_of(new)?;
        let _lock = self.locked()?;
        let (mut items, identities) = self.read_to_write()?;
        let mut replaced = 0;
        for (name, item) in &mut items {
            // One that is damaged has no id.
            let pair = serde_json::from_str::<KeyPair>(&item.value).ok();
            let has = pair.is_some_and(|pair| pair.access_key_id == old);
            if has && name.starts_with(ACCESS_KEY) {
                *item = Item {
                    value: text.expose().to_owned(),
                    updated_at: now(),
                };
                replaced += 1;
            }
        }
        match identities {
            Some(identities) if replaced > 0 => self.write_counted(&mut items, &identities)?,
            _ => {}
        }
        Ok(replaced)
    }

    /// A key as the vault has it.
    fn text_of(&self, key: &AccessKey) -> Result<SecretString, VaultError> {
        let pair = KeyPair {
            access_key_id: key.access_key_id.clone(),
            secret_access_key: key.secret_access_key.expose().to_owned(),
        };
        let text = serde_json::to_string(&pair).map(SecretString::from);
        text.map_err(|_| VaultError::Encrypt(self.path.clone()))
    }

    /// Removes the long-lived access key of a session; whether there was one.
    ///
    /// # Errors
    /// As for [`Vault::remove`].
    pub fn remove_access_key(&self, session: &SessionId) -> Result<bool, VaultError> {
        self.remove(&access_key_name(session))
    }

    /// Gives the vault a new key in another place, or in the same place a newer key (and
    /// behind a passphrase, another passphrase).
    ///
    /// `commit` is to write down, where the program keeps such things, that the key is now in
    /// that place; it must not use the vault. Until it is done both the key before and the new
    /// one open the vault, afterwards only the new one. So a crash at any moment leaves a vault
    /// that opens with the key that is written down. A passphrase that is changed in the same
    /// place is the new one from the first step on.
    ///
    /// No key is removed: the one before stays where it was, for copies of the vault that were
    /// made with it. A key that is in the new place already stays there too.
    ///
    /// # Errors
    /// The vault, its key or the new place cannot be read or written, or what `commit` says;
    /// the key before goes on being the vault's then. Only if the very last step fails, the new
    /// key is the vault's already, and the one before opens it until the next write.
    pub fn rekey<E: From<VaultError>>(
        &self,
        to: KeySource,
        commit: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _lock = self.locked()?;
        let (mut items, before) = self.read_to_write()?;
        let mut keys = Keys::new(to);
        // Without a vault, its first secret will make the key.
        let Some(before) = before.filter(|_| self.path.exists()) else {
            commit()?;
            *self.keys() = keys;
            return Ok(());
        };
        let new = keys.renew(&mut self.keys())?;
        let committed = self.write(&items, &[&new, &before]);
        if let Err(e) = committed.map_err(E::from).and_then(|()| commit()) {
            // As it was before; where that fails too, both keys open the vault.
            let _ = self
                .write(&items, &[&before])
                .and_then(|()| keys.take_back());
            return Err(e);
        }
        *self.keys() = keys;
        Ok(self.write_counted_as(&mut items, &new, &before)?)
    }

    fn locked(&self) -> Result<private_file::Lock, VaultError> {
        Ok(private_file::lock(&self.lock_path(), LOCK_DEADLINE)?)
    }

    fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<Items, VaultError> {
        let Some(sealed) = private_file::read(&self.path)? else {
            return Ok(Items::new());
        };
        let recalled = self.keys().recall();
        if let Some(identities) = recalled {
            match identities.open(&sealed) {
                // The key was changed by another process.
                Err(OpenError::OtherKey) => {}
                outcome => return self.items(outcome),
            }
        }
        let loaded = self.keys().load();
        let loaded = loaded.map_err(|error| self.of_vault(error))?;
        let identities = loaded.ok_or_else(|| self.missing())?;
        self.items(identities.open(&sealed))
    }

    /// The items, and the key as its source holds it now: what is written must not depend on a
    /// key that is in memory alone. No key where there is no vault and no key.
    fn read_to_write(&self) -> Result<(Items, Option<Arc<Identities>>), VaultError> {
        let sealed = private_file::read(&self.path)?;
        let loaded = self.keys().load();
        let loaded = loaded.map_err(|error| self.of_vault(error))?;
        match (sealed, loaded) {
            (None, identities) => Ok((Items::new(), identities)),
            (Some(_), None) => Err(self.missing()),
            (Some(sealed), Some(identities)) => {
                let items = self.items(identities.open(&sealed))?;
                Ok((items, Some(identities)))
            }
        }
    }

    fn items(&self, opened: Result<Zeroizing<Vec<u8>>, OpenError>) -> Result<Items, VaultError> {
        let damaged = || VaultError::Damaged(self.path.clone());
        let plain = opened.map_err(|e| match e {
            OpenError::Damaged => damaged(),
            OpenError::OtherKey => VaultError::WrongKey {
                vault: self.path.clone(),
                key: self.key_source().place(),
            },
        })?;
        serde_json::from_slice(&plain).map_err(|_| damaged())
    }

    fn first_is_there(&self) -> bool {
        self.first.as_ref().is_some_and(|first| first.exists())
    }

    /// The key is missing: for the vault that this one is beside, where that is there.
    fn missing(&self) -> VaultError {
        let first = self.first.as_ref().filter(|_| self.first_is_there());
        let vault = first.unwrap_or(&self.path).clone();
        let key = self.key_source().place();
        match key {
            KeyPlace::Keyring {
                instead_of: Some(file),
                ..
            } => VaultError::MissingKeyFile {
                vault,
                file,
                keyring: "no keyring has the key".to_owned(),
            },
            key => VaultError::MissingKey { vault, key },
        }
    }

    /// Without a keyring there is only the file in which the key can have been: that it is missing is
    /// what a person has to know. One that is locked may have the key.
    fn of_vault(&self, error: VaultError) -> VaultError {
        match error {
            VaultError::Keyring {
                key:
                    KeyPlace::Keyring {
                        instead_of: Some(file),
                        ..
                    },
                problem: KeyringError::Unreachable(why),
            } => VaultError::MissingKeyFile {
                vault: self.path.clone(),
                file,
                keyring: format!("Dayfly cannot reach a keyring that might have the key ({why})"),
            },
            other => other,
        }
    }

    fn write(&self, items: &Items, to: &[&Identities]) -> Result<(), VaultError> {
        let failed = || VaultError::Encrypt(self.path.clone());
        let plain = Zeroizing::new(serde_json::to_vec(items).map_err(|_| failed())?);
        let sealed = Identities::seal(&plain, to).ok_or_else(failed)?;
        Ok(private_file::write(&self.path, &sealed)?)
    }
}

/// Under which name a vault keeps what was seen, which is no secret of the person's.
const SEEN: &str = "dayfly/seen";

fn secrets(items: &Items) -> impl Iterator<Item = (&String, &Item)> {
    items.iter().filter(|(name, _)| *name != SEEN)
}

/// How names of long-lived access keys begin; the id of the session follows.
pub const ACCESS_KEY: &str = "aws-access-key/";

fn access_key_name(session: &SessionId) -> String {
    format!("{ACCESS_KEY}{session}")
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
