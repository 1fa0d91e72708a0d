//! Turning all that is proposed for one session into at most one action.
//!
//! A maximum over a total order: the result does not depend on the order in which
//! proposals arrived, nor on how often one was delivered, and one more hold never
//! makes something happen where nothing would have.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::arbitration::proposals::{StandingAct, StandingHold};
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
    /// A voice that counts more, or a safer action, won.
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
        // Nothing is there to be rotated: the wish is void, not in anybody's way.
        Action::Rotate => status == Status::Inactive,
    }
}

/// Decides what is to be done to one session.
#[must_use]
pub fn arbitrate(
    situation: Situation,
    acts: &[StandingAct],
    holds: &[StandingHold],
) -> Arbitration {
    let Situation {
        now,
        status,
        revision,
    } = situation;
    let mut lost = Vec::new();
    let mut standing = Vec::new();
    for (index, act) in acts.iter().enumerate() {
        let stale = act.unanswered || act.revision.is_some_and(|seen| seen != revision);
        if act.not_after.is_some_and(|end| end <= now) {
            lost.push((index, Lost::Ended));
        } else if stale {
            lost.push((index, Lost::Stale));
        } else if act.action == Action::Rotate && status == Status::Inactive {
            lost.push((index, Lost::Satisfied));
        } else if satisfied(act.action, status) {
            // Nothing to be forbidden: a hold does not take away what is already so.
            standing.push(index);
        } else if let Some(hold) = strongest(holds, act, now) {
            let why = hold.why.message.clone();
            lost.push((
                index,
                Lost::Held {
                    by: hold.voice.clone(),
                    why,
                },
            ));
        } else {
            standing.push(index);
        }
    }
    // A wish that is fulfilled keeps lower voices from undoing it, yet it keeps nobody from
    // rotating: what it wants stays as it is.
    let key = |&index: &usize| {
        let act = &acts[index];
        (act.rank, safety(act.action), Reverse(act.voice.clone()))
    };
    let winner = standing.iter().copied().max_by_key(key);
    let acting = standing
        .iter()
        .copied()
        .filter(|&index| !satisfied(acts[index].action, status))
        .filter(|&index| {
            winner.is_some_and(|w| w == index || compatible(acts[w].action, acts[index].action))
        })
        .max_by_key(key);
    for &index in &standing {
        if Some(index) == acting {
            continue;
        }
        if satisfied(acts[index].action, status) {
            lost.push((index, Lost::Satisfied));
        } else if let Some(by) = acting.or(winner) {
            lost.push((
                index,
                Lost::Outranked {
                    by: acts[by].voice.clone(),
                },
            ));
        }
    }
    lost.sort_by_key(|(index, _)| *index);
    Arbitration {
        winner,
        action: acting.map(|index| acts[index].action),
        lost,
        reconsider_at: reconsider_at(now, acts, holds),
    }
    .with_winner(acting)
}

impl Arbitration {
    /// The act that is carried out takes the place of a fulfilled one.
    fn with_winner(mut self, acting: Option<usize>) -> Self {
        if acting.is_some() {
            self.winner = acting;
        }
        self
    }
}

/// Whether carrying out `other` leaves what `fulfilled` wants as it is.
fn compatible(fulfilled: Action, other: Action) -> bool {
    matches!((fulfilled, other), (Action::Start, Action::Rotate))
}

/// The hold that forbids the act; of several the strongest, for a stable explanation.
fn strongest<'a>(
    holds: &'a [StandingHold],
    act: &StandingAct,
    now: Timestamp,
) -> Option<&'a StandingHold> {
    holds
        .iter()
        .filter(|hold| hold.forbids(act.action, act.rank, now))
        .max_by_key(|hold| (hold.rank, Reverse(hold.voice.clone())))
}

fn reconsider_at(
    now: Timestamp,
    acts: &[StandingAct],
    holds: &[StandingHold],
) -> Option<Timestamp> {
    let ends = acts.iter().filter_map(|act| act.not_after);
    let lifts = holds.iter().filter_map(|hold| hold.until);
    ends.chain(lifts).filter(|at| *at > now).min()
}
