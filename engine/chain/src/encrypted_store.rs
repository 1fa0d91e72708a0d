//! Credentials that stand in no file of other programs, kept encrypted with the vault's key: those
//! of sessions without a named profile, or whose programs ask Dayfly.
//!
//! What is lost here is obtained again, so a file that does not open any more is started again too. But
//! no key is made while the vault is there that the missing one is for.

use std::collections::BTreeMap;
use std::mem::take;

use dayfly_core::session::{Lease, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, SecretString, TemporaryCredentials, Vault, VaultError};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// The encrypted file.
#[derive(Clone, Debug)]
pub struct EncryptedStore(Vault);

/// What is kept of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedCredentials {
    /// The named profile.
    pub profile: Option<String>,
    /// The credentials.
    pub credentials: TemporaryCredentials,
    /// When earlier credentials were issued that these replace, that the credentials file may hold
    /// yet, and that look newer since the clock was set back; none: nothing there looks newer.
    pub replaces: Option<Timestamp>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    profile: Option<String>,
    lease: Lease,
    material: StoredMaterial,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<Timestamp>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum StoredMaterial {
    Aws {
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
        region: Option<String>,
    },
    Azure {
        access_token: String,
        resource: String,
        subscription_id: String,
        tenant_id: String,
        environment: String,
    },
}

impl Drop for StoredMaterial {
    fn drop(&mut self) {
        match self {
            Self::Aws {
                secret_access_key,
                session_token,
                ..
            } => {
                secret_access_key.zeroize();
                session_token.zeroize();
            }
            Self::Azure { access_token, .. } => access_token.zeroize(),
        }
    }
}

impl From<&Material> for StoredMaterial {
    fn from(material: &Material) -> Self {
        match material {
            Material::Aws {
                access_key_id,
                secret_access_key,
                session_token,
                region,
            } => Self::Aws {
                access_key_id: access_key_id.clone(),
                secret_access_key: secret_access_key.expose().to_owned(),
                session_token: session_token.as_ref().map(|t| t.expose().to_owned()),
                region: region.clone(),
            },
            Material::Azure {
                access_token,
                resource,
                subscription_id,
                tenant_id,
                environment,
            } => Self::Azure {
                access_token: access_token.expose().to_owned(),
                resource: resource.clone(),
                subscription_id: subscription_id.clone(),
                tenant_id: tenant_id.clone(),
                environment: environment.clone(),
            },
        }
    }
}

impl StoredMaterial {
    fn take(&mut self) -> Material {
        match self {
            Self::Aws {
                access_key_id,
                secret_access_key,
                session_token,
                region,
            } => Material::Aws {
                access_key_id: take(access_key_id),
                secret_access_key: take(secret_access_key).into(),
                session_token: session_token.take().map(SecretString::from),
                region: region.take(),
            },
            Self::Azure {
                access_token,
                resource,
                subscription_id,
                tenant_id,
                environment,
            } => Material::Azure {
                access_token: take(access_token).into(),
                resource: take(resource),
                subscription_id: take(subscription_id),
                tenant_id: take(tenant_id),
                environment: take(environment),
            },
        }
    }
}

impl EncryptedStore {
    /// In the file of this vault.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// The encrypted file.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    /// Keeps credentials, and forgets those of sessions with none, in one step.
    ///
    /// # Errors
    /// The file cannot be written, or its key not be had.
    pub fn change(
        &self,
        changes: &[(SessionId, Option<EncryptedCredentials>)],
    ) -> Result<(), VaultError> {
        let only_forgets = changes.iter().all(|(_, kept)| kept.is_none());
        if changes.is_empty() || (only_forgets && !self.0.path().exists()) {
            return Ok(());
        }
        let texts: Vec<Option<SecretString>> = changes
            .iter()
            .map(|(_, kept)| kept.as_ref().and_then(text))
            .collect();
        let changes: Vec<(&str, Option<&SecretString>)> = changes
            .iter()
            .zip(&texts)
            .map(|((session, _), text)| (session.as_str(), text.as_ref()))
            .collect();
        match self.0.change(&changes) {
            Err(error) if !only_forgets && self.is_of_vault(&error) => Err(error),
            Err(error) if is_lost(&error) => {
                // Nothing in it can be read any more.
                let _ = std::fs::remove_file(self.0.path());
                self.0.change(&changes)
            }
            result => result,
        }
    }

    /// Whether the key is missing that the vault beside needs too.
    fn is_of_vault(&self, error: &VaultError) -> bool {
        matches!(error, VaultError::MissingKey { vault, .. } if vault != self.path())
    }

    /// What is kept of one session.
    ///
    /// # Errors
    /// As for [`EncryptedStore::all`].
    pub fn get(&self, session: &SessionId) -> Result<Option<EncryptedCredentials>, VaultError> {
        let found = self.0.get(session.as_str()).or_else(nothing_if_lost)?;
        Ok(found.as_ref().and_then(read))
    }

    /// All that is kept.
    ///
    /// # Errors
    /// The file cannot be read, or its key not be had.
    pub fn all(&self) -> Result<BTreeMap<SessionId, EncryptedCredentials>, VaultError> {
        let all = self.0.all().or_else(nothing_if_lost)?;
        let all = all.iter();
        Ok(all
            .filter_map(|(id, text)| Some((SessionId::new(id), read(text)?)))
            .collect())
    }
}

/// Whether the file will never open again.
const fn is_lost(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::WrongKey { .. } | VaultError::MissingKey { .. } | VaultError::Damaged(_)
    )
}

fn nothing_if_lost<T: Default>(error: VaultError) -> Result<T, VaultError> {
    if is_lost(&error) {
        Ok(T::default())
    } else {
        Err(error)
    }
}

fn text(kept: &EncryptedCredentials) -> Option<SecretString> {
    let stored = Stored {
        profile: kept.profile.clone(),
        lease: kept.credentials.lease,
        material: StoredMaterial::from(&kept.credentials.material),
        replaces: kept.replaces,
    };
    // Room enough, so that the buffer is not moved and a copy left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(16_384));
    serde_json::to_writer(&mut *text, &stored).ok()?;
    let text = std::str::from_utf8(&text).ok()?;
    Some(SecretString::from(text.to_owned()))
}

fn read(text: &SecretString) -> Option<EncryptedCredentials> {
    let mut stored: Stored = serde_json::from_str(text.expose()).ok()?;
    Some(EncryptedCredentials {
        profile: stored.profile.take(),
        credentials: TemporaryCredentials {
            lease: stored.lease,
            material: stored.material.take(),
        },
        replaces: stored.replaces,
    })
}
