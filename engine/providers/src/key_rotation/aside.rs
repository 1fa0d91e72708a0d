//! What the vault has put aside of a rotation that is under way.

use dayfly_core::session::SessionId;
use dayfly_vault::{AccessKey, SecretString, Vault, VaultError};
use serde::{Deserialize, Serialize};

/// How names of what a rotation put aside begin in the vault; the session's id follows.
pub const ROTATION_ASIDE: &str = "access-key-rotation/";

/// The key that is replaced, and the one that is on its way into force, once there is one.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Aside {
    old: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    secret: String,
}

impl Drop for Aside {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl Aside {
    /// A rotation is about to make a key.
    pub(super) fn begun(old: &AccessKey) -> Self {
        Self {
            old: old.access_key_id.clone(),
            new: String::new(),
            secret: String::new(),
        }
    }

    /// It was made.
    pub(super) fn made(old: &AccessKey, new: &AccessKey) -> Self {
        Self {
            old: old.access_key_id.clone(),
            new: new.access_key_id.clone(),
            secret: new.secret_access_key.expose().to_owned(),
        }
    }

    /// What the vault has put aside for a session.
    pub(super) fn of(vault: &Vault, session: &SessionId) -> Result<Option<Self>, VaultError> {
        let text = vault.get(&name_of(session))?;
        // What cannot be read is as good as none: the key that is in force is elsewhere.
        Ok(text.and_then(|text| serde_json::from_str(text.expose()).ok()))
    }

    /// Has the vault keep it.
    pub(super) fn put(&self, vault: &Vault, session: &SessionId) -> Result<(), VaultError> {
        let text = serde_json::to_string(self).unwrap_or_default();
        vault.set(&name_of(session), &SecretString::from(text))
    }

    /// Nothing is put aside any more.
    pub(super) fn remove(vault: &Vault, session: &SessionId) -> Result<(), VaultError> {
        vault.remove(&name_of(session)).map(drop)
    }

    /// The id of the key that is replaced.
    pub(super) fn old(&self) -> &str {
        &self.old
    }

    /// The id of the new one, where it is there.
    pub(super) fn new_id(&self) -> Option<&str> {
        (!self.new.is_empty() && !self.secret.is_empty()).then_some(&self.new)
    }

    /// The new one, where it is there.
    pub(super) fn new_key(&self) -> Option<AccessKey> {
        Some(AccessKey {
            access_key_id: self.new_id()?.to_owned(),
            secret_access_key: SecretString::copy_of(&self.secret),
        })
    }
}

/// The sessions with a rotation that was begun and not brought to its end.
///
/// # Errors
/// The vault cannot be read.
pub fn interrupted_rotations(vault: &Vault) -> Result<Vec<SessionId>, VaultError> {
    let all = vault.list()?.into_iter();
    let of = |name: &str| name.strip_prefix(ROTATION_ASIDE).map(SessionId::new);
    Ok(all.filter_map(|info| of(&info.name)).collect())
}

fn name_of(session: &SessionId) -> String {
    format!("{ROTATION_ASIDE}{session}")
}
