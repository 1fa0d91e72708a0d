//! Operations end, and whoever waited for that goes on.

use crate::context::StepContext;
use crate::events::journal::JournalEvent;
use crate::model::failure::Failure;
use crate::model::ids::{Cause, OperationId};
use crate::model::policy::Outcome;
use crate::model::session_id::SessionId;
use crate::state::phase::{OperationStage, Phase};

impl StepContext<'_> {
    /// The chain answered.
    pub(crate) fn delivered(&mut self, id: OperationId, result: Result<(), Failure>) {
        if let Some(overdue) = self.state.overdue.remove(&id) {
            return self.delivered_late(id, overdue, result);
        }
        let Some(session) = self.state.operations.remove(&id) else {
            return;
        };
        if self.orphan_delivered(&session, id, &result) {
            return;
        }
        let Some(state) = self.state.sessions.get(&session) else {
            return;
        };
        match (state.phase.clone(), result) {
            (Phase::Starting(o) | Phase::Rotating(_, o), Ok(())) if o.id == id => {
                if let OperationStage::Publishing(lease) = o.stage {
                    self.published(&session, &o, lease);
                }
            }
            (Phase::Starting(o) | Phase::Rotating(_, o), Err(failure)) if o.id == id => {
                self.fail(&session, failure);
            }
            (Phase::Stopping(_, o, outcome), Ok(())) if o == id => {
                self.retracted(&session, id, outcome);
            }
            (Phase::Stopping(lease, o, _), Err(failure)) if o == id => {
                self.retraction_failed(&session, id, lease, failure);
            }
            _ => self.stale(id),
        }
    }

    /// Records an answer that nobody waits for. An operation that is under way goes on.
    pub(crate) fn stale(&mut self, id: OperationId) {
        let cause = Cause::default();
        self.record(
            cause,
            JournalEvent::Stale {
                what: format!("operation {}", id.0),
            },
        );
    }

    pub(crate) fn ended(
        &mut self,
        id: &SessionId,
        operation: OperationId,
        outcome: Outcome,
        cause: Cause,
    ) {
        self.state.operations.remove(&operation);
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let failed = outcome == Outcome::Failed;
        let happening = JournalEvent::Ended {
            session: id.clone(),
            operation,
            outcome,
            lease: state.phase.lease(),
            failure: state.last_failure.clone().filter(|_| failed),
            retry_at: state.retry_at.filter(|_| failed && !state.needs_person),
        };
        self.record(cause, happening);
    }

    /// Whoever waited for this session is looked at again.
    pub(crate) fn settled(&mut self, id: &SessionId) {
        let children = self.state.children.get(id).cloned().unwrap_or_default();
        for child in children {
            self.advance(&child);
        }
        self.reconsider
            .extend(self.state.profile_owners.beside(id).cloned());
        self.reconsider.insert(id.clone());
    }
}
