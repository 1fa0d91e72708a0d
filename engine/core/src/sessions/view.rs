//! What policies and the Workspace file are to say of a session is made again after each change.

use std::sync::Arc;

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::input::PersistedStatus;
use crate::model::ids::Cause;
use crate::model::policy::{Fields, Outcome, Revision, SessionFacts};
use crate::model::session::{Session, Status};
use crate::model::session_id::SessionId;
use crate::sessions::changed_fields::{MATERIAL, WRITTEN};
use crate::sessions::notify::Change;
use crate::state::session_state::SessionState;

impl StepContext<'_> {
    /// The chain was asked for the credentials of a session.
    pub(crate) fn used(&mut self, session: &SessionId) {
        if let Some(state) = self.state.sessions.get_mut(session) {
            state.last_use = Some(self.now);
            let cause = state.cause;
            self.mark_changed(session, Fields::LAST_USE, None, cause);
        }
    }

    /// Updates the view, queues the change for policies that subscribed, and has the session reconsidered.
    pub(crate) fn mark_changed(
        &mut self,
        id: &SessionId,
        fields: Fields,
        outcome: Option<Outcome>,
        cause: Cause,
    ) {
        let settled = Fields::ADDED.union(Fields::CREDENTIALS).union(MATERIAL);
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        if fields.intersects(settled) {
            state.revision.0 += 1;
        }
        let before = Arc::clone(&state.view);
        let mut view = facts_of(&state.session);
        view.status = state.phase.status();
        view.started_at = state.phase.lease().map(|l| l.issued_at);
        view.expires_at = state.phase.lease().and_then(|l| l.expires_at);
        view.last_error = state.last_failure.as_ref().map(|f| f.kind);
        view.failures = state.failures;
        view.last_use = state.last_use;
        view.reason = state
            .manual_override
            .as_ref()
            .and_then(|w| w.stated().cloned());
        view.revision = state.revision;
        state.view = Arc::new(view);
        let change = Change {
            before,
            after: Arc::clone(&state.view),
            fields,
            void: fields.intersects(settled),
            written: fields.intersects(WRITTEN).then_some(state.present),
            outcome,
            cause,
        };
        self.write_status(id);
        self.reconsider.insert(id.clone());
        self.notify_policies(id, &change);
    }

    /// Asks for the projection to be written, where the file says something else.
    pub(crate) fn write_status(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get_mut(id).filter(|t| t.present) else {
            return;
        };
        let projection = projection(state);
        if projection != state.projected {
            state.projected = projection;
            self.effects.push(Effect::Project {
                session: id.clone(),
                projection,
            });
        }
    }
}

/// What the file is to say of the session's state.
pub(super) fn projection(state: &SessionState) -> PersistedStatus {
    let lease = state.phase.lease();
    PersistedStatus {
        status: state.phase.status(),
        start: lease.map(|l| l.issued_at),
        expiration: lease.and_then(|l| l.expires_at),
    }
}

pub(super) fn facts_of(session: &Session) -> SessionFacts {
    SessionFacts {
        id: session.id.clone(),
        name: session.name.clone(),
        session_type: session.session_type(),
        status: Status::Inactive,
        region: session.region.clone(),
        started_at: None,
        expires_at: None,
        named_profile: session.named_profile.clone(),
        account: session.account.clone(),
        role: session.role_arn().map(str::to_owned),
        chained_to: session.parent().cloned(),
        labels: session.labels.clone(),
        last_error: None,
        failures: 0,
        last_use: None,
        reason: None,
        revision: Revision(0),
    }
}
