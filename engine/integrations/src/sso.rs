//! What all commands on a portal of IAM Identity Center need.

use std::sync::Arc;

use dayfly_dialog::{CliError, Code};
use dayfly_host::{engine, settings};
use dayfly_providers::sso::{Sso, SsoError};
use dayfly_runtime::{Config, Home, sso_settings};
use dayfly_workspace::AwsSsoIntegration;

use crate::sign_in_row::SignInRow;

/// Calls portals as the configuration has it.
pub fn portals(home: &Home) -> Result<Arc<Sso>, CliError> {
    let config = Config::load(&home.config()).map_err(|e| CliError::failed(e.to_string()))?;
    let mut settings = sso_settings(&config);
    if settings.config_file.is_none() {
        settings.config_file = Some(settings::config_file(&config)?);
    }
    Ok(Arc::new(Sso::new(settings)))
}

/// Carries out what waits for a network.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    engine::threads(2)?.block_on(work)
}

/// Whether somebody is signed in, as the shared files have it. Nobody is called.
pub fn standing(home: &Home, integration: &AwsSsoIntegration) -> Result<SignInRow, CliError> {
    let portals = portals(home)?;
    let integration = dayfly_runtime::sso_integration(integration);
    block_on(async {
        let standing = portals
            .sign_in_status(&integration)
            .await
            .map_err(trouble)?;
        Ok(SignInRow {
            signed_in: Some(standing.signed_in),
            until: standing.until.filter(|_| !standing.renewable),
            ends: standing.ends,
        })
    })
}

/// An error of the portal, for a person.
pub fn trouble(error: SsoError) -> CliError {
    let code = if error.kind().needs_person() {
        Code::NeedsPerson
    } else {
        Code::Failed
    };
    let mut message = error.to_string();
    if let SsoError::Refused {
        request_id: Some(id),
        ..
    }
    | SsoError::NotAccepted {
        request_id: Some(id),
        ..
    } = &error
    {
        message += &format!(" (request {id})");
    }
    CliError::new(code, message).maybe_hint(error.hint())
}
