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
        standing: &ActiveProposals,
        live: Option<Action>,
    ) {
        if standing.shadow_acts.is_empty() && standing.shadow_holds.is_empty() {
            return;
        }
        let acts: Vec<_> = standing
            .acts
            .iter()
            .chain(&standing.shadow_acts)
            .cloned()
            .collect();
        let holds: Vec<_> = standing
            .holds
            .iter()
            .chain(&standing.shadow_holds)
            .cloned()
            .collect();
        let shadow = arbitrate(situation, &acts, &holds).action;
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let told = Some((live, shadow));
        if live != shadow && state.recorded_difference != told {
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
            state.recorded_difference = told;
        }
    }
}
