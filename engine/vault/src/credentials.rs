//! Long-lived and temporary credentials.

use dayfly_core::session::Lease;

use crate::secret::SecretString;

/// A long-lived AWS access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…`; an identifier, not a secret.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: SecretString,
}

/// Temporary credentials and the facts about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryCredentials {
    /// When they were issued and when they end.
    pub lease: Lease,
    /// The credentials.
    pub material: Material,
}

/// What a cloud accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// An AWS key, with the session token that temporary keys have.
    Aws {
        /// An identifier, not a secret.
        access_key_id: String,
        /// The secret half.
        secret_access_key: SecretString,
        /// Sent with each request; absent for LocalStack's fixed key.
        session_token: Option<SecretString>,
        /// The region that the session names.
        region: Option<String>,
    },
    /// A bearer token of Microsoft Entra ID for the resource manager of a cloud.
    Azure {
        /// The token.
        access_token: SecretString,
        /// What it is good for, as programs ask for it (`https://management.azure.com`).
        resource: String,
        /// The subscription that the session is for.
        subscription_id: String,
        /// The tenant that issued the token.
        tenant_id: String,
        /// What the Azure CLI calls the cloud (`AzureCloud`).
        environment: String,
    },
}
