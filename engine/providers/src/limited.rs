//! Bounds on the calls of a provider: how many at once, and how fast.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::{ErrorKind, SessionType};
use dayfly_vault::TemporaryCredentials;

use crate::errors::ProviderError;
use crate::limiter::CallSlots;
use crate::pace::Pace;
use crate::provider::{BoxFuture, IssueRequest, Provider};

/// A provider that has a bounded number of calls in flight, at a bounded rate; the others wait in
/// order.
pub(crate) struct Limited {
    inner: Box<dyn Provider>,
    places: Arc<CallSlots>,
    turn: Duration,
    pace: Option<Arc<Pace>>,
}

impl Limited {
    pub(crate) fn new(
        inner: Box<dyn Provider>,
        places: Arc<CallSlots>,
        turn: Duration,
        pace: Option<Arc<Pace>>,
    ) -> Self {
        Self {
            inner,
            places,
            turn,
            pace,
        }
    }
}

impl Provider for Limited {
    fn session_type(&self) -> SessionType {
        self.inner.session_type()
    }

    fn issue<'a>(
        &'a self,
        mut request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let asked = tokio::time::Instant::now();
            let turn = tokio::time::timeout(self.turn, self.places.take()).await;
            let Ok(Some(_place)) = turn else {
                return Err(ProviderError::Busy {
                    session: request.session.name.clone(),
                    session_type: self.session_type(),
                    limit: self.places.limit(),
                    waited_seconds: self.turn.as_secs(),
                });
            };
            if let Some(pace) = &self.pace {
                let left = self.turn.saturating_sub(asked.elapsed());
                pace.turn(left)
                    .await
                    .map_err(|too_long| ProviderError::Paced {
                        session: request.session.name.clone(),
                        session_type: self.session_type(),
                        per_second: pace.per_second(),
                        at: request.now.plus(asked.elapsed()).plus(too_long.wait),
                    })?;
            }
            request.now = request.now.plus(asked.elapsed());
            let (now, begun) = (request.now, tokio::time::Instant::now());
            let result = self.inner.issue(request).await;
            if let Some(pace) = &self.pace {
                match &result {
                    Ok(_) => pace.went_well(),
                    Err(error) if error.kind() == ErrorKind::Throttled => {
                        let now = now.plus(begun.elapsed());
                        pace.throttled(error.failure().retry_at.map(|at| at.since(now)));
                    }
                    Err(_) => {}
                }
            }
            result
        })
    }
}
