//! Gives an Azure integration what it gets tokens with: a person's sign-in, or the secret or
//! certificate of an application. What is given is tried out before anything is said to be well.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_providers::Timeouts;
use dayfly_providers::azure::{
    AzureCredential, AzureIntegration, AzureSecrets, AzureTokens, DeviceCode, NoIntegrations, Want,
};
use dayfly_runtime::{Home, clock};
use dayfly_signin::browser;
use dayfly_vault::private_file::Lock;
use dayfly_vault::{SecretString, VaultError};
use dayfly_workspace::Workspace;

use super::azure::{self, Called};
use super::sso::block_on;
use crate::prompt;
use crate::terminal::print;

/// The longest secret or certificate, in bytes.
const INPUT: usize = 256 << 10;

pub(crate) fn run(
    home: &Home,
    workspace: &Workspace,
    id: &str,
    open: bool,
) -> Result<Exit, CliError> {
    let called = azure::called(home, workspace, id)?;
    let name = sanitize(&called.integration.name);
    let said = match called.integration.credential {
        AzureCredential::SignIn => {
            let account = block_on(sign_in(&called, open))?;
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
            format!("{name} gets tokens; what you gave is kept in the vault")
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
    print(&format!("{said}\n"));
    Ok(Exit::Done)
}

/// Ends a sign-in: what the vault keeps of the integration is removed.
pub(crate) fn sign_out(home: &Home, workspace: &Workspace, id: &str) -> Result<Exit, CliError> {
    let called = azure::called(home, workspace, id)?;
    let forgotten = block_on(async {
        let forgotten = called.tokens.forget(&called.integration);
        forgotten.await.map_err(azure::trouble)
    })?;
    let name = sanitize(&called.integration.name);
    print(&match forgotten {
        true => format!("{name} has nothing in the vault any more\n"),
        false => format!("{name} had nothing in the vault\n"),
    });
    Ok(Exit::Done)
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

async fn sign_in(called: &Called, open: bool) -> Result<Option<String>, CliError> {
    let begun = called.tokens.begin_sign_in(&called.integration);
    let code = begun.await.map_err(azure::trouble)?;
    print(&invitation(&code));
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

/// What the person gives: on a terminal it is asked for, else it is the standard input.
fn given(credential: AzureCredential) -> Result<SecretString, CliError> {
    let input = std::io::stdin();
    let is_secret = credential == AzureCredential::ClientSecret;
    let text = if input.is_terminal() && is_secret {
        let text = prompt::secret("Client secret (not shown): ");
        text.map_err(|e| CliError::failed(format!("cannot read from the terminal: {e}")))?
    } else {
        if input.is_terminal() {
            print("Paste the certificate and its key as PEM, then end with Ctrl-D:\n");
        }
        let read = crate::input::secret(INPUT);
        read.map_err(|e| CliError::failed(format!("cannot read the standard input: {e}")))?
    };
    let trimmed = SecretString::copy_of(text.expose().trim());
    if trimmed.expose().is_empty() {
        return Err(CliError::usage("nothing was given").hint(match is_secret {
            true => "give the client secret on the standard input",
            false => "give the certificate and its key as PEM on the standard input",
        }));
    }
    Ok(trimmed)
}
