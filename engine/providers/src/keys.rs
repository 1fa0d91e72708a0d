//! Where long-lived keys come from.

use std::sync::Arc;

use dayfly_core::session::SessionId;
use dayfly_vault::{AccessKey, Vault, VaultError};

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
}

impl LongLivedKeys for Vault {
    fn access_key(&self, session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Self::access_key(self, session)
    }
}

impl<K: LongLivedKeys + ?Sized> LongLivedKeys for Arc<K> {
    fn access_key(&self, session: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        (**self).access_key(session)
    }
}
