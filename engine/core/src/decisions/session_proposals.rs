//! What is proposed for a session right now, for a person who wants to know why it is as it is.

use crate::arbitration::{Actor, Rank};
use crate::model::policy::{Action, Reason};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::State;

/// A proposal that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionProposal {
    /// Whose.
    pub actor: Actor,
    /// How much it counts.
    pub rank: Rank,
    /// What is proposed; for a hold, what nobody may do.
    pub actions: Vec<Action>,
    /// Whether it is a hold.
    pub hold: bool,
    /// When it ends; none: with the actor's next answer.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Reason,
    /// Whether it is only recorded.
    pub shadow: bool,
    /// Who wants the opposite and counts more, so that nothing comes of it.
    pub overruled_by: Option<Actor>,
}

impl SessionProposal {
    /// What it proposes to do at a moment, where it is a proposal to act.
    fn acts(&self, now: Timestamp) -> Option<Action> {
        let counts = !self.hold && !self.shadow && self.until.is_none_or(|end| end > now);
        self.actions.first().copied().filter(|_| counts)
    }

    /// Whether another proposal is against this one and counts more.
    fn is_overruled_by(&self, other: &Self, now: Timestamp) -> bool {
        let opposed = matches!(
            (self.acts(now), other.acts(now)),
            (Some(Action::Start | Action::Rotate), Some(Action::Stop))
                | (Some(Action::Stop), Some(Action::Start))
        );
        opposed && other.rank > self.rank
    }
}

impl State {
    /// What is proposed for a session at a moment, the most important first.
    #[must_use]
    pub fn proposals_for(&self, session: &SessionId, now: Timestamp) -> Vec<SessionProposal> {
        let mut proposals = Vec::new();
        for (name, policy) in &self.entries {
            let Some(proposed) = policy.proposals.get(session) else {
                continue;
            };
            let entry = &policy.entry;
            let make = |actions, hold, until, why: &Reason| SessionProposal {
                actor: Actor::Policy(name.clone()),
                rank: entry.rank,
                actions,
                hold,
                until,
                why: why.clone(),
                shadow: entry.shadow,
                overruled_by: None,
            };
            let acts = proposed.acts.iter();
            proposals.extend(acts.map(|a| make(vec![a.action], false, a.not_after, &a.why)));
            let holds = proposed.holds.iter();
            proposals
                .extend(holds.map(|h| make(h.actions.iter().collect(), true, h.until, &h.why)));
        }
        if let Some(state) = self.sessions.get(session)
            && let Some(order) = &state.manual_override
        {
            proposals.push(SessionProposal {
                actor: Actor::Person,
                rank: order.rank(),
                actions: vec![order.action],
                hold: false,
                until: order.until,
                why: Reason::new("person", "you asked for it"),
                shadow: false,
                overruled_by: None,
            });
        }
        proposals.sort_by(|a, b| (b.rank, b.hold, &a.actor).cmp(&(a.rank, a.hold, &b.actor)));
        let overruled = |one: &SessionProposal| {
            let mut others = proposals.iter();
            let other = others.find(|other| one.is_overruled_by(other, now))?;
            Some(other.actor.clone())
        };
        let by: Vec<_> = proposals.iter().map(overruled).collect();
        for (one, by) in proposals.iter_mut().zip(by) {
            one.overruled_by = by;
        }
        proposals
    }
}
