//! What is to be done to one session now, from all that is proposed for it.

use crate::arbitration::{Arbitration, Lost, Situation, StandingAct, Tier, arbitrate};
use crate::context::StepContext;
use crate::events::effect::Reply;
use crate::events::input::Entry;
use crate::events::journal::{JournalEvent, Loss};
use crate::model::policy::{Action, Outcome};
use crate::model::session_id::SessionId;
use crate::state::phase::Phase;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// Decides about one session and begins what is to be done.
    pub(crate) fn reconcile(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        if !tracked.present && tracked.phase == Phase::Inactive {
            if !self.state.is_overdue(id) {
                return self.forget(id);
            }
            // What the chain may still do to it is looked after first; nobody waits for that.
            return self.reply(id, |_| Some(Reply::Superseded));
        }
        let outlives = tracked.beyond_parent && matches!(tracked.phase, Phase::Active(_));
        if !tracked.present || outlives {
            // It is to go, whatever anybody says; a retraction that failed is tried again.
            let cause = tracked.cause;
            match tracked.retry_at.filter(|at| *at > self.now) {
                None => self.stop(id, Outcome::Stopped, cause),
                Some(at) => self.state.timers.set(TimerKey::Reconsider(id.clone()), at),
            }
            return;
        }
        // A person waits for guard rails only, and for none that the command overrides. A program counts
        // less than every policy, and waits for all.
        let commanded = tracked.waits_as_person();
        let overriding = tracked
            .manual_override
            .as_ref()
            .is_some_and(|word| word.rank().tier > Tier::GuardRail);
        let waits = self.state.entries.values().any(|tracking| {
            let Entry { rank, shadow, .. } = &tracking.entry;
            let counts = !commanded || (rank.tier == Tier::GuardRail && !overriding);
            !shadow && counts && tracking.owes_answer(id)
        });
        if waits {
            return;
        }
        let mut standing = self.active_proposals(id, tracked);
        if !self.state.policies_known {
            standing.keep_stops();
        }
        let status = tracked.phase.status();
        let situation = Situation {
            now: self.now,
            status,
            revision: tracked.view.revision,
        };
        let result = arbitrate(situation, &standing.acts, &standing.holds);
        let retry_at = tracked.retry_at.filter(|at| *at > self.now);
        let needs_person = tracked.needs_person;
        let asked_for = !tracked.demands.is_empty();
        let again = [result.reconsider_at, retry_at].into_iter().flatten().min();
        self.state
            .timers
            .put(TimerKey::Reconsider(id.clone()), again);
        self.compare_shadow(id, situation, &standing, result.action);
        self.answer_commands(id, &standing, &result, status);
        let (Some(action), Some(winner)) = (result.action, result.winner) else {
            return;
        };
        let act = &standing.acts[winner];
        if let Some(until) = retry_at {
            self.turn_away(id);
            let why = "the last attempt failed".to_owned();
            self.defer(id, action, why, Some(until), standing.causes[winner]);
            return;
        }
        // A program may try: a sign-in made elsewhere is found by trying, and nobody is waited for.
        let tried = asked_for && action == Action::Start;
        if needs_person && !tried && action != Action::Stop {
            self.turn_away(id);
            let why = "it waits for a person".to_owned();
            self.defer(id, action, why, None, standing.causes[winner]);
            return;
        }
        let decided = JournalEvent::Decided {
            session: id.clone(),
            action,
            by: act.voice.clone(),
            why: act.why.clone(),
            losers: losses(&standing.acts, &result),
        };
        self.carry_out(id, action, act, standing.causes[winner], decided);
    }
}

fn losses(acts: &[StandingAct], result: &Arbitration) -> Vec<Loss> {
    let loss = |(index, lost): &(usize, Lost)| Loss {
        by: acts[*index].voice.clone(),
        action: acts[*index].action,
        lost: lost.clone(),
    };
    result.lost.iter().map(loss).collect()
}
