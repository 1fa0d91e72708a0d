//! Turning all that is proposed for one session into at most one action.
//!
//! A maximum over a total order: the result does not depend on the order in which
//! proposals arrived, nor on how often one was delivered, and one more hold never
//! makes something happen where nothing would have.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::model::policy::{Action, Actions, EntryName, Reason, Revision};
use crate::model::session::Status;
use crate::model::time::Timestamp;

/// How much a voice counts. Assigned by configuration, never by a guest.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// A person's own policies.
    #[default]
    Personal,
    /// Policies of the team.
    Team,
    /// The person, by command or by editing the Workspace.
    Person,
    /// Guard rails: nothing passes them but an override.
    GuardRail,
    /// The person, overriding guard rails with a reason.
    Override,
}

/// Who proposes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A policy entry.
    Policy(EntryName),
    /// The person.
    Person,
    /// The engine, since the session was edited while its credentials are in the chain.
    Edit,
    /// The engine, on behalf of a session that is chained to this one.
    Child,
    /// A program that asks for the credentials.
    Client,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policy(name) => write!(f, "policy {name}"),
            Self::Person => f.write_str("you"),
            Self::Edit => f.write_str("the edit of the session"),
            Self::Child => f.write_str("a session chained to it"),
            Self::Client => f.write_str("a program"),
        }
    }
}

/// How much a voice counts, as one ordered value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank {
    /// Decides first.
    pub tier: Tier,
    /// Decides within a tier; higher counts more.
    pub priority: i32,
}

/// A standing proposal to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingAct {
    /// Who.
    pub voice: Actor,
    /// How much the voice counts.
    pub rank: Rank,
    /// What.
    pub action: Action,
    /// The session's revision that it rests on; none: it rests on none.
    pub revision: Option<Revision>,
    /// When it ends.
    pub not_after: Option<Timestamp>,
    /// Why.
    pub why: Reason,
    /// Whether its voice was told of a change and has not answered (a failing policy).
    pub unanswered: bool,
}

/// A standing proposal that nobody may act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingHold {
    /// Who.
    pub voice: Actor,
    /// How much the voice counts.
    pub rank: Rank,
    /// What nobody may do.
    pub actions: Actions,
    /// When it ends; none: at the voice's next word.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Reason,
}

impl StandingHold {
    /// Whether this hold forbids this action to a voice of this rank. A person passes every
    /// hold but those of guard rails; an override passes all.
    #[must_use]
    pub fn forbids(&self, action: Action, rank: Rank, now: Timestamp) -> bool {
        let outranked = rank.tier >= Tier::Person && rank.tier > self.rank.tier;
        self.actions.contains(action) && self.until.is_none_or(|end| end > now) && !outranked
    }
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn voice() -> impl Strategy<Value = Actor> {
        prop_oneof![
            4 => (0..5u8).prop_map(|n| Actor::Policy(EntryName::new(&format!("p{n}")))),
            1 => Just(Actor::Person),
        ]
    }

    fn rank() -> impl Strategy<Value = Rank> {
        let tier = prop_oneof![
            Just(Tier::Personal),
            Just(Tier::Team),
            Just(Tier::Person),
            Just(Tier::GuardRail)
        ];
        (tier, -1..2i32).prop_map(|(tier, priority)| Rank { tier, priority })
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            Just(Action::Start),
            Just(Action::Stop),
            Just(Action::Rotate)
        ]
    }

    fn moment() -> impl Strategy<Value = Option<Timestamp>> {
        proptest::option::of((0..4u64).prop_map(Timestamp::from_millis))
    }

    fn act() -> impl Strategy<Value = StandingAct> {
        (
            voice(),
            rank(),
            action(),
            proptest::option::of(0..3u64),
            moment(),
            any::<bool>(),
        )
            .prop_map(|(voice, rank, action, revision, not_after, unanswered)| {
                StandingAct {
                    voice,
                    rank,
                    action,
                    revision: revision.map(Revision),
                    not_after,
                    why: Reason::new("test", "test"),
                    unanswered,
                }
            })
    }

    fn hold() -> impl Strategy<Value = StandingHold> {
        (
            voice(),
            rank(),
            proptest::collection::vec(action(), 0..3),
            moment(),
        )
            .prop_map(|(voice, rank, actions, until)| StandingHold {
                voice,
                rank,
                actions: actions.into_iter().collect(),
                until,
                why: Reason::new("test", "test"),
            })
    }

    fn situation() -> impl Strategy<Value = Situation> {
        let status = prop_oneof![
            Just(Status::Inactive),
            Just(Status::Pending),
            Just(Status::Active)
        ];
        (0..4u64, status, 0..3u64).prop_map(|(now, status, revision)| Situation {
            now: Timestamp::from_millis(now),
            status,
            revision: Revision(revision),
        })
    }

    proptest! {
        #[test]
        fn order_and_repetition_change_nothing(
            situation in situation(),
            acts in proptest::collection::vec(act(), 0..6),
            holds in proptest::collection::vec(hold(), 0..4),
            rotation in 0..6usize,
        ) {
            let before = arbitrate(situation, &acts, &holds);
            let mut shuffled = acts.clone();
            if !shuffled.is_empty() {
                let by = rotation % shuffled.len();
                shuffled.rotate_left(by);
            }
            shuffled.extend(acts.iter().take(2).cloned());
            let mut more_holds = holds.clone();
            more_holds.reverse();
            more_holds.extend(holds.iter().take(1).cloned());
            let after = arbitrate(situation, &shuffled, &more_holds);
            prop_assert_eq!(before.action, after.action);
            let who = |a: &Arbitration, acts: &[StandingAct]| a.winner.map(|w| {
                (acts[w].rank, acts[w].action, acts[w].voice.clone())
            });
            prop_assert_eq!(who(&before, &acts), who(&after, &shuffled));
        }

        #[test]
        fn one_more_hold_never_makes_something_happen_where_nothing_would(
            situation in situation(),
            acts in proptest::collection::vec(act(), 0..6),
            holds in proptest::collection::vec(hold(), 0..4),
            extra in hold(),
        ) {
            let before = arbitrate(situation, &acts, &holds);
            let mut more = holds.clone();
            more.push(extra.clone());
            let after = arbitrate(situation, &acts, &more);
            if before.action.is_none() {
                prop_assert_eq!(after.action, None);
            }
            if let Some(winner) = after.winner.filter(|_| after.action.is_some()) {
                let act = &acts[winner];
                prop_assert!(!extra.forbids(act.action, act.rank, situation.now));
            }
        }

        #[test]
        fn every_act_wins_or_has_a_reason(
            situation in situation(),
            acts in proptest::collection::vec(act(), 0..6),
            holds in proptest::collection::vec(hold(), 0..4),
        ) {
            let result = arbitrate(situation, &acts, &holds);
            for index in 0..acts.len() {
                let reasons = result.lost.iter().filter(|(i, _)| *i == index).count();
                let acts_now = result.action.is_some() && result.winner == Some(index);
                prop_assert_eq!(reasons, usize::from(!acts_now));
            }
        }

        #[test]
        fn nothing_below_a_guard_rail_passes_its_hold(
            situation in situation(),
            acts in proptest::collection::vec(act(), 0..6),
        ) {
            let rail = StandingHold {
                voice: Actor::Policy(EntryName::new("rail")),
                rank: Rank { tier: Tier::GuardRail, priority: 0 },
                actions: Actions::ALL,
                until: None,
                why: Reason::new("test", "test"),
            };
            prop_assert_eq!(arbitrate(situation, &acts, &[rail]).action, None);
        }
    }
}
