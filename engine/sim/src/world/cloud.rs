//! The made-up cloud: answers after a while, refuses, throttles, cannot be reached.

use std::cmp::Reverse;
use std::time::Duration;

use dayfly_core::effect::OperationId;
use dayfly_core::session::{ErrorKind, Failure, Lease, SessionId};

use super::World;
use crate::scenario::lifetime;

impl World<'_> {
    /// A call of a provider: the answer comes after a while.
    pub(super) fn issue(&mut self, operation: OperationId, session: &SessionId) {
        self.outcome.calls += 1;
        let minute = self.passed().as_secs() / 60;
        if self.minute.0 != minute {
            self.minute = (minute, 0);
        }
        self.minute.1 += 1;
        let calls = &mut self.outcome.calls_per_minute_max;
        *calls = (*calls).max(self.minute.1);
        let most = u64::try_from(self.scenario.latency.as_millis()).unwrap_or(u64::MAX);
        let latency = Duration::from_millis(most / 2 + self.random.up_to(most));
        let at = self.now.plus(latency);
        let throttled = self
            .scenario
            .calls_per_minute
            .is_some_and(|limit| self.minute.1 > u64::from(limit));
        let offset = at.since(self.scenario.begin);
        let refusal =
            self.scenario.refusals.iter().find(|refusal| {
                refusal.span.contains(offset) && refusal.sessions.contains(session)
            });
        let result = if self.scenario.outages.iter().any(|o| o.contains(offset)) {
            Err(Failure::new(
                ErrorKind::Network,
                "the cloud cannot be reached",
            ))
        } else if throttled {
            self.outcome.throttled += 1;
            Err(Failure::new(
                ErrorKind::Throttled,
                "too many calls in a minute",
            ))
        } else if let Some(refusal) = refusal {
            Err(Failure::new(refusal.kind, "the scenario says so"))
        } else {
            let lived = self
                .state
                .session(session)
                .and_then(|t| lifetime(&t.session));
            Ok(Lease {
                issued_at: at,
                expires_at: lived.map(|lived| at.plus(lived)),
            })
        };
        self.issuing.insert(operation, result);
        self.answers.push(Reverse((at, operation)));
    }
}
