//! What is to be done to one session now, from all that is proposed for it.

use crate::arbitration::{Arbitration, Lost, ProposedAct, Situation, Tier, arbitrate};
use crate::context::StepContext;
use crate::decisions::active_proposals::ActiveProposals;
use crate::events::effect::Reply;
use crate::events::input::Entry;
use crate::events::journal::{JournalEvent, Loss};
use crate::model::policy::{Action, Outcome};
use crate::model::session_id::SessionId;
use crate::state::phase::Phase;
use crate::state::session_state::SessionState;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// Decides about one session and begins what is to be done.
    pub(crate) fn reconcile(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let outlives = state.beyond_parent && matches!(state.phase, Phase::Active(_));
        if !state.present || outlives {
            return self.remove(id);
        }
        if self.waits_for_policies(id, state) {
            return;
        }
        let mut proposals = self.active_proposals(id, state);
        if !self.state.policies_known {
            proposals.keep_stops();
        }
        let situation = Situation {
            now: self.now,
            status: state.phase.status(),
            revision: state.view.revision,
        };
        let result = arbitrate(situation, &proposals.acts, &proposals.holds);
        let retry_at = state.retry_at.filter(|at| *at > self.now);
        let again = [result.reconsider_at, retry_at].into_iter().flatten().min();
        self.state
            .timers
            .put(TimerKey::Reconsider(id.clone()), again);
        // A program may try: a sign-in made elsewhere is found by trying, and nobody is waited for.
        let demanded = !state.demands.is_empty();
        let needs_person = state.needs_person;
        self.compare_shadow(id, situation, &proposals, result.action);
        self.answer_commands(id, &proposals, &result, situation.status);
        let (Some(action), Some(winner)) = (result.action, result.winner) else {
            return;
        };
        let cause = proposals.causes[winner];
        if let Some(until) = retry_at {
            self.reject_demands(id);
            let why = "the last attempt failed".to_owned();
            self.defer(id, action, why, Some(until), cause);
        } else if needs_person && action != Action::Stop && !(demanded && action == Action::Start) {
            self.reject_demands(id);
            let why = "it is waiting for your input".to_owned();
            self.defer(id, action, why, None, cause);
        } else {
            let decided = decided(id, action, winner, &proposals, &result);
            self.carry_out(id, action, &proposals.acts[winner], cause, decided);
        }
    }

    /// The session left the Workspace, or outlived the one that it is chained to: it is stopped whatever
    /// is proposed, and a retraction that failed is tried again.
    fn remove(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        if !state.present && state.phase == Phase::Inactive {
            if !self.state.is_overdue(id) {
                return self.forget(id);
            }
            // What the chain may still do to it comes first; commands do not wait for that.
            return self.reply(id, |_| Some(Reply::Superseded));
        }
        let cause = state.cause;
        match state.retry_at.filter(|at| *at > self.now) {
            None => self.stop(id, Outcome::Stopped, cause),
            Some(at) => self.state.timers.set(TimerKey::Reconsider(id.clone()), at),
        }
    }

    /// Whether a policy has to answer first. A person waits for guard rails only, and for none that the
    /// command overrides. A program counts less than every policy, and waits for all.
    fn waits_for_policies(&self, id: &SessionId, state: &SessionState) -> bool {
        let commanded = state.waits_as_person();
        let order = state.manual_override.as_ref();
        let overriding = order.is_some_and(|order| order.rank().tier > Tier::GuardRail);
        self.state.entries.values().any(|policy| {
            let Entry { rank, shadow, .. } = &policy.entry;
            let counts = !commanded || (rank.tier == Tier::GuardRail && !overriding);
            !shadow && counts && policy.owes_answer(id)
        })
    }
}

fn decided(
    id: &SessionId,
    action: Action,
    winner: usize,
    proposals: &ActiveProposals,
    result: &Arbitration,
) -> JournalEvent {
    let act = &proposals.acts[winner];
    JournalEvent::Decided {
        session: id.clone(),
        action,
        by: act.actor.clone(),
        why: act.why.clone(),
        losers: losses(&proposals.acts, result),
    }
}

fn losses(acts: &[ProposedAct], result: &Arbitration) -> Vec<Loss> {
    let loss = |(index, lost): &(usize, Lost)| Loss {
        by: acts[*index].actor.clone(),
        action: acts[*index].action,
        lost: lost.clone(),
    };
    result.lost.iter().map(loss).collect()
}
