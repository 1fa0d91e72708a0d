//! What is proposed for one session.

use crate::arbitration::rank::{Actor, Rank, Tier};
use crate::model::policy::{Action, Actions, Reason, Revision};
use crate::model::time::Timestamp;

/// A proposal to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedAct {
    /// Who.
    pub actor: Actor,
    /// How much the actor counts.
    pub rank: Rank,
    /// What.
    pub action: Action,
    /// The session's revision that it rests on; none: it rests on none.
    pub revision: Option<Revision>,
    /// When it ends.
    pub not_after: Option<Timestamp>,
    /// Why.
    pub why: Reason,
    /// Whether its actor has to answer to a change and has not (a failing policy).
    pub unanswered: bool,
}

/// A proposal that nobody may act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedHold {
    /// Who.
    pub actor: Actor,
    /// How much the actor counts.
    pub rank: Rank,
    /// What nobody may do.
    pub actions: Actions,
    /// When it ends; none: with the actor's next answer.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Reason,
}

impl ProposedHold {
    /// Whether this hold forbids this action to a actor of this rank. A person passes every
    /// hold but those of guard rails; an override passes all.
    #[must_use]
    pub fn forbids(&self, action: Action, rank: Rank, now: Timestamp) -> bool {
        let outranked = rank.tier >= Tier::Person && rank.tier > self.rank.tier;
        self.actions.contains(action) && self.until.is_none_or(|end| end > now) && !outranked
    }
}
