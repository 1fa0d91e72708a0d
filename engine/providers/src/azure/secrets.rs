//! The long-lived secrets of integrations, and the turn that only one process at a time has.

use std::fmt;
use std::time::Duration;

use data_encoding::HEXLOWER;
use dayfly_vault::private_file::{self, Lock};
use dayfly_vault::{SecretString, Vault, VaultError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// How names of sign-ins begin in the vault; the id of the integration follows.
pub const AZURE_SIGN_IN: &str = "azure-sign-in/";
/// The same for secrets of applications.
pub const AZURE_CLIENT_SECRET: &str = "azure-client-secret/";
/// The same for certificates of applications, with their keys, as PEM.
pub const AZURE_CERTIFICATE: &str = "azure-client-certificate/";

/// Keeps the long-lived secrets of integrations.
///
/// Every call may block: an OS keyring is another process, and a lock may be somebody else's.
pub trait AzureSecrets: Send + Sync {
    /// The secret with this name.
    ///
    /// # Errors
    /// The place where secrets are kept cannot be read.
    fn get(&self, name: &str) -> Result<Option<SecretString>, VaultError>;

    /// Writes a secret, or removes it, in one step.
    ///
    /// # Errors
    /// The place where secrets are kept cannot be written; nothing is changed then.
    fn set(&self, name: &str, value: Option<&SecretString>) -> Result<(), VaultError>;

    /// The turn to redeem the refresh token with this name, which no other process has as long as
    /// the lock lives.
    ///
    /// # Errors
    /// Another process has it for longer than this.
    fn turn(&self, name: &str, patience: Duration) -> Result<Option<Lock>, VaultError>;
}

impl AzureSecrets for Vault {
    fn get(&self, name: &str) -> Result<Option<SecretString>, VaultError> {
        Self::get(self, name)
    }

    fn set(&self, name: &str, value: Option<&SecretString>) -> Result<(), VaultError> {
        self.change(&[(name, value)])
    }

    fn turn(&self, name: &str, patience: Duration) -> Result<Option<Lock>, VaultError> {
        // The name holds an id, which may be anything.
        let digest = Sha256::digest(name.as_bytes());
        let word = HEXLOWER.encode(digest.get(..8).unwrap_or_default());
        let path = self.path().with_extension(format!("{word}.lock"));
        Ok(Some(private_file::lock(&path, patience)?))
    }
}

/// No secrets: for programs that obtain no tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAzureSecrets;

impl AzureSecrets for NoAzureSecrets {
    fn get(&self, _name: &str) -> Result<Option<SecretString>, VaultError> {
        Ok(None)
    }

    fn set(&self, _name: &str, _value: Option<&SecretString>) -> Result<(), VaultError> {
        Ok(())
    }

    fn turn(&self, _name: &str, _patience: Duration) -> Result<Option<Lock>, VaultError> {
        Ok(None)
    }
}

/// What is kept of a person's sign-in.
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Gets access tokens, until it is revoked or unused for long.
    pub refresh_token: SecretString,
    /// The application that it was issued to.
    pub client_id: String,
    /// The tenant that was signed in to.
    pub tenant_id: String,
    /// Who signed in, as Entra names them.
    pub account: Option<String>,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    refresh_token: String,
    client_id: String,
    tenant_id: String,
    account: Option<String>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.refresh_token.zeroize();
    }
}

impl SignIn {
    /// Reads what the vault has; none where it is not what was written.
    #[must_use]
    pub fn read(text: &SecretString) -> Option<Self> {
        let mut stored: Stored = serde_json::from_str(text.expose()).ok()?;
        Some(Self {
            refresh_token: std::mem::take(&mut stored.refresh_token).into(),
            client_id: std::mem::take(&mut stored.client_id),
            tenant_id: std::mem::take(&mut stored.tenant_id),
            account: stored.account.take(),
        })
    }

    /// The text for the vault.
    pub(crate) fn text(&self) -> Option<SecretString> {
        let stored = Stored {
            refresh_token: self.refresh_token.expose().to_owned(),
            client_id: self.client_id.clone(),
            tenant_id: self.tenant_id.clone(),
            account: self.account.clone(),
        };
        // Room enough, so that the buffer is not moved and a copy left behind.
        let mut text = Zeroizing::new(Vec::with_capacity(16_384));
        serde_json::to_writer(&mut *text, &stored).ok()?;
        Some(SecretString::from(
            std::str::from_utf8(&text).ok()?.to_owned(),
        ))
    }
}
