//! STOP: credentials are retracted, after those of the sessions chained to them.

use crate::context::StepContext;
use crate::events::effect::{Effect, Reply};
use crate::model::failure::Failure;
use crate::model::ids::{Cause, OperationId};
use crate::model::policy::{Action, Fields, Outcome};
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::state::phase::{OperationStage, Phase};
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// Retracts the credentials of a session, after those of the sessions chained to it.
    pub(crate) fn stop(&mut self, id: &SessionId, outcome: Outcome, cause: Cause) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let lease = match &state.phase {
            Phase::Inactive | Phase::Stopping(..) => return,
            // The chain has it in hand; what is to be done is decided again when it answers.
            Phase::Starting(o) | Phase::Rotating(_, o) if o.is_publishing() => return,
            phase => phase.lease(),
        };
        let under_way = state.phase.operation().map(|o| o.id);
        self.cancel(id);
        // From here on it goes by itself, not with the last of those that are chained to it.
        if let Some(state) = self.state.sessions.get_mut(id) {
            state.for_child = false;
        }
        if outcome == Outcome::Stopped {
            self.mark_stopped(id);
            self.stop_children(id, cause);
        }
        let Some(lease) = lease else {
            self.credentials_removed(id, outcome, cause);
            if let Some(operation) = under_way {
                self.ended(id, operation, outcome, cause);
            }
            return;
        };
        // One that the chain has not answered yet is not asked for a second time.
        let asked = self.resume_retraction(id);
        let operation = asked.unwrap_or_else(|| self.new_operation(id));
        if let Some(state) = self.state.sessions.get_mut(id) {
            state.phase = Phase::Stopping(lease, operation, outcome);
            state.cause = cause;
        }
        self.set_delivery_deadline(id);
        if asked.is_none() {
            self.ask_to_retract(operation, id);
        }
        self.mark_changed(id, Fields::STATUS, None, cause);
    }

    pub(crate) fn stop_children(&mut self, id: &SessionId, cause: Cause) {
        for child in self.state.children.get(id).cloned().unwrap_or_default() {
            self.stop(&child, Outcome::Stopped, cause);
            self.stopped_with_parent(&child, id);
            // What the chain has in hand is stopped when it answers.
            if let Some(state) = self.state.sessions.get_mut(&child) {
                state.beyond_parent = state.phase != Phase::Inactive;
            }
        }
    }

    pub(crate) fn mark_stopped(&mut self, id: &SessionId) {
        if let Some(state) = self.state.sessions.get_mut(id) {
            state.stopped_at = Some(self.now);
        }
    }

    /// Gives up an operation that is not yet in the chain's hands.
    pub(crate) fn cancel(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let Some(operation) = state.phase.operation().cloned() else {
            return;
        };
        if operation.stage == OperationStage::Issuing {
            self.state.issuing -= 1;
            self.effects.push(Effect::Cancel {
                operation: operation.id,
            });
        }
        // The session's phase is the caller's to change; an answer to this operation is stale.
        self.state.operations.remove(&operation.id);
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        self.state.queue.remove(id);
    }

    pub(crate) fn retracted(&mut self, id: &SessionId, operation: OperationId, outcome: Outcome) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let cause = state.cause;
        self.credentials_removed(id, outcome, cause);
        self.ended(id, operation, outcome, cause);
    }

    /// The session has nothing in the chain any more.
    pub(crate) fn credentials_removed(&mut self, id: &SessionId, outcome: Outcome, cause: Cause) {
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        state.phase = Phase::Inactive;
        state.beyond_parent = false;
        state.for_child = false;
        state.published_profile = None;
        state.outdated = false;
        state.renews_edit = false;
        state.rotate_asked = None;
        state.refresh_asked = false;
        if outcome == Outcome::Stopped {
            state.failures = 0;
            state.last_failure = None;
            state.retry_at = None;
            state.needs_person = false;
        }
        // Who wants it started said so while the old credentials were on their way out.
        let wanted = { state.waiting.iter() }
            .any(|(command, action)| *action == Action::Start && !state.demands.contains(command));
        if !wanted
            && state
                .manual_override
                .as_ref()
                .is_some_and(|order| order.action == Action::Start)
        {
            state.manual_override = None;
            self.effects.push(Effect::Remember {
                session: id.clone(),
                word: None,
            });
        }
        self.set_lease_timers(id, None);
        self.reply(id, |action| match action {
            Action::Stop => Some(Reply::Done {
                lease: None,
                displaced: Vec::new(),
            }),
            Action::Start => None,
            Action::Rotate => Some(Reply::Superseded),
        });
        self.mark_changed(
            id,
            Fields::STATUS.union(Fields::CREDENTIALS),
            Some(outcome),
            cause,
        );
        self.settled(id);
        self.release_parent(id);
    }

    /// The credentials could not be removed: the truth is that they are still there.
    pub(crate) fn retraction_failed(
        &mut self,
        id: &SessionId,
        operation: OperationId,
        lease: Lease,
        failure: Failure,
    ) {
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        state.phase = Phase::Active(lease);
        state.stopped_at = None;
        state.outdated |= std::mem::take(&mut state.renews_edit);
        let retry_at = self.note_failure(id, &failure);
        // Where the clock was set back meanwhile, they have not ended any more.
        let end = match lease.expired(self.now) {
            true => Some(retry_at),
            false => lease.expires_at,
        };
        self.state.timers.put(TimerKey::Expiry(id.clone()), end);
        self.report_failure(id, operation, failure);
    }
}
