//! What signs in to the console is made of; the files beside this one do it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_core::session::{Access, Session};
use dayfly_core::time::Timestamp;
use dayfly_net::Connector;
use tokio::sync::{Mutex as Turn, OnceCell};

use super::cache::Cache;
use super::error::LoginError;
use crate::http;
use crate::settings::Timeouts;
use crate::sso::SignInStatus;

/// The longest answer of the service, in bytes.
pub(super) const ANSWER: usize = 64 << 10;

/// Where the settings of the SDK say that the service is.
#[derive(Debug)]
pub(super) struct Endpoint(pub(super) Option<String>);

/// How the sign-in service is called, and where sign-ins are kept.
#[derive(Clone, Debug)]
pub struct LoginSettings {
    /// The folder of the shared sign-ins; without it `AWS_LOGIN_CACHE_DIRECTORY`, or else
    /// `~/.aws/login/cache`, as for the AWS CLI.
    pub cache: Option<PathBuf>,
    /// The region of sessions that name none.
    pub default_region: String,
    /// How long one call may take.
    pub timeouts: Timeouts,
    /// What tells the time.
    pub clock: fn() -> Timestamp,
}

/// Whose sign-in is meant, and for which session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginTarget {
    /// The session's name.
    pub session: String,
    /// ARN of who signs in.
    pub login_session: String,
    /// The region whose sign-in service is asked.
    pub region: String,
}

/// Signs in to the console, keeps the sign-ins, and renews what they give.
pub struct Logins {
    pub(super) settings: LoginSettings,
    pub(super) cache: Cache,
    pub(super) connector: Connector,
    /// What the settings of the SDK say of the service's place; read at the first call.
    pub(super) endpoint: OnceCell<Endpoint>,
    turns: Mutex<BTreeMap<String, Arc<Turn<()>>>>,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Logins {
    /// Reads nothing and calls nobody yet.
    #[must_use]
    pub fn new(settings: LoginSettings) -> Self {
        Self {
            cache: Cache::at(settings.cache.clone()),
            connector: http::connector(&settings.timeouts, ANSWER),
            endpoint: OnceCell::new(),
            turns: Mutex::default(),
            settings,
        }
    }

    /// What a session signs in to; none where it is of another type.
    #[must_use]
    pub fn target(&self, session: &Session) -> Option<LoginTarget> {
        let Access::AwsLogin { login_session } = &session.access else {
            return None;
        };
        let region = session.region.as_ref();
        Some(LoginTarget {
            session: session.name.clone(),
            login_session: login_session.clone(),
            region: region.unwrap_or(&self.settings.default_region).clone(),
        })
    }

    /// How a sign-in stands, as its shared file has it. Nobody is called. Whether it can still be renewed,
    /// only the service knows.
    #[must_use]
    pub fn status(&self, login_session: &str) -> SignInStatus {
        let Ok(Some(token)) = self.cache.peek(login_session) else {
            return SignInStatus::default();
        };
        let now = (self.settings.clock)();
        SignInStatus {
            signed_in: true,
            until: Some(token.expires_at).filter(|end| *end > now),
            renewable: true,
            ends: None,
        }
    }

    /// Why the shared file of a sign-in gives nothing; none where one stands in it. Nobody is called.
    #[must_use]
    pub fn trouble(&self, target: &LoginTarget) -> Option<LoginError> {
        let (session, who) = (target.session.clone(), target.login_session.clone());
        match self.cache.peek(&target.login_session) {
            Ok(Some(_)) => None,
            Ok(None) => Some(LoginError::SignedOut { session, who }),
            Err(error) => Some(LoginError::Cache {
                mends: error.mends(),
                problem: error.to_string(),
                session,
                who,
            }),
        }
    }

    /// The file in which a sign-in stands; none without a home folder.
    #[must_use]
    pub fn file(&self, login_session: &str) -> Option<PathBuf> {
        self.cache.path(login_session).ok()
    }

    /// One at a time looks at a sign-in or renews it.
    pub(super) fn turn(&self, login_session: &str) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(login_session.to_owned()).or_default())
    }
}
