//! Properties of arbitration, whatever is proposed, and what it decides case by case.

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

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn at(status: Status) -> Situation {
    Situation {
        now: NOW,
        status,
        revision: Revision(3),
    }
}

/// A proposal of the policy of this name, in the personal tier.
fn by(name: &str, priority: i32, action: Action) -> ProposedAct {
    ProposedAct {
        actor: Actor::Policy(EntryName::new(name)),
        rank: Rank {
            tier: Tier::Personal,
            priority,
        },
        action,
        revision: Some(Revision(3)),
        not_after: None,
        why: Reason::new("test", "test"),
        unanswered: false,
    }
}

fn held(name: &str, tier: Tier, actions: &[Action]) -> ProposedHold {
    ProposedHold {
        actor: Actor::Policy(EntryName::new(name)),
        rank: Rank { tier, priority: 0 },
        actions: actions.iter().copied().collect(),
        until: None,
        why: Reason::new("hold", format!("{name} holds")),
    }
}

fn millis(at: u64) -> Timestamp {
    Timestamp::from_millis(at)
}

#[test]
fn a_proposal_ends_at_its_moment_and_not_before() {
    for (end, action, lost) in [
        (999, None, Some(Lost::Ended)),
        (1_000, None, Some(Lost::Ended)),
        (1_001, Some(Action::Start), None),
    ] {
        let mut act = by("a", 0, Action::Start);
        act.not_after = Some(millis(end));
        let result = arbitrate(at(Status::Inactive), &[act], &[]);
        assert_eq!(result.action, action, "{end}");
        let reason = result.lost.first().map(|(_, lost)| lost.clone());
        assert_eq!(reason, lost, "{end}");
    }
}

#[test]
fn a_proposal_for_another_revision_or_of_an_actor_who_owes_an_answer_is_stale() {
    let stale = |act: ProposedAct| {
        let result = arbitrate(at(Status::Inactive), &[act], &[]);
        assert_eq!(result.action.is_none(), result.lost == [(0, Lost::Stale)]);
        result.action.is_none()
    };
    let seen = |revision: Option<u64>, unanswered| ProposedAct {
        revision: revision.map(Revision),
        unanswered,
        ..by("a", 0, Action::Start)
    };
    assert!(!stale(seen(Some(3), false)));
    assert!(!stale(seen(None, false)));
    assert!(stale(seen(Some(2), false)));
    assert!(stale(seen(Some(4), false)));
    assert!(stale(seen(Some(3), true)));
    assert!(stale(seen(None, true)));
}

#[test]
fn what_is_fulfilled_shields_from_less_and_lets_rotate() {
    let start = by("high", 1, Action::Start);
    let decide = |acts: &[ProposedAct]| {
        let result = arbitrate(at(Status::Active), acts, &[]);
        (result.action, result.winner, result.lost)
    };
    // A rotation leaves the session as the start wants it.
    let rotates = decide(&[start.clone(), by("low", 0, Action::Rotate)]);
    let won = (Some(Action::Rotate), Some(1));
    assert_eq!(rotates, (won.0, won.1, vec![(0, Lost::Satisfied)]));
    // A stop does not.
    let high = start.actor.clone();
    let stops = decide(&[start.clone(), by("low", 0, Action::Stop)]);
    let lost = vec![(0, Lost::Satisfied), (1, Lost::Outranked { by: high })];
    assert_eq!(stops, (None, Some(0), lost));
    // Of more rank it does.
    let stops = decide(&[start, by("highest", 2, Action::Stop)]);
    assert_eq!((stops.0, stops.1), (Some(Action::Stop), Some(1)));
}

#[test]
fn a_fulfilled_stop_lets_nothing_of_less_rank_happen() {
    let acts = [by("high", 1, Action::Stop), by("low", 0, Action::Start)];
    let result = arbitrate(at(Status::Inactive), &acts, &[]);
    assert_eq!((result.action, result.winner), (None, Some(0)));
    let by = acts[0].actor.clone();
    let lost = [(0, Lost::Satisfied), (1, Lost::Outranked { by })];
    assert_eq!(result.lost, lost);
}

#[test]
fn rank_decides_then_safety_then_the_name() {
    let win = |acts: &[ProposedAct]| arbitrate(at(Status::Active), acts, &[]).winner;
    let (stop, rotate) = (Action::Stop, Action::Rotate);
    assert_eq!(win(&[by("a", 0, stop), by("b", 1, rotate)]), Some(1));
    assert_eq!(win(&[by("a", 0, rotate), by("b", 0, stop)]), Some(1));
    assert_eq!(win(&[by("b", 0, stop), by("a", 0, stop)]), Some(1));
    let mut person = by("a", 0, rotate);
    person.rank.tier = Tier::Person;
    assert_eq!(win(&[person, by("b", 9, stop)]), Some(0));
    // An active session is as a start wants it, which safer actions of the same rank undo.
    assert_eq!(win(&[by("a", 0, Action::Start), by("b", 0, stop)]), Some(1));
}

