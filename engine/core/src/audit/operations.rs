//! Every operation belongs to a session, and no more providers are asked than may be.

use std::collections::BTreeSet;

use crate::audit::Audit;
use crate::audit::violation::Violation;
use crate::state::phase::{OperationStage, Phase};
use crate::state::session_state::SessionState;

impl Audit<'_> {
    /// Every operation belongs to a session, or retracts credentials that belong to no session.
    pub(super) fn operations(&mut self) {
        for (operation, id) in self.state.operations() {
            let phase = self.state.session(id).map(|state| &state.phase);
            let owned = phase.is_some_and(|phase| match phase {
                Phase::Starting(o) | Phase::Rotating(_, o) => o.id == operation,
                Phase::Stopping(_, o, _) => *o == operation,
                Phase::Inactive | Phase::Active(_) => false,
            });
            let orphan = self.state.orphan(id);
            if !owned && orphan.is_none_or(|(o, _)| o != Some(operation)) {
                let session = id.clone();
                self.broken(Violation::StrayOperation { operation, session });
            }
        }
    }

    pub(super) fn providers(&mut self) {
        let stage = |state: &SessionState| state.phase.operation().map(|o| o.stage);
        let at_work = self.state.sessions();
        let issuing = at_work
            .filter(|(_, state)| stage(state) == Some(OperationStage::Issuing))
            .count();
        let bound = self.state.settings.issuing_max;
        if issuing > bound {
            self.broken(Violation::TooManyIssuing { issuing, bound });
        }
        let counted = self.state.issuing();
        if counted != issuing {
            self.broken(Violation::Miscounted { counted, issuing });
        }
        let mut waiting = BTreeSet::new();
        for id in self.state.queue() {
            let queued = self.state.session(id).and_then(stage) == Some(OperationStage::Queued);
            if !waiting.insert(id) || !queued {
                let session = id.clone();
                self.broken(Violation::Misqueued { session });
            }
        }
        if issuing >= bound {
            return;
        }
        let mut waiting = 0;
        for id in self.state.queue() {
            match self.state.provider_free_at(id, self.now) {
                None => waiting += 1,
                Some(at)
                    if self
                        .state
                        .provider_timer(id)
                        .is_none_or(|watched| watched > at) =>
                {
                    let (session, lacks) = (id.clone(), "a moment at which its provider is asked");
                    self.broken(Violation::Stuck { session, lacks });
                }
                Some(_) => {}
            }
        }
        if waiting > 0 {
            self.broken(Violation::IdleQueue { waiting });
        }
    }
}

/// What is wrong, for a person.
pub(super) fn text(violation: &Violation) -> Option<String> {
    Some(match violation {
        Violation::StrayOperation { operation, session } => format!(
            "operation {} was begun for session {session}, which does not know it",
            operation.0
        ),
        Violation::TooManyIssuing { issuing, bound } => {
            format!("{issuing} providers are at work where {bound} may be")
        }
        Violation::Miscounted { counted, issuing } => {
            format!("{issuing} providers are at work and {counted} are counted")
        }
        Violation::Misqueued { session } => {
            format!("session {session} is in the queue for providers twice, or without waiting")
        }
        Violation::IdleQueue { waiting } => {
            format!("{waiting} sessions wait for a provider although there is room")
        }
        Violation::Overdue { due } => format!("the timer that was due at {due} did not run"),
        _ => return None,
    })
}
