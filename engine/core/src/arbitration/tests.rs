//! Properties of arbitration, whatever is proposed.

use proptest::prelude::*;

use super::*;
use crate::model::policy::{Action, Actions, EntryName, Reason, Revision};
use crate::model::session::Status;
use crate::model::time::Timestamp;

fn actor() -> impl Strategy<Value = Actor> {
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

fn act() -> impl Strategy<Value = ProposedAct> {
    (
        actor(),
        rank(),
        action(),
        proptest::option::of(0..3u64),
        moment(),
        any::<bool>(),
    )
        .prop_map(
            |(actor, rank, action, revision, not_after, unanswered)| ProposedAct {
                actor,
                rank,
                action,
                revision: revision.map(Revision),
                not_after,
                why: Reason::new("test", "test"),
                unanswered,
            },
        )
}

fn hold() -> impl Strategy<Value = ProposedHold> {
    (
        actor(),
        rank(),
        proptest::collection::vec(action(), 0..3),
        moment(),
    )
        .prop_map(|(actor, rank, actions, until)| ProposedHold {
            actor,
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
        let who = |a: &Arbitration, acts: &[ProposedAct]| a.winner.map(|w| {
            (acts[w].rank, acts[w].action, acts[w].actor.clone())
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
        let rail = ProposedHold {
            actor: Actor::Policy(EntryName::new("rail")),
            rank: Rank { tier: Tier::GuardRail, priority: 0 },
            actions: Actions::ALL,
            until: None,
            why: Reason::new("test", "test"),
        };
        prop_assert_eq!(arbitrate(situation, &acts, &[rail]).action, None);
    }
}
