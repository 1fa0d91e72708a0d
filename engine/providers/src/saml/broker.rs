//! Where assertions are left for the providers, or asked for by the sign-in command.
//!
//! One assertion serves every session of its IdP until it ends, a few minutes after the sign-in.
//! It is in this process's memory alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dayfly_core::time::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::assertion::Assertion;
use super::{AssertionRequest, Assertions, NoAssertion};
use crate::provider::BoxFuture;
use dayfly_vault::helper::{self, Helper};

/// How long an assertion is kept at most, whatever it says itself.
const KEPT: Duration = Duration::from_secs(600);
/// The most bytes that a sign-in command may print.
const OUTPUT: usize = 256 << 10;

/// Told when an assertion came that nobody waited for any more, with the id of its IdP.
type Answered = Box<dyn Fn(String) + Send + Sync>;

/// Where assertions are left and asked for. Clones share their state.
#[derive(Clone)]
pub struct AssertionBroker(Arc<Inner>);

struct Inner {
    answered: Answered,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    command: Option<Helper>,
    /// The addresses of the IdPs.
    addresses: BTreeMap<String, String>,
    /// Assertions that were left, and until when they are kept.
    held: BTreeMap<String, (Arc<Assertion>, Instant)>,
    /// IdPs for which the sign-in command runs; who waits hears of its end.
    asking: BTreeMap<String, watch::Receiver<bool>>,
    /// How the sign-in command ended, where it brought nothing, for those who waited.
    failed: BTreeMap<String, NoAssertion>,
    /// IdPs whose sign-in command nobody waits for any more.
    unheard: BTreeSet<String>,
}

impl fmt::Debug for AssertionBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionDesk").finish_non_exhaustive()
    }
}

impl AssertionBroker {
    /// A broker without a sign-in command.
    #[must_use]
    pub fn new(answered: Box<dyn Fn(String) + Send + Sync>) -> Self {
        Self(Arc::new(Inner {
            answered,
            state: Mutex::default(),
        }))
    }

    /// Which sign-in command is run from now on.
    pub fn set_command(&self, command: Option<Helper>) {
        self.state().command = command;
    }

    /// Where the IdPs are, by their ids in the Workspace.
    pub fn set_addresses(&self, addresses: BTreeMap<String, String>) {
        self.state().addresses = addresses;
    }

    /// Leaves an assertion of an IdP for all of its sessions.
    pub fn hand(&self, idp_url_id: &str, assertion: Assertion) {
        let until = Instant::now() + KEPT;
        let kept = (Arc::new(assertion), until);
        self.state().held.insert(idp_url_id.to_owned(), kept);
    }

    /// Whether the sign-in command is asking somebody for this IdP.
    #[must_use]
    pub fn is_asking(&self, idp_url_id: &str) -> bool {
        self.state().asking.contains_key(idp_url_id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self, idp_url_id: &str, now: Timestamp) -> Option<Arc<Assertion>> {
        let mut state = self.state();
        let at = Instant::now();
        state.held.retain(|_, (assertion, until)| {
            *until > at && assertion.not_on_or_after().is_none_or(|end| end > now)
        });
        state.held.get(idp_url_id).map(|(a, _)| Arc::clone(a))
    }

    /// Has the sign-in command run, and waits for a while. Whoever comes meanwhile waits for the
    /// same run.
    async fn asked(&self, request: AssertionRequest<'_>) -> Result<Arc<Assertion>, NoAssertion> {
        let id = request.idp_url_id;
        let (mut ended, wait) = {
            let mut state = self.state();
            let Some(helper) = state.command.clone() else {
                return Err(NoAssertion::Nobody);
            };
            let wait = helper.wait;
            state.unheard.remove(id);
            match state.asking.get(id) {
                Some(ended) => (ended.clone(), wait),
                None => {
                    let (sender, ended) = watch::channel(false);
                    state.asking.insert(id.to_owned(), ended.clone());
                    state.failed.remove(id);
                    let broker = self.clone();
                    let (id, address) = (id.to_owned(), state.addresses.get(id).cloned());
                    let (session, name) = (&request.session.id, &request.session.name);
                    let (session, name) = (session.to_string(), name.clone());
                    let role = request.session.role_arn().unwrap_or_default().to_owned();
                    tokio::spawn(async move {
                        let address = address.unwrap_or_default();
                        let environment = [
                            ("DAYFLY_IDP_URL", address.as_str()),
                            ("DAYFLY_IDP_URL_ID", id.as_str()),
                            ("DAYFLY_SESSION", session.as_str()),
                            ("DAYFLY_SESSION_NAME", name.as_str()),
                            ("DAYFLY_ROLE_ARN", role.as_str()),
                        ];
                        broker.ask(helper, &environment, &id).await;
                        let _ = sender.send(true);
                        broker.ended(&id);
                    });
                    (ended, wait)
                }
            }
        };
        let in_time = tokio::time::timeout(wait, ended.wait_for(|ended| *ended)).await;
        if in_time.is_err() {
            // Looked at and noted at once: what came in between is taken below, and nobody is told of
            // it twice.
            let mut state = self.state();
            if state.asking.contains_key(id) {
                state.unheard.insert(id.to_owned());
                return Err(NoAssertion::Asking);
            }
        }
        if let Some(assertion) = self.held(id, request.now) {
            return Ok(assertion);
        }
        let state = self.state();
        Err(match state.failed.get(id) {
            Some(NoAssertion::Command(error)) => NoAssertion::Command(error.clone()),
            Some(NoAssertion::Unusable(error)) => NoAssertion::Unusable(error.clone()),
            _ => NoAssertion::Nobody,
        })
    }

    async fn ask(&self, helper: Helper, environment: &[(&str, &str)], id: &str) {
        let printed = helper::run(&helper.command, environment, OUTPUT, helper.deadline).await;
        let result = match printed {
            Ok(text) => Assertion::parse(&text).map_err(NoAssertion::Unusable),
            Err(error) => Err(NoAssertion::Command(error)),
        };
        match result {
            Ok(assertion) => self.hand(id, assertion),
            Err(why) => {
                self.state().failed.insert(id.to_owned(), why);
            }
        }
        self.state().asking.remove(id);
    }

    fn ended(&self, id: &str) {
        let unheard = self.state().unheard.remove(id);
        if unheard && self.state().held.contains_key(id) {
            (self.0.answered)(id.to_owned());
        }
    }
}

impl Assertions for AssertionBroker {
    fn assertion<'a>(
        &'a self,
        request: AssertionRequest<'a>,
    ) -> BoxFuture<'a, Result<Arc<Assertion>, NoAssertion>> {
        Box::pin(async move {
            match self.held(request.idp_url_id, request.now) {
                Some(assertion) => Ok(assertion),
                None => self.asked(request).await,
            }
        })
    }

    fn forget(&self, idp_url_id: &str) {
        self.state().held.remove(idp_url_id);
    }
}

#[cfg(test)]
#[path = "broker_tests.rs"]
mod tests;
