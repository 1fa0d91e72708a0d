//! Where long-lived keys come from.

use std::sync::Arc;

use dayfly_core::session::SessionId;
use dayfly_vault::{AccessKey, SecretString, Vault, VaultError};

/// How names of seeds of MFA devices begin in the vault; the device's serial number or ARN follows.
pub const TOTP_SEED: &str = "totp-seed/";

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
}

impl LongLivedKeys for Vault {
    fn access_key(&self, session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Self::access_key(self, session)
    }

    fn totp_seed(&self, device: &str) -> Result<Option<SecretString>, VaultError> {
        self.get(&format!("{TOTP_SEED}{device}"))
    }
}

impl<K: LongLivedKeys + ?Sized> LongLivedKeys for Arc<K> {
    fn access_key(&self, session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        (**self).access_key(session)
    }

    fn totp_seed(&self, device: &str) -> Result<Option<SecretString>, VaultError> {
        (**self).totp_seed(device)
    }
}
