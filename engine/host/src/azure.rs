//! Tokens of Azure sessions for a command, with or without a running engine.

use std::time::{Duration, Instant};

use dayfly_control::azure_token::{GivenToken, Printed, of_engine};
use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::session::{Access, Session, SessionId};
use dayfly_dialog::CliError;
use dayfly_providers::azure::AzureCloud;
use dayfly_runtime::azure::cloud_of;
use dayfly_runtime::{Handle, Home};
use dayfly_vault::Vault;
use dayfly_workspace::Workspace;

use crate::{engine, settings};

/// Where a session's tokens come from, and where they are good.
pub struct Authority {
    /// Entra ID, where it is not that of the global cloud.
    pub host: Option<String>,
    /// What the session's own token is for.
    pub resource_manager: String,
}

/// Looks it up in the Workspace and the configuration.
pub fn authority(
    home: &Home,
    workspace: &Workspace,
    session: &Session,
) -> Result<Authority, CliError> {
    let settings = settings::in_force(home)?.azure;
    let integration = match &session.access {
        Access::Azure { integration_id, .. } => integration_id.as_deref(),
        _ => None,
    };
    let cloud = cloud_of(workspace, &settings, integration)
        .map_err(|problem| CliError::failed(problem).hint("fix it in the Workspace"))?;
    let usual = cloud.authority == AzureCloud::public().authority;
    Ok(Authority {
        host: (!usual).then_some(cloud.authority),
        resource_manager: cloud.resource_manager,
    })
}

/// How long a program waits for its token.
const TIMEOUT: Duration = Duration::from_secs(100);

/// How long one of many callers waits before it looks whether an engine runs meanwhile.
const TURN: Duration = Duration::from_millis(100);

/// How long what comes of it behind the answer may take.
const QUIET: Duration = Duration::from_secs(30);

/// A token: from a running engine, or obtained by one in this process.
pub fn token(
    home: &Home,
    vault: &Vault,
    session: &SessionId,
    resource: &str,
) -> Result<GivenToken, CliError> {
    let give_up = Instant::now() + TIMEOUT;
    let request = Request::Token {
        session: session.to_string(),
        resource: resource.to_owned(),
    };
    loop {
        if let Some(answer) = client::ask::<Printed>(home, &request) {
            return answer.map(GivenToken::from);
        }
        match obtain(home, vault, session, resource) {
            Ok(Some(given)) => return Ok(given),
            Ok(None) if Instant::now() < give_up => {}
            Ok(None) => {
                let message = format!("another engine is running on {}", home.folder().display());
                return Err(CliError::failed(message).hint("try again when that command has ended"));
            }
            Err(trouble) => return Err(trouble),
        }
    }
}

/// Obtains it in this process; none where another process is at it.
fn obtain(
    home: &Home,
    vault: &Vault,
    session: &SessionId,
    resource: &str,
) -> Result<Option<GivenToken>, CliError> {
    let given = engine::for_one_task(home, vault.clone(), TURN, QUIET, async |handle: &Handle| {
        of_engine(handle, session.as_str(), resource).await
    })?;
    given.transpose()
}
