//! Where long-lived keys come from.

use std::sync::Arc;

use dayfly_core::session::{Session, SessionId};
use dayfly_vault::{AccessKey, SecretString, Vault, VaultError};

use crate::errors::ProviderError;

/// How names of seeds of MFA devices begin in the vault; the device's serial number or ARN follows.
pub const TOTP_SEED: &str = "totp-seed/";

/// How names of passphrases of private keys and of PINs of tokens begin in the vault; the session's id follows.
pub const KEY_PASSPHRASE: &str = "key-passphrase/";

/// Knows the long-lived access keys of sessions.
pub trait LongLivedKeys: Send + Sync {
    /// The access key that is kept for a session, if there is one.
    ///
    /// May block: an OS keyring is another process. Providers call it on a thread that may
    /// wait.
    ///
    /// # Errors
    /// The place where secrets are kept cannot be read.
    fn access_key(&self, session: &SessionId) -> Result<Option<AccessKey>, VaultError>;

    /// The seed of an MFA device, as [`crate::Totp::to_text`] has it, if one is kept. May block as
    /// well.
    ///
    /// # Errors
    /// The place where secrets are kept cannot be read.
    fn totp_seed(&self, device: &str) -> Result<Option<SecretString>, VaultError> {
        let _ = device;
        Ok(None)
    }

    /// The vault that the keys are in, where they can be replaced there.
    fn vault(&self) -> Option<&Vault> {
        None
    }

    /// The passphrase of the private key of a session, or the PIN of the token that has it, if one is
    /// kept. May block as well.
    ///
    /// # Errors
    /// The place where secrets are kept cannot be read.
    fn key_passphrase(&self, session: &SessionId) -> Result<Option<SecretString>, VaultError> {
        let _ = session;
        Ok(None)
    }
}

/// The access key that is kept for `owner`, for a call in the name of a session.
pub(crate) async fn of(
    keys: &Arc<dyn LongLivedKeys>,
    session: &Session,
    owner: &SessionId,
) -> Result<AccessKey, ProviderError> {
    let (keys, id) = (Arc::clone(keys), owner.clone());
    tokio::task::spawn_blocking(move || keys.access_key(&id))
        .await
        .map_err(|_| ProviderError::Interrupted {
            session: session.name.clone(),
            task: "reading the access key",
        })?
        .map_err(|source| ProviderError::Keys {
            session: session.name.clone(),
            source: Box::new(source),
        })?
        .ok_or_else(|| match *owner == session.id {
            true => ProviderError::NoAccessKey {
                session: session.name.clone(),
            },
            false => ProviderError::Parent {
                session: session.name.clone(),
                parent: owner.to_string(),
                problem: "whose access key is not in the vault",
            },
        })
}

/// The key that took the place of one that the cloud does not know any more, while a call with it was under
/// way; `refused` where it is still the same.
pub(crate) async fn other_than(
    keys: &Arc<dyn LongLivedKeys>,
    session: &Session,
    owner: &SessionId,
    before: &AccessKey,
    refused: ProviderError,
) -> Result<AccessKey, ProviderError> {
    let key = of(keys, session, owner).await?;
    match key.access_key_id == before.access_key_id {
        true => Err(refused),
        false => Ok(key),
    }
}

impl LongLivedKeys for Vault {
    fn access_key(&self, session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Self::access_key(self, session)
    }

    fn totp_seed(&self, device: &str) -> Result<Option<SecretString>, VaultError> {
        self.get(&format!("{TOTP_SEED}{device}"))
    }

    fn vault(&self) -> Option<&Vault> {
        Some(self)
    }

    fn key_passphrase(&self, session: &SessionId) -> Result<Option<SecretString>, VaultError> {
        self.get(&format!("{KEY_PASSPHRASE}{session}"))
    }
}

impl<K: LongLivedKeys + ?Sized> LongLivedKeys for Arc<K> {
    fn access_key(&self, session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        (**self).access_key(session)
    }

    fn totp_seed(&self, device: &str) -> Result<Option<SecretString>, VaultError> {
        (**self).totp_seed(device)
    }

    fn vault(&self) -> Option<&Vault> {
        (**self).vault()
    }

    fn key_passphrase(&self, session: &SessionId) -> Result<Option<SecretString>, VaultError> {
        (**self).key_passphrase(session)
    }
}
