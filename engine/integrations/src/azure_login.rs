//! Gives an Azure integration what it gets tokens with: a person's sign-in, or the secret or
//! certificate of an application. What is given is tried out before anything is said to be well.

use std::sync::Arc;
use std::time::Duration;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_dialog::{CliError, sanitize};
use dayfly_providers::Timeouts;
use dayfly_providers::azure::{
    AzureCredential, AzureIntegration, AzureSecrets, AzureTokens, DeviceCode, NoIntegrations, Want,
};
use dayfly_runtime::{Home, clock};
use dayfly_signin::browser;
use dayfly_vault::private_file::Lock;
use dayfly_vault::{SecretString, VaultError};
use dayfly_workspace::Workspace;

use crate::azure::{self, Called};
use crate::sso::block_on;
use crate::sso_login::Say;

/// Has the person give what asks for a secret or a certificate.
pub type Given = fn(AzureCredential) -> Result<SecretString, CliError>;

/// Signs the person in, or keeps what the person gives.
pub fn run(
    home: &Home,
    workspace: &Workspace,
    id: &str,
    open: bool,
    say: Say<'_>,
    given: Given,
) -> Result<(), CliError> {
    let called = azure::called(home, workspace, id)?;
    let name = sanitize(&called.integration.name);
    let said = match called.integration.credential {
        AzureCredential::SignIn => {
            let account = block_on(sign_in(&called, open, say))?;
            let by = account.map(|account| format!(" as {}", sanitize(&account)));
            format!("signed in to {name}{}", by.unwrap_or_default())
        }
        AzureCredential::ClientSecret | AzureCredential::ClientCertificate => {
            let secret = given(called.integration.credential)?;
            block_on(async {
                // One that works is not given up for one that does not.
                let trial = AzureTokens::new(
                    Timeouts::default(),
                    Arc::new(NoIntegrations),
                    Arc::new(OnTrial(secret.clone())),
                );
                try_out(&trial, &called.integration).await?;
                let kept = called.tokens.keep_secret(&called.integration, secret);
                kept.await.map_err(azure::trouble)
            })?;
            format!("{name} gets tokens; the vault has the secret now")
        }
        AzureCredential::WorkloadIdentity
        | AzureCredential::ManagedIdentity
        | AzureCredential::AzureCli => {
            block_on(try_out(&called.tokens, &called.integration))?;
            format!("{name} gets tokens")
        }
    };
    let signed_in = Request::SignedIn { id: id.to_owned() };
    if let Some(Err(trouble)) = client::ask::<serde_json::Value>(home, &signed_in) {
        return Err(trouble);
    }
    say(&format!("{said}\n"));
    Ok(())
}

/// Ends a sign-in: what the vault keeps of the integration is removed. What there is to say.
pub fn sign_out(home: &Home, workspace: &Workspace, id: &str) -> Result<String, CliError> {
    let called = azure::called(home, workspace, id)?;
    let forgotten = block_on(async {
        let forgotten = called.tokens.forget(&called.integration);
        forgotten.await.map_err(azure::trouble)
    })?;
    let name = sanitize(&called.integration.name);
    Ok(match forgotten {
        true => format!("removed the secret of {name} from the vault\n"),
        false => format!("the vault had no secret of {name}\n"),
    })
}

/// A secret that is not kept yet, in the place of the one that is.
struct OnTrial(SecretString);

impl AzureSecrets for OnTrial {
    fn get(&self, _name: &str) -> Result<Option<SecretString>, VaultError> {
        Ok(Some(self.0.clone()))
    }

    fn set(&self, _name: &str, _value: Option<&SecretString>) -> Result<(), VaultError> {
        Ok(())
    }

    fn turn(&self, _name: &str, _patience: Duration) -> Result<Option<Lock>, VaultError> {
        Ok(None)
    }
}

/// Gets a token.
async fn try_out(tokens: &AzureTokens, integration: &AzureIntegration) -> Result<(), CliError> {
    let tokens = tokens.token(
        integration,
        &integration.tenant_id,
        &integration.cloud.resource_manager,
        Want::NewerThan(None),
        clock::now(),
    );
    tokens.await.map(drop).map_err(azure::trouble)
}

async fn sign_in(called: &Called, open: bool, say: Say<'_>) -> Result<Option<String>, CliError> {
    let begun = called.tokens.begin_sign_in(&called.integration);
    let code = begun.await.map_err(azure::trouble)?;
    say(&invitation(&code));
    if open && browser::can_open() {
        let address = code.verification_uri_complete.clone();
        let address = address.unwrap_or_else(|| code.verification_uri.clone());
        // The address is printed: without a browser the person opens it elsewhere.
        let _ = browser::open(&SecretString::from(address)).await;
    }
    let account = code.wait().await.map_err(azure::trouble)?;
    // A tenant may let nobody have a token whom it lets sign in.
    try_out(&called.tokens, &called.integration).await?;
    Ok(account)
}

fn invitation(code: &DeviceCode) -> String {
    let minutes = code.expires_in.as_secs().div_ceil(60);
    format!(
        "Open {} in a browser on any device\nand enter the code {} within {minutes} minutes.\n",
        sanitize(&code.verification_uri),
        sanitize(&code.user_code)
    )
}
