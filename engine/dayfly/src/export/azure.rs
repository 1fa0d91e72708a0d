//! Tokens of Azure sessions on their way to a program.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dayfly_core::session::{Access, Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_dialog::{CliError, Code};
use dayfly_providers::azure::AzureCloud;
use dayfly_runtime::azure::{IssuedToken, NoToken};
use dayfly_runtime::{Handle, Home, azure as runtime_azure, clock};
use dayfly_vault::{SecretString, Vault};
use dayfly_workspace::Workspace;
use serde::{Deserialize, Serialize};

use crate::control::client;
use crate::control::protocol::{self, Request};
use crate::engine;

/// Where a session's tokens come from, and where they are good.
pub(crate) struct Authority {
    /// Entra ID, where it is not that of the global cloud.
    pub(crate) host: Option<String>,
    /// What the session's own token is for.
    pub(crate) resource_manager: String,
}

/// Looks it up in the Workspace and the configuration.
pub(crate) fn authority(
    home: &Home,
    workspace: &Workspace,
    session: &Session,
) -> Result<Authority, CliError> {
    let settings = engine::in_force(home)?.azure;
    let integration = match &session.access {
        Access::Azure { integration_id, .. } => integration_id.as_deref(),
        _ => None,
    };
    let cloud = runtime_azure::cloud_of(workspace, &settings, integration)
        .map_err(|problem| CliError::failed(problem).hint("correct it in the Workspace"))?;
    let usual = cloud.authority == AzureCloud::public().authority;
    Ok(Authority {
        host: (!usual).then_some(cloud.authority),
        resource_manager: cloud.resource_manager,
    })
}

/// Why there is no other way to hand over a token.
pub(crate) fn no_other_way() -> CliError {
    CliError::usage("the Azure SDKs take tokens from a managed identity endpoint alone").hint(
        "leave --static, --imds and --token-file out: tokens are asked for at an endpoint, and \
         renewed",
    )
}

/// How long a program waits for its token.
const PATIENCE: Duration = Duration::from_secs(100);
/// How long one of many callers waits before it looks whether an engine runs meanwhile.
const TURN: Duration = Duration::from_millis(100);
/// How long what comes of it behind the answer may take.
const QUIET: Duration = Duration::from_secs(30);
/// How long an answer is good for further questions: a program may ask many times in a row, and
/// the engine has the last word.
const FRESH: Duration = Duration::from_secs(1);
/// Resources of one command.
const RESOURCES: usize = 64;

/// A token as a running engine, or one in this process, gave it.
#[derive(Clone, Debug)]
pub(crate) struct GivenToken {
    pub(crate) access_token: SecretString,
    pub(crate) expires_at: Timestamp,
    pub(crate) subscription_id: String,
    pub(crate) tenant_id: String,
}

/// The same on the control socket.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Printed {
    access_token: String,
    expires_at: Timestamp,
    subscription_id: String,
    tenant_id: String,
}

impl Drop for Printed {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.access_token);
    }
}

impl From<&GivenToken> for Printed {
    fn from(given: &GivenToken) -> Self {
        Self {
            access_token: given.access_token.expose().to_owned(),
            expires_at: given.expires_at,
            subscription_id: given.subscription_id.clone(),
            tenant_id: given.tenant_id.clone(),
        }
    }
}

impl From<Printed> for GivenToken {
    fn from(mut printed: Printed) -> Self {
        Self {
            access_token: std::mem::take(&mut printed.access_token).into(),
            expires_at: printed.expires_at,
            subscription_id: std::mem::take(&mut printed.subscription_id),
            tenant_id: std::mem::take(&mut printed.tenant_id),
        }
    }
}

impl From<IssuedToken> for GivenToken {
    fn from(issued: IssuedToken) -> Self {
        let subscription = match issued.definition.as_deref().map(|s| &s.access) {
            Some(Access::Azure {
                subscription_id, ..
            }) => subscription_id.clone(),
            _ => String::new(),
        };
        Self {
            access_token: issued.token.access_token.clone(),
            expires_at: issued.token.expires_at,
            subscription_id: subscription,
            tenant_id: issued.token.tenant_id.clone(),
        }
    }
}

/// A token from an engine in this process.
pub(crate) async fn of_engine(
    handle: &Handle,
    session: &str,
    resource: &str,
) -> Result<GivenToken, CliError> {
    let issued = handle.token(session, resource).await;
    issued.map(GivenToken::from).map_err(|why| match why {
        NoToken::Unobtained(why) => protocol::unobtained(session, why),
        NoToken::NotAzure(_) => CliError::usage(why.to_string()),
        NoToken::Failed(failure) => {
            let code = match failure.kind.needs_person() {
                true => Code::NeedsPerson,
                false => Code::Failed,
            };
            let id = failure.request_id.map(|id| format!(" (request {id})"));
            let message = failure.message + &id.unwrap_or_default();
            CliError::new(code, message).maybe_hint(failure.hint)
        }
    })
}

/// A token: from a running engine, or obtained by one in this process.
pub(crate) fn direct(
    home: &Home,
    vault: &Vault,
    session: &SessionId,
    resource: &str,
) -> Result<GivenToken, CliError> {
    let give_up = Instant::now() + PATIENCE;
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
                let message = format!("another Dayfly works on {}", home.folder().display());
                return Err(CliError::failed(message).hint("try again when it has ended"));
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

/// Tokens that a command was given.
pub(crate) type Held = Arc<Mutex<BTreeMap<String, (GivenToken, Instant)>>>;

/// A token for the command that this process runs; the last good one serves until it ends.
pub(crate) async fn for_command(
    home: &Home,
    vault: &Vault,
    session: &SessionId,
    resource: &str,
    held: &Held,
) -> Result<GivenToken, CliError> {
    let lock = || held.lock().unwrap_or_else(PoisonError::into_inner);
    let last = lock().get(resource).cloned();
    if let Some((given, at)) = &last
        && at.elapsed() < FRESH
        && given.expires_at > clock::now()
    {
        return Ok(given.clone());
    }
    let (home, vault) = (home.clone(), vault.clone());
    let (session, asked) = (session.clone(), resource.to_owned());
    let obtained = tokio::task::spawn_blocking(move || direct(&home, &vault, &session, &asked));
    let obtained = obtained.await;
    match (obtained.map_err(|e| CliError::failed(e.to_string()))?, last) {
        (Ok(given), _) => {
            let mut held = lock();
            if held.len() >= RESOURCES {
                held.clear();
            }
            held.insert(resource.to_owned(), (given.clone(), Instant::now()));
            Ok(given)
        }
        // Unless somebody has said no.
        (Err(trouble), Some((given, _)))
            if trouble.code == Code::Failed && given.expires_at > clock::now() =>
        {
            Ok(given)
        }
        (Err(trouble), _) => Err(trouble),
    }
}
