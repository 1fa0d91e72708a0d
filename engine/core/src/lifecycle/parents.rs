//! Sessions that were started only since one that is chained to them was to start.

use crate::arbitration::{Actor, Situation, arbitrate};
use crate::context::StepContext;
use crate::events::effect::JournalEvent;
use crate::model::policy::{Action, Outcome, Reason};
use crate::model::session::Status;
use crate::model::session_id::SessionId;
use crate::state::Phase;

impl StepContext<'_> {
    /// Whether anybody wants the session to be active: a person, a program or a policy, and nobody
    /// who counts more forbids it.
    pub(crate) fn is_wanted(&self, id: &SessionId) -> bool {
        let Some(state) = self.state.sessions.get(id).filter(|t| t.present) else {
            return false;
        };
        let proposals = self.active_proposals(id, state);
        let situation = Situation {
            now: self.now,
            status: Status::Inactive,
            revision: state.view.revision,
        };
        arbitrate(situation, &proposals.acts, &proposals.holds).action == Some(Action::Start)
    }

    /// A session is active: those that were started for its sake stay so, unless it was only started
    /// for another itself.
    pub(crate) fn started_for(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        if state.for_child {
            // Whoever needed it may have given up meanwhile.
            return self.release(id);
        }
        let mut parent = state.session.parent().cloned();
        while let Some(id) = parent {
            let Some(state) = self.state.sessions.get_mut(&id) else {
                return;
            };
            if !std::mem::take(&mut state.for_child) {
                return;
            }
            parent = state.session.parent().cloned();
        }
    }

    /// A session was not started, or is not active any more: the one that was started only for it is
    /// stopped again.
    pub(crate) fn release_parent(&mut self, id: &SessionId) {
        let parent = self.state.sessions.get(id);
        let parent = parent.and_then(|t| t.session.parent()).cloned();
        if let Some(parent) = parent {
            self.release(&parent);
        }
    }

    /// Stops a session that was started only for others, where none of them and nobody else needs it.
    fn release(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get(id).filter(|t| t.for_child) else {
            return;
        };
        let stoppable = match &state.phase {
            Phase::Active(_) => true,
            Phase::Starting(operation) | Phase::Rotating(_, operation) => {
                // What the chain has in hand is looked at when it answers.
                !operation.is_publishing()
            }
            Phase::Inactive | Phase::Stopping(..) => false,
        };
        let mut children = self.state.children.get(id).into_iter().flatten();
        let needed = children.any(|child| {
            let child_is = self.state.sessions.get(child).map(|t| &t.phase);
            // One that is wanted is tried again by itself.
            child_is.is_some_and(|phase| *phase != Phase::Inactive) || self.is_wanted(child)
        });
        if !stoppable || needed || self.is_wanted(id) {
            return;
        }
        let cause = state.cause;
        let decided = JournalEvent::Decided {
            session: id.clone(),
            action: Action::Stop,
            by: Actor::Child,
            why: Reason::new(
                "child",
                "Dayfly started it only for a session that is chained to it, and that session did \
                 not start",
            ),
            losers: Vec::new(),
        };
        self.record(cause, decided);
        self.stop(id, Outcome::Stopped, cause);
    }
}
