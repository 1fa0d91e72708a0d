//! All that is proposed for one session at this moment.

use crate::arbitration::{Actor, Rank, StandingAct, StandingHold, Tier};
use crate::context::StepContext;
use crate::model::ids::Cause;
use crate::model::policy::{Action, Reason};
use crate::model::session_id::SessionId;
use crate::state::entry_state::EntryState;
use crate::state::session_state::SessionState;

/// All that stands for one session.
#[derive(Default)]
pub(crate) struct ActiveProposals {
    pub(crate) acts: Vec<StandingAct>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) holds: Vec<StandingHold>,
    pub(super) shadow_acts: Vec<StandingAct>,
    pub(super) shadow_holds: Vec<StandingHold>,
}

impl ActiveProposals {
    /// As long as nobody knows what policies forbid, only what stops counts; all else waits.
    pub(super) fn keep_stops(&mut self) {
        let acts = std::mem::take(&mut self.acts);
        let causes = std::mem::take(&mut self.causes);
        let stops = acts.into_iter().zip(causes);
        let stops = stops.filter(|(act, _)| act.action == Action::Stop);
        (self.acts, self.causes) = stops.unzip();
    }
}

/// The hold of a guard rail that brings no answer.
fn unanswering(tracking: &EntryState) -> StandingHold {
    let fault = tracking.last_fault.as_ref().map(|f| f.message.as_str());
    let why = format!("it cannot be asked: {}", fault.unwrap_or("it is suspended"));
    StandingHold {
        voice: Actor::Policy(tracking.entry.name.clone()),
        rank: tracking.entry.rank,
        actions: [Action::Start, Action::Rotate].into_iter().collect(),
        until: None,
        why: Reason::new("unanswered", why),
    }
}

impl StepContext<'_> {
    pub(crate) fn active_proposals(
        &self,
        id: &SessionId,
        tracked: &SessionState,
    ) -> ActiveProposals {
        let mut standing = ActiveProposals::default();
        for tracking in self.state.entries.values() {
            let entry = &tracking.entry;
            let guard_rail = entry.rank.tier == Tier::GuardRail && !entry.shadow;
            // A guard rail that cannot be asked holds: whoever has to pass it can override it.
            // One that may not hold may have it stopped, which is as much of a refusal.
            let stops =
                entry.actions.contains(Action::Stop) && entry.grant.actions.contains(Action::Stop);
            let refuses = guard_rail && (entry.may_hold || stops);
            if refuses && tracking.is_broken() && tracking.is_behind(id) {
                standing.holds.push(unanswering(tracking));
            }
            let Some(opinion) = tracking.proposals.get(id) else {
                continue;
            };
            let broken = tracking.pending_changes.contains_key(id) && !tracking.owes_answer(id);
            let acts = opinion.acts.iter().cloned().map(|act| StandingAct {
                unanswered: broken,
                ..act
            });
            if tracking.entry.shadow {
                standing.shadow_acts.extend(acts);
                standing.shadow_holds.extend(opinion.holds.iter().cloned());
            } else {
                standing.acts.extend(acts);
                standing.causes.resize(standing.acts.len(), opinion.cause);
                standing.holds.extend(opinion.holds.iter().cloned());
            }
        }
        let person = Rank {
            tier: Tier::Person,
            priority: 0,
        };
        let mut say = |voice, rank, action, not_after, code, message: &str| {
            standing.acts.push(StandingAct {
                voice,
                rank,
                action,
                revision: None,
                not_after,
                why: Reason::new(code, message),
                unanswered: false,
            });
            standing.causes.push(tracked.cause);
        };
        if let Some(word) = &tracked.manual_override {
            let rank = word.rank();
            say(
                Actor::Person,
                rank,
                word.action,
                word.until,
                "person",
                "you said so",
            );
        }
        if tracked.rotate_asked.is_some() {
            say(
                Actor::Person,
                person,
                Action::Rotate,
                None,
                "person",
                "you said so",
            );
        }
        // Less than every policy: a program asks, it does not decide.
        let least = Rank {
            tier: Tier::Personal,
            priority: i32::MIN,
        };
        if !tracked.demands.is_empty() {
            let why = "a program asks for its credentials";
            say(Actor::Client, least, Action::Start, None, "asked-for", why);
        } else if tracked.refresh_asked {
            let why = "a program uses its credentials, and they are due for renewal";
            say(Actor::Client, least, Action::Rotate, None, "asked-for", why);
        }
        if tracked.outdated {
            let why = "the session was edited while its credentials are in use";
            say(Actor::Edit, person, Action::Rotate, None, "edited", why);
        }
        standing
    }
}
