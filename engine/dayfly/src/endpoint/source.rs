//! Where an endpoint has credentials from.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dayfly_core::session::SessionId;
use dayfly_runtime::{Handle, Home, clock};

use crate::clients::given::Given;
use crate::clients::{direct, process};
use crate::control::protocol;
use crate::trouble::Trouble;

/// A future that may move between threads.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives credentials for sessions, by id.
pub(crate) trait Source: Send + Sync + 'static {
    fn credentials<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Given, Trouble>>;
}

impl Source for Handle {
    fn credentials<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Given, Trouble>> {
        Box::pin(async move {
            let issued = Handle::credentials(self, session).await;
            let issued = issued.map_err(|why| protocol::unobtained(session, why))?;
            let text = process::json(&issued).map_err(|e| Trouble::failed(e.to_string()))?;
            Given::parse(&text)
        })
    }
}

/// The credentials of one session, for one command: from a running engine, or obtained here.
pub(crate) struct ForCommand {
    home: Home,
    session: SessionId,
    last: Arc<Mutex<Option<(Given, Instant)>>>,
}

/// How long an answer is good for further questions: a program may ask many times in a row.
const FRESH: Duration = Duration::from_secs(1);

impl ForCommand {
    /// Begins with credentials that were just obtained.
    pub(crate) fn new(home: &Home, session: &SessionId, first: Given) -> Self {
        Self {
            home: home.clone(),
            session: session.clone(),
            last: Arc::new(Mutex::new(Some((first, Instant::now())))),
        }
    }
}

impl Source for ForCommand {
    fn credentials<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Given, Trouble>> {
        Box::pin(async move {
            let lock = || {
                self.last
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            };
            let last = lock();
            if let Some((given, at)) = &last
                && at.elapsed() < FRESH
            {
                return Ok(given.clone());
            }
            let (home, session) = (self.home.clone(), self.session.clone());
            let asked = tokio::task::spawn_blocking(move || {
                let text = direct::credentials(&home, session.as_str())?;
                Given::parse(&text)
            });
            let result = asked.await.map_err(|e| Trouble::failed(e.to_string()))?;
            match (result, last) {
                (Ok(given), _) => {
                    let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                    *last = Some((given.clone(), Instant::now()));
                    Ok(given)
                }
                // The last good ones serve until they end.
                (Err(_), Some((given, _)))
                    if given.expires_at.is_none_or(|end| end > clock::now()) =>
                {
                    Ok(given)
                }
                (Err(trouble), _) => Err(trouble),
            }
        })
    }
}
