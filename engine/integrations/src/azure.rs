//! What all commands on an Azure integration need.

use std::sync::Arc;

use dayfly_dialog::{CliError, Code};
use dayfly_host::vault;
use dayfly_providers::Timeouts;
use dayfly_providers::azure::{
    AZURE_CERTIFICATE, AZURE_CLIENT_SECRET, AZURE_SIGN_IN, AzureCredential, AzureError,
    AzureIntegration, AzureTokens, NoIntegrations, SignIn,
};
use dayfly_runtime::azure::azure_integration;
use dayfly_runtime::{Config, Home};
use dayfly_vault::Vault;
use dayfly_workspace::Workspace;

use crate::sign_in_row::SignInRow;

/// An integration as it is called.
pub struct Called {
    /// Calls Entra ID.
    pub tokens: Arc<AzureTokens>,
    /// As it is called.
    pub integration: AzureIntegration,
    /// Where what signs in is kept.
    pub vault: Vault,
}

/// Makes ready to call for the integration with this id.
pub fn called(home: &Home, workspace: &Workspace, id: &str) -> Result<Called, CliError> {
    let config = Config::load(&home.config()).map_err(|e| CliError::failed(e.to_string()))?;
    let found = azure_integration(workspace, &config.azure, home.folder(), id);
    let found = found
        .map_err(|problem| CliError::failed(problem).hint("fix it in the Workspace"))?
        .ok_or_else(|| {
            CliError::new(Code::NotFound, format!("there is no integration \"{id}\""))
        })?;
    let vault = vault::open(home)?;
    let tokens = AzureTokens::new(
        Timeouts::default(),
        Arc::new(NoIntegrations),
        Arc::new(vault.clone()),
    );
    Ok(Called {
        tokens: Arc::new(tokens),
        integration: found,
        vault,
    })
}

/// Whether tokens can be had without a person, as the vault has it. Nobody is called.
pub fn standing(home: &Home, workspace: &Workspace, id: &str) -> Result<SignInRow, CliError> {
    let Called {
        integration, vault, ..
    } = called(home, workspace, id)?;
    let kept = |kind: &str| {
        let kept = vault.get(&format!("{kind}{id}"));
        kept.map_err(|e| CliError::failed(e.to_string()))
    };
    let signed_in = match integration.credential {
        AzureCredential::SignIn => {
            let sign_in = kept(AZURE_SIGN_IN)?;
            Some(sign_in.as_ref().and_then(SignIn::read).is_some())
        }
        AzureCredential::ClientSecret => Some(kept(AZURE_CLIENT_SECRET)?.is_some()),
        AzureCredential::ClientCertificate => {
            let there =
                integration.certificate_file.is_some() || kept(AZURE_CERTIFICATE)?.is_some();
            Some(there)
        }
        // The machine, the platform or another program knows.
        AzureCredential::WorkloadIdentity
        | AzureCredential::ManagedIdentity
        | AzureCredential::AzureCli => None,
    };
    Ok(SignInRow {
        signed_in,
        ..SignInRow::default()
    })
}

/// Why there is no token, for a person.
pub fn trouble(error: AzureError) -> CliError {
    let code = match error.kind().needs_person() {
        true => Code::NeedsPerson,
        false => Code::Failed,
    };
    let id = error.request_id().map(|id| format!(" (request {id})"));
    let message = format!("{error}{}", id.unwrap_or_default());
    CliError::new(code, message).maybe_hint(error.hint())
}
