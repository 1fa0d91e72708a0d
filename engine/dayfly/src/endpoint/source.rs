//! Where an endpoint has credentials from.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::{Handle, Home, clock};
use dayfly_vault::Vault;

use crate::control::protocol;
use crate::export::azure::{self, GivenToken};
use crate::export::credentials::Given;
use crate::export::{direct, process};

/// A future that may move between threads.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives credentials for sessions, by id.
pub(crate) trait Source: Send + Sync + 'static {
    fn credentials<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Given, CliError>>;

    /// A token of an Azure session for this resource.
    fn token<'a>(
        &'a self,
        session: &'a str,
        resource: &'a str,
    ) -> BoxFuture<'a, Result<GivenToken, CliError>>;
}

impl Source for Handle {
    fn credentials<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Given, CliError>> {
        Box::pin(async move {
            let issued = Handle::credentials(self, session).await;
            let issued = issued.map_err(|why| protocol::unobtained(session, why))?;
            Given::parse(&process::json(&issued)?)
        })
    }

    fn token<'a>(
        &'a self,
        session: &'a str,
        resource: &'a str,
    ) -> BoxFuture<'a, Result<GivenToken, CliError>> {
        Box::pin(azure::of_engine(self, session, resource))
    }
}

/// The credentials of one session, for one command: from a running engine, or obtained here.
pub(crate) struct ForCommand {
    home: Home,
    vault: Vault,
    session: SessionId,
    last: Arc<Mutex<Option<(Given, Instant)>>>,
    /// Requests ask one after the other, and those that waited are answered with what came.
    turn: tokio::sync::Mutex<()>,
    tokens: azure::Held,
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
            tokens: azure::Held::default(),
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
            tokens: azure::Held::default(),
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
                let text = direct::with_vault(&home, &vault, session.as_str())?;
                Given::parse(&text)
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
        let obtained = azure::for_command(
            &self.home,
            &self.vault,
            &self.session,
            resource,
            &self.tokens,
        );
        Box::pin(obtained)
    }
}
