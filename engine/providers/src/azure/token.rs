//! A token of Entra ID.

use dayfly_core::session::Lease;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureToken {
    /// The token.
    pub access_token: SecretString,
    /// What it is good for, as it was asked for.
    pub resource: String,
    /// The tenant that issued it.
    pub tenant_id: String,
    /// When it was asked for.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl AzureToken {
    /// Its facts.
    #[must_use]
    pub const fn lease(&self) -> Lease {
        Lease {
            issued_at: self.issued_at,
            expires_at: Some(self.expires_at),
        }
    }
}
