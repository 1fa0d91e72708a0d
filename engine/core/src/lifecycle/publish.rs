//! Credentials are in force, and take the place of others.

use crate::context::StepContext;
use crate::events::effect::Reply;
use crate::events::journal::JournalEvent;
use crate::model::ids::Cause;
use crate::model::policy::{Action, Fields, Outcome};
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::state::phase::{Operation, Phase};
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    pub(crate) fn published(&mut self, id: &SessionId, operation: &Operation, lease: Lease) {
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        self.orphan_replaced(id);
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let was_rotation = matches!(state.phase, Phase::Rotating(..));
        state.phase = Phase::Active(lease);
        state.stopped_at = None;
        state.renews_edit = false;
        state.failures = 0;
        let recovered = state.last_failure.take().is_some();
        state.retry_at = None;
        state.needs_person = false;
        state.rotate_asked = None;
        state.refresh_asked = false;
        for child in self.state.children.get(id).into_iter().flatten() {
            if let Some(child) = self.state.sessions.get_mut(child) {
                child.beyond_parent = false;
            }
        }
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let profile = state.publishing_profile.take();
        state.published_profile.clone_from(&profile);
        self.set_lease_timers(id, Some(lease));
        let mut displaced = Vec::new();
        for other in self.occupants(id, profile.as_ref()) {
            let holder = self.state.sessions.get(&other);
            if let Some(holder) = holder
                && holder.phase.lease().is_some()
                && holder.published_profile == profile
            {
                displaced.push(holder.session.name.clone());
                self.displace(&other, id, operation.cause);
            }
        }
        let outcome = if was_rotation {
            Outcome::Rotated
        } else {
            Outcome::Started
        };
        self.ended(id, operation.id, outcome, operation.cause);
        self.reply(id, |action| {
            (action != Action::Stop).then_some(Reply::Done {
                lease: Some(lease),
                displaced: displaced.clone(),
            })
        });
        let failure = if recovered {
            Fields::FAILURE
        } else {
            Fields::NONE
        };
        let fields = Fields::STATUS.union(Fields::CREDENTIALS).union(failure);
        self.mark_changed(id, fields, Some(outcome), operation.cause);
        self.settled(id);
        self.started_for(id);
    }

    /// Another session took the named profile, and the credentials of this one with it.
    pub(crate) fn displace(&mut self, id: &SessionId, by: &SessionId, cause: Cause) {
        let Some(state) = self.state.sessions.get(id).cloned() else {
            return;
        };
        if let Phase::Stopping(_, operation, outcome) = state.phase {
            // Nothing of it is left to be removed; the chain's answer will be stale.
            self.ended(id, operation, outcome, cause);
            return self.credentials_removed(id, outcome, cause);
        }
        let (session, other) = (id.clone(), by.clone());
        self.record(cause, JournalEvent::Displaced { session, by: other });
        if let Some(operation) = state
            .phase
            .operation()
            .filter(|o| o.is_publishing())
            .cloned()
        {
            // It is on its way to another profile; only what it had here was removed.
            if let Some(state) = self.state.sessions.get_mut(id) {
                state.phase = Phase::Starting(operation);
                state.published_profile = None;
            }
            self.set_lease_timers(id, None);
            return self.mark_changed(id, Fields::CREDENTIALS, None, cause);
        }
        self.cancel(id);
        if let Some(state) = self.state.sessions.get_mut(id) {
            state.for_child = false;
        }
        self.mark_stopped(id);
        self.stop_children(id, cause);
        self.credentials_removed(id, Outcome::Stopped, cause);
    }
}
