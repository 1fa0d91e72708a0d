//! Credentials that the chain held at the start and that belong to no session of the Workspace:
//! retracted, however often that has to be tried.

use crate::context::StepContext;
use crate::events::effect::{Cause, JournalEvent, OperationId};
use crate::model::failure::Failure;
use crate::model::policy::Outcome;
use crate::model::random::Random;
use crate::model::session_id::SessionId;
use crate::state::Orphan;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// Begins to retract them, unless a session of that id has credentials by now.
    pub(crate) fn retract_orphan(&mut self, id: &SessionId) {
        let earlier = self.state.orphans.get(id);
        let failures = earlier.map_or(0, |o| o.failures);
        let profile = earlier.and_then(|o| o.profile.clone());
        let state = self.state.sessions.get(id);
        if state.is_some_and(|state| state.phase.lease().is_some()) {
            self.state.orphans.remove(id);
            return;
        }
        let begun = state.is_some_and(|state| state.phase.operation().is_some());
        // What is on its way there takes their place, or is known to have failed soon; it must not
        // be taken away behind an answer that is late.
        if begun || self.state.is_overdue(id) {
            let again = self.now.plus(self.state.settings.retry.first);
            return self.state.timers.set(TimerKey::Orphan(id.clone()), again);
        }
        let operation = self.new_operation(id);
        let orphan = Orphan {
            operation: Some(operation),
            failures,
            profile,
        };
        self.state.orphans.insert(id.clone(), orphan);
        self.ask_to_retract(operation, id);
    }

    /// What the chain published for the session took their place.
    pub(crate) fn orphan_replaced(&mut self, id: &SessionId) {
        let orphan = self.state.orphans.get(id);
        if orphan.is_some_and(|orphan| orphan.operation.is_none()) {
            self.state.orphans.remove(id);
            self.state.timers.clear(&TimerKey::Orphan(id.clone()));
        }
    }

    /// The chain answered such a retraction; whether it was one.
    pub(crate) fn orphan_delivered(
        &mut self,
        id: &SessionId,
        operation: OperationId,
        result: &Result<(), Failure>,
    ) -> bool {
        let orphan = self.state.orphans.get_mut(id);
        let Some(orphan) = orphan.filter(|o| o.operation == Some(operation)) else {
            return false;
        };
        let Err(failure) = result else {
            self.state.orphans.remove(id);
            return true;
        };
        orphan.operation = None;
        orphan.failures = orphan.failures.saturating_add(1);
        let retry = self.state.settings.retry;
        let mut random = Random::of(self.state.seed ^ u64::from(orphan.failures), id.as_str());
        let at = retry.retry_at(self.now, orphan.failures, &mut random);
        self.state.timers.set(TimerKey::Orphan(id.clone()), at);
        let failed = JournalEvent::Ended {
            session: id.clone(),
            operation,
            outcome: Outcome::Failed,
            lease: None,
            failure: Some(failure.clone()),
            retry_at: Some(at),
        };
        self.record(Cause::default(), failed);
        true
    }
}
