//! Turning all that is proposed for one session into at most one action.
//!
//! A maximum over a total order: the result does not depend on the order in which
//! proposals arrived, nor on how often one was delivered, and one more hold never
//! makes something happen where nothing would have.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::arbitration::proposals::{ProposedAct, ProposedHold};
use crate::arbitration::rank::Actor;
use crate::model::policy::{Action, Revision};
use crate::model::session::Status;
use crate::model::time::Timestamp;

/// What is known of the session that is arbitrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The time.
    pub now: Timestamp,
    /// Whether credentials are in the chain.
    pub status: Status,
    /// Counts the changes of the session.
    pub revision: Revision,
}

/// Why a proposal did not carry the day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lost {
    /// Its time is over.
    Ended,
    /// The session changed since it was made.
    Stale,
    /// A hold forbids it.
    Held {
        /// Who holds.
        by: Actor,
        /// Why.
        why: String,
    },
    /// A actor that counts more, or a safer action, won.
    Outranked {
        /// Who won.
        by: Actor,
    },
    /// The session is already as the proposal wants it.
    Satisfied,
}

/// The result: at most one action, and why each other proposal lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arbitration {
    /// Index of the act that won, even where the session is already as it wants.
    pub winner: Option<usize>,
    /// What is to be done now.
    pub action: Option<Action>,
    /// Why others lost, by index of the act.
    pub lost: Vec<(usize, Lost)>,
    /// When time alone may change the result.
    pub reconsider_at: Option<Timestamp>,
}

/// Safer actions count more: stop before rotate before start.
fn safety(action: Action) -> u8 {
    match action {
        Action::Stop => 2,
        Action::Rotate => 1,
        Action::Start => 0,
    }
}

/// Whether the session already is as the action wants it.
pub(crate) fn satisfied(action: Action, status: Status) -> bool {
    match action {
        Action::Start => status != Status::Inactive,
        Action::Stop => status == Status::Inactive,
        // Nothing is there to be rotated: the proposal is void, and in nobody's way.
        Action::Rotate => status == Status::Inactive,
    }
}

/// Decides what is to be done to one session.
#[must_use]
pub fn arbitrate(
    situation: Situation,
    acts: &[ProposedAct],
    holds: &[ProposedHold],
) -> Arbitration {
    let Situation { now, status, .. } = situation;
    let mut lost = Vec::new();
    let mut candidates = Vec::new();
    for (index, act) in acts.iter().enumerate() {
        match rejected(situation, act, holds) {
            Some(why) => lost.push((index, why)),
            None => candidates.push(index),
        }
    }
    // A proposal that is fulfilled keeps those of less rank from undoing it, yet it keeps nobody from
    // rotating: what it wants stays as it is.
    let key = |&index: &usize| {
        let act = &acts[index];
        (act.rank, safety(act.action), Reverse(act.actor.clone()))
    };
    let winner = candidates.iter().copied().max_by_key(key);
    let acting = candidates
        .iter()
        .copied()
        .filter(|&index| !satisfied(acts[index].action, status))
        .filter(|&index| {
            winner.is_some_and(|w| w == index || compatible(acts[w].action, acts[index].action))
        })
        .max_by_key(key);
    for &index in &candidates {
        if Some(index) == acting {
            continue;
        }
        if satisfied(acts[index].action, status) {
            lost.push((index, Lost::Satisfied));
        } else if let Some(by) = acting.or(winner) {
            let by = acts[by].actor.clone();
            lost.push((index, Lost::Outranked { by }));
        }
    }
    lost.sort_by_key(|(index, _)| *index);
    Arbitration {
        // The act that is carried out takes the place of a fulfilled one.
        winner: acting.or(winner),
        action: acting.map(|index| acts[index].action),
        lost,
        reconsider_at: reconsider_at(now, acts, holds),
    }
}

/// Why a proposal is out before ranks are compared.
fn rejected(situation: Situation, act: &ProposedAct, holds: &[ProposedHold]) -> Option<Lost> {
    let Situation {
        now,
        status,
        revision,
    } = situation;
    if act.not_after.is_some_and(|end| end <= now) {
        return Some(Lost::Ended);
    }
    if act.unanswered || act.revision.is_some_and(|seen| seen != revision) {
        return Some(Lost::Stale);
    }
    if act.action == Action::Rotate && status == Status::Inactive {
        return Some(Lost::Satisfied);
    }
    if satisfied(act.action, status) {
        // Nothing to be forbidden: a hold does not take away what is already so.
        return None;
    }
    let hold = strongest(holds, act, now)?;
    Some(Lost::Held {
        by: hold.actor.clone(),
        why: hold.why.message.clone(),
    })
}

/// Whether carrying out `other` leaves what `fulfilled` wants as it is.
fn compatible(fulfilled: Action, other: Action) -> bool {
    matches!((fulfilled, other), (Action::Start, Action::Rotate))
}

/// The hold that forbids the act; of several the strongest, for a stable explanation.
fn strongest<'a>(
    holds: &'a [ProposedHold],
    act: &ProposedAct,
    now: Timestamp,
) -> Option<&'a ProposedHold> {
    holds
        .iter()
        .filter(|hold| hold.forbids(act.action, act.rank, now))
        .max_by_key(|hold| (hold.rank, Reverse(hold.actor.clone())))
}

fn reconsider_at(
    now: Timestamp,
    acts: &[ProposedAct],
    holds: &[ProposedHold],
) -> Option<Timestamp> {
    let ends = acts.iter().filter_map(|act| act.not_after);
    let lifts = holds.iter().filter_map(|hold| hold.until);
    ends.chain(lifts).filter(|at| *at > now).min()
}
