//! Long-lived secrets in one encrypted file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use age::secrecy::ExposeSecret;
use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::credentials::AccessKey;
use crate::private_file::{self, PrivateFileError};
use crate::secret::SecretString;

/// How long another process may keep the vault locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);

/// Why the vault could not be used. Never carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file of the vault could not be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The key file holds no key.
    #[error("{path} holds no age identity; restore it from a backup, or move it and the vault away to begin anew", path = .0.display())]
    BadKey(PathBuf),
    /// The vault cannot be decrypted with this key.
    #[error("{vault} cannot be decrypted with the key in {key}; restore the key that the vault was made with", vault = vault.display(), key = key.display())]
    WrongKey {
        /// The encrypted file.
        vault: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The vault's content makes no sense.
    #[error("{path} was decrypted, but its content is damaged; restore it from a backup", path = .0.display())]
    Damaged(PathBuf),
    /// The vault could not be encrypted.
    #[error("{path} could not be encrypted", path = .0.display())]
    Encrypt(PathBuf),
}

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

/// Long-lived secrets, in a file encrypted with the age format to an X25519 key that stands in
/// a file of its own (mode 0600, created with the first secret).
///
/// Who can read both files can read the secrets: keep the key file where backups of the
/// vault do not go.
///
/// Source: the age file encryption format, <https://age-encryption.org/v1>.
#[derive(Clone, Debug)]
pub struct Vault {
    path: PathBuf,
    key: PathBuf,
}

impl Vault {
    /// The vault in this file, with its key in that file. Neither has to exist yet.
    #[must_use]
    pub fn new(path: PathBuf, key: PathBuf) -> Self {
        Self { path, key }
    }

    /// The secret with this name.
    ///
    /// # Errors
    /// The vault cannot be read or decrypted.
    pub fn get(&self, name: &str) -> Result<Option<SecretString>, VaultError> {
        Ok(self
            .read()?
            .get(name)
            .map(|item| SecretString::from(item.value.clone())))
    }

    /// Writes a secret, replacing an earlier one of that name.
    ///
    /// # Errors
    /// The vault cannot be read, decrypted, locked or written; nothing is changed then.
    pub fn set(&self, name: &str, value: &SecretString) -> Result<(), VaultError> {
        let _lock = private_file::lock(&self.lock_path(), LOCK_DEADLINE)?;
        let mut items = self.read()?;
        let item = Item {
            value: value.expose().to_owned(),
            updated_at: now(),
        };
        items.insert(name.to_owned(), item);
        self.write(&items)
    }

    /// Removes a secret; whether there was one.
    ///
    /// # Errors
    /// As for [`Vault::set`].
    pub fn remove(&self, name: &str) -> Result<bool, VaultError> {
        let _lock = private_file::lock(&self.lock_path(), LOCK_DEADLINE)?;
        let mut items = self.read()?;
        if items.remove(name).is_none() {
            return Ok(false);
        }
        self.write(&items)?;
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
        Ok(items.iter().map(info).collect())
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
        let pair = KeyPair {
            access_key_id: key.access_key_id.clone(),
            secret_access_key: key.secret_access_key.expose().to_owned(),
        };
        let text =
            serde_json::to_string(&pair).map_err(|_| VaultError::Encrypt(self.path.clone()))?;
        self.set(&access_key_name(session), &text.into())
    }

    fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }

    fn read(&self) -> Result<Items, VaultError> {
        let Some(sealed) = private_file::read(&self.path)? else {
            return Ok(Items::new());
        };
        let wrong = || VaultError::WrongKey {
            vault: self.path.clone(),
            key: self.key.clone(),
        };
        let identity = self.identity()?.ok_or_else(wrong)?;
        let plain = Zeroizing::new(age::decrypt(&identity, &sealed).map_err(|_| wrong())?);
        serde_json::from_slice(&plain).map_err(|_| VaultError::Damaged(self.path.clone()))
    }

    fn write(&self, items: &Items) -> Result<(), VaultError> {
        let identity = match self.identity()? {
            Some(identity) => identity,
            None => new_identity(&self.key)?,
        };
        let failed = || VaultError::Encrypt(self.path.clone());
        let plain = Zeroizing::new(serde_json::to_vec(items).map_err(|_| failed())?);
        let sealed = age::encrypt(&identity.to_public(), &plain).map_err(|_| failed())?;
        Ok(private_file::write(&self.path, &sealed)?)
    }

    fn identity(&self) -> Result<Option<age::x25519::Identity>, VaultError> {
        let Some(bytes) = private_file::read(&self.key)? else {
            return Ok(None);
        };
        let bytes = Zeroizing::new(bytes);
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let line = text
            .lines()
            .map(str::trim)
            .find(|l| !l.is_empty() && !l.starts_with('#'));
        let identity = line.and_then(|line| age::x25519::Identity::from_str(line).ok());
        identity
            .map(Some)
            .ok_or_else(|| VaultError::BadKey(self.key.clone()))
    }
}

fn new_identity(path: &Path) -> Result<age::x25519::Identity, VaultError> {
    let identity = age::x25519::Identity::generate();
    let text = identity.to_string();
    let line = Zeroizing::new(format!("{}\n", text.expose_secret()));
    private_file::write(path, line.as_bytes())?;
    Ok(identity)
}

fn access_key_name(session: &SessionId) -> String {
    format!("aws-access-key/{session}")
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
