//! Operations that fail: what stays in force, when it is tried again, and who gets to know.

use crate::context::StepContext;
use crate::events::effect::{Effect, OperationId, Reply};
use crate::lifecycle::outages;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::policy::{Action, Fields, Outcome};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::Phase;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// An operation that was to bring credentials failed.
    pub(crate) fn fail(&mut self, id: &SessionId, failure: Failure) {
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let Some(operation) = state.phase.operation().map(|o| o.id) else {
            return;
        };
        let lease = state.phase.lease();
        state.phase = lease.map_or(Phase::Inactive, Phase::Active);
        state.for_child &= lease.is_some();
        // What was edited before this ran, or while it did, is still to be obtained.
        let renews_edit = std::mem::take(&mut state.renews_edit);
        state.outdated |= lease.is_some()
            && (renews_edit || state.published_profile != state.session.named_profile);
        if lease.is_none()
            && state
                .manual_override
                .as_ref()
                .is_some_and(|w| w.action == Action::Start)
        {
            state.manual_override = None;
            self.effects.push(Effect::Remember {
                session: id.clone(),
                word: None,
            });
        }
        if let Some(lease) = lease {
            // They may have ended while the chain took those that were to follow: nothing else ends
            // them. Where the clock was set back since, they end once more.
            let end = match lease.expired(self.now) {
                true => Some(self.now),
                false => lease.expires_at,
            };
            self.state.timers.put(TimerKey::Expiry(id.clone()), end);
        }
        self.state.operations.remove(&operation);
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        self.note_failure(id, &failure);
        self.report_failure(id, operation, failure);
        if lease.is_none() {
            self.release_parent(id);
        } else {
            self.stays_in_force(id);
        }
    }

    /// Takes a failure up, and when it is tried again by itself.
    pub(crate) fn note_failure(&mut self, id: &SessionId, failure: &Failure) -> Timestamp {
        let settings = self.state.settings;
        let lasting = matches!(failure.kind, ErrorKind::Denied | ErrorKind::Misconfigured);
        let unreachable = outages::is_unreachable(failure.kind);
        let backoff = if unreachable {
            self.note_unreachable(id)
        } else {
            self.state.unreachable.remove(id);
            if lasting {
                settings.retry_lasting
            } else {
                settings.retry
            }
        };
        let Some(state) = self.state.sessions.get_mut(id) else {
            return self.now;
        };
        let failures = state.failures.saturating_add(1);
        let at = backoff.retry_at(self.now, failures, &mut state.random);
        let at = if failure.kind.needs_person() {
            self.now.plus(settings.ask_person_again)
        } else {
            at
        };
        let retry_at = failure.retry_at.map_or(at, |earliest| earliest.max(at));
        state.failures = failures;
        state.last_failure = Some(failure.clone());
        state.needs_person = failure.kind.needs_person();
        state.retry_at = Some(retry_at);
        self.state
            .timers
            .set(TimerKey::Reconsider(id.clone()), retry_at);
        retry_at
    }

    /// Records it, answers commands, and queues the change for policies.
    pub(crate) fn report_failure(
        &mut self,
        id: &SessionId,
        operation: OperationId,
        failure: Failure,
    ) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let (cause, retry_at) = (state.cause, state.retry_at);
        let retried = if state.phase == Phase::Inactive || state.needs_person {
            None
        } else {
            retry_at
        };
        self.ended(id, operation, Outcome::Failed, cause);
        self.reply(id, |_| {
            Some(Reply::Failed {
                failure: failure.clone(),
                retry_at: retried,
            })
        });
        let fields = Fields::STATUS.union(Fields::FAILURE);
        let outcome = if failure.kind.needs_person() {
            Outcome::NeedsPerson
        } else {
            Outcome::Failed
        };
        self.mark_changed(id, fields, Some(outcome), cause);
        self.settled(id);
    }
}