#[test]
fn nothing_is_rotated_where_nothing_is_there() {
    let acts = [by("a", 1, Action::Rotate), by("b", 0, Action::Start)];
    let result = arbitrate(at(Status::Inactive), &acts, &[]);
    assert_eq!(result.action, Some(Action::Start));
    assert_eq!(result.lost, [(0, Lost::Satisfied)]);
}

#[test]
fn what_is_pending_is_as_a_start_wants_it_and_may_be_stopped() {
    for status in [Status::Pending, Status::Active] {
        let start = arbitrate(at(status), &[by("a", 0, Action::Start)], &[]);
        assert_eq!(start.action, None, "{status}");
        assert_eq!(start.lost, [(0, Lost::Satisfied)]);
        let stop = arbitrate(at(status), &[by("a", 0, Action::Stop)], &[]);
        assert_eq!(stop.action, Some(Action::Stop), "{status}");
    }
}

#[test]
fn holds_forbid_their_actions_to_those_who_may_not_pass_them() {
    use Tier::{GuardRail, Override, Person, Personal, Team};
    let rank = |tier| Rank { tier, priority: 0 };
    for (hold, passes) in [
        (Personal, vec![Person, GuardRail, Override]),
        (Team, vec![Person, GuardRail, Override]),
        (GuardRail, vec![Override]),
    ] {
        let hold = held("h", hold, &[Action::Start]);
        for tier in [Personal, Team, Person, GuardRail, Override] {
            let forbids = hold.forbids(Action::Start, rank(tier), NOW);
            assert_eq!(forbids, !passes.contains(&tier), "{hold:?} {tier:?}");
            assert!(!hold.forbids(Action::Rotate, rank(tier), NOW));
        }
    }
    let mut hold = held("h", GuardRail, &[Action::Start]);
    for (until, forbids) in [(999, false), (1_000, false), (1_001, true)] {
        hold.until = Some(millis(until));
        let forbidden = hold.forbids(Action::Start, rank(Personal), NOW);
        assert_eq!(forbidden, forbids, "{until}");
    }
}

#[test]
fn a_hold_says_who_holds_and_takes_nothing_away() {
    let holds = [
        held("team", Tier::Team, &[Action::Start]),
        held("rail-b", Tier::GuardRail, &[Action::Start]),
        held("rail-a", Tier::GuardRail, &[Action::Start]),
        held("other", Tier::GuardRail, &[Action::Rotate]),
    ];
    let acts = [by("a", 0, Action::Start)];
    let result = arbitrate(at(Status::Inactive), &acts, &holds);
    // Of several the strongest, and of these the first by name.
    let why = "rail-a holds".to_owned();
    let by_hold = holds[2].actor.clone();
    assert_eq!(result.lost, [(0, Lost::Held { by: by_hold, why })]);
    assert_eq!(result.action, None);
    // The session is active already: nothing is forbidden, and the start shields.
    let acts = [by("a", 1, Action::Start), by("b", 0, Action::Stop)];
    let result = arbitrate(at(Status::Active), &acts, &holds);
    assert_eq!((result.action, result.winner), (None, Some(0)));
}

#[test]
fn time_alone_may_change_the_result_at_the_earliest_end_to_come() {
    let mut early = by("a", 0, Action::Start);
    early.not_after = Some(millis(1_000));
    let mut late = by("b", 0, Action::Start);
    late.not_after = Some(millis(1_500));
    let mut hold = held("h", Tier::Team, &[Action::Start]);
    let again = |acts: &[ProposedAct], holds: &[ProposedHold]| {
        arbitrate(at(Status::Inactive), acts, holds).reconsider_at
    };
    assert_eq!(again(&[by("a", 0, Action::Start)], &[hold.clone()]), None);
    // What ended is over, at this moment too.
    assert_eq!(again(std::slice::from_ref(&early), &[]), None);
    let acts = [early, late];
    assert_eq!(again(&acts, &[]), Some(millis(1_500)));
    hold.until = Some(millis(1_200));
    assert_eq!(again(&acts, &[hold.clone()]), Some(millis(1_200)));
    hold.until = Some(millis(1_700));
    assert_eq!(again(&acts, &[hold]), Some(millis(1_500)));
}

#[test]
fn actors_are_named_as_a_person_reads_them() {
    for (actor, name) in [
        (Actor::Policy(EntryName::new("work")), "policy work"),
        (Actor::Person, "you"),
        (Actor::Edit, "the edit of the session"),
        (Actor::Child, "a session chained to it"),
        (Actor::Client, "a program"),
    ] {
        assert_eq!(actor.to_string(), name);
    }
}
