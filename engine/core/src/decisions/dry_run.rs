//! What policies in a dry run would have changed.

use crate::arbitration::{Situation, arbitrate};
use crate::context::StepContext;
use crate::decisions::active_proposals::ActiveProposals;
use crate::events::journal::JournalEvent;
use crate::model::policy::Action;
use crate::model::session_id::SessionId;

impl StepContext<'_> {
    /// The second, silent arbitration in which shadow entries take part.
    pub(crate) fn compare_shadow(
        &mut self,
        id: &SessionId,
        situation: Situation,
        proposals: &ActiveProposals,
        live: Option<Action>,
    ) {
        if proposals.shadow_acts.is_empty() && proposals.shadow_holds.is_empty() {
            return;
        }
        let acts: Vec<_> = proposals
            .acts
            .iter()
            .chain(&proposals.shadow_acts)
            .cloned()
            .collect();
        let holds: Vec<_> = proposals
            .holds
            .iter()
            .chain(&proposals.shadow_holds)
            .cloned()
            .collect();
        let shadow = arbitrate(situation, &acts, &holds).action;
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let recorded = Some((live, shadow));
        if live != shadow && state.recorded_difference != recorded {
            let cause = state.cause;
            let session = id.clone();
            self.record(
                cause,
                JournalEvent::ShadowDiffers {
                    session,
                    live,
                    shadow,
                },
            );
        }
        if let Some(state) = self.state.sessions.get_mut(id) {
            state.recorded_difference = recorded;
        }
    }
}
