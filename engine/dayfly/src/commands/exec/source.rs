//! What the endpoints of `dayfly exec` serve: the credentials of one session, for one command.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dayfly_control::azure_token::GivenToken;
use dayfly_control::credentials::Given;
use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, Code};
use dayfly_endpoints::source::{BoxFuture, Source};
use dayfly_host::{azure, direct};
use dayfly_runtime::{Home, clock};
use dayfly_vault::Vault;

/// Resources of one command.
const RESOURCES: usize = 64;

/// The credentials of one session, for one command: from a running engine, or obtained here.
pub(crate) struct ForCommand {
    home: Home,
    vault: Vault,
    session: SessionId,
    last: Arc<Mutex<Option<(Given, Instant)>>>,
    /// Requests ask one after the other, and those that waited are answered with what came.
    turn: tokio::sync::Mutex<()>,
    tokens: HeldTokens,
}

/// How long an answer is good for further questions: a program may ask many times in a row.
const FRESH: Duration = Duration::from_secs(1);

impl ForCommand {
    /// Begins with credentials that were just obtained.
    pub(crate) fn new(home: &Home, vault: &Vault, session: &SessionId, first: Given) -> Self {
        Self {
            home: home.clone(),
            vault: vault.clone(),
            session: session.clone(),
            last: Arc::new(Mutex::new(Some((first, Instant::now())))),
            turn: tokio::sync::Mutex::default(),
            tokens: HeldTokens::default(),
        }
    }

    /// The same for a session of Azure.
    pub(crate) fn of_azure(home: &Home, vault: &Vault, session: &SessionId) -> Self {
        Self {
            home: home.clone(),
            vault: vault.clone(),
            session: session.clone(),
            last: Arc::default(),
            turn: tokio::sync::Mutex::default(),
            tokens: HeldTokens::default(),
        }
    }

    /// The last ones, where they have not ended, and since when.
    fn last(&self) -> Option<(Given, Instant)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        let good = |given: &Given| given.expires_at.is_none_or(|end| end > now);
        last.clone().filter(|(given, _)| good(given))
    }
}

impl Source for ForCommand {
    fn credentials<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Given, CliError>> {
        Box::pin(async move {
            let fresh = || self.last().filter(|(_, at)| at.elapsed() < FRESH);
            if let Some((given, _)) = fresh() {
                return Ok(given);
            }
            let _turn = self.turn.lock().await;
            if let Some((given, _)) = fresh() {
                return Ok(given);
            }
            let (home, vault) = (self.home.clone(), self.vault.clone());
            let session = self.session.clone();
            let asked = tokio::task::spawn_blocking(move || {
                direct::with_vault(&home, &vault, session.as_str())
            });
            let result = asked.await.map_err(|e| CliError::failed(e.to_string()))?;
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(given) => {
                    *last = Some((given.clone(), Instant::now()));
                    Ok(given)
                }
                Err(trouble) => {
                    // What could not be renewed serves until it ends; what was stopped, or is not
                    // to be had any more, does not.
                    let retracted = matches!(trouble.code, Code::Refused | Code::NotFound);
                    if retracted {
                        *last = None;
                    }
                    drop(last);
                    self.last().map(|(given, _)| given).ok_or(trouble)
                }
            }
        })
    }

    fn token<'a>(
        &'a self,
        _: &'a str,
        resource: &'a str,
    ) -> BoxFuture<'a, Result<GivenToken, CliError>> {
        let obtained = token_for_command(
            &self.home,
            &self.vault,
            &self.session,
            resource,
            &self.tokens,
        );
        Box::pin(obtained)
    }
}

/// Tokens that a command was given.
type HeldTokens = Arc<Mutex<BTreeMap<String, (GivenToken, Instant)>>>;

/// A token for the command that this process runs; the last good one serves until it ends.
async fn token_for_command(
    home: &Home,
    vault: &Vault,
    session: &SessionId,
    resource: &str,
    held: &HeldTokens,
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
    let obtained =
        tokio::task::spawn_blocking(move || azure::token(&home, &vault, &session, &asked));
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
