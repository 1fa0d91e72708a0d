//! What guard rails say of operations that nobody asked them about: of a session that is started or
//! renewed for one chained to it, and of one that is edited while it is on its way.

mod stage;

use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::effect::Reply;
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{Entry, Input, Order};
use dayfly_core::policy::{
    Action, Actions, EntryName, Fault, FaultKind, Hold, PolicyEffect, Reason, SessionFilter,
    Subscription, Verdict,
};
use dayfly_core::session::Status;
use stage::{HOUR, Stage, id};

/// A policy that sees one session only.
fn policy(stage: &mut Stage, tier: Tier, sees: &str) {
    let sessions = Selector {
        names: vec![sees.to_owned()],
        ..Selector::default()
    };
    stage.enter(Input::Policies(vec![Entry {
        name: EntryName::new("policy"),
        rank: Rank { tier, priority: 0 },
        shadow: false,
        grant: Grant {
            sessions,
            actions: Actions::ALL,
            may_hold: true,
            ..Grant::default()
        },
        actions: Actions::ALL,
        may_hold: true,
        subscriptions: vec![Subscription::Sessions(SessionFilter::default())],
        schedules: Vec::new(),
        generation: 0,
        unusable: None,
    }]));
}

/// It answers for all that it sees, also what it is asked next.
fn answer(stage: &mut Stage, hold: Option<Action>) {
    for _ in 0..5 {
        if stage.asked.is_none() {
            return;
        }
        let entry = stage.state.entries().next();
        let keys: Vec<_> = entry.map_or(Vec::new(), |(_, e)| e.views().keys().copied().collect());
        let holds = keys.into_iter().filter_map(|session| {
            Some(PolicyEffect::Hold(Hold {
                session,
                actions: [hold?].into_iter().collect(),
                until: None,
                why: Reason::new("closed", "it is closed"),
            }))
        });
        let effects = holds.collect();
        stage.answer(Ok(Verdict {
            effects,
            stopped_after: None,
        }));
    }
}

#[test]
fn a_parent_is_not_started_before_its_guard_rail_answered() {
    for hold in [true, false] {
        let mut stage = Stage::new(Vec::new());
        policy(&mut stage, Tier::GuardRail, "parent");
        stage.say("child", Action::Start);
        assert!(stage.issues.is_empty(), "it has not answered");
        answer(&mut stage, hold.then_some(Action::Start));
        assert_eq!(stage.issues.contains_key(&id("parent")), !hold);
        let failed = matches!(stage.replies.last(), Some(Reply::Failed { .. }));
        assert_eq!(failed, hold, "{:?}", stage.replies);
    }
}

#[test]
fn a_guard_rail_that_breaks_keeps_a_parent_from_being_started() {
    let mut stage = Stage::new(Vec::new());
    policy(&mut stage, Tier::GuardRail, "parent");
    stage.say("child", Action::Start);
    stage.answer(Err(Fault {
        kind: FaultKind::Trap,
        message: "it broke".into(),
    }));
    assert!(stage.issues.is_empty());
    assert!(matches!(stage.replies.last(), Some(Reply::Failed { .. })));
}

#[test]
fn a_parent_is_not_renewed_against_a_guard_rail() {
    for hold in [true, false] {
        let mut stage = Stage::new(Vec::new());
        stage.say("parent", Action::Start);
        stage.issue("parent", HOUR);
        stage.deliver(Ok(()));
        policy(&mut stage, Tier::GuardRail, "parent");
        answer(&mut stage, hold.then_some(Action::Rotate));
        stage.pass(HOUR - Duration::from_secs(600));
        answer(&mut stage, hold.then_some(Action::Rotate));
        stage.say("child", Action::Start);
        assert_eq!(stage.issues.contains_key(&id("parent")), !hold);
        // What the parent has is good yet, and does for the child.
        assert_eq!(stage.issues.contains_key(&id("child")), hold);
    }
}

#[test]
fn what_an_edit_makes_of_a_session_on_its_way_is_asked_about() {
    for hold in [true, false] {
        let mut stage = Stage::active();
        stage.say("child", Action::Stop);
        stage.retracts("child");
        policy(&mut stage, Tier::GuardRail, "child");
        answer(&mut stage, None);
        stage.say("child", Action::Start);
        answer(&mut stage, None);
        // It becomes another role while the cloud is asked for the one before.
        stage.edit(&["child"], "admin", &[]);
        stage.issue("child", HOUR);
        assert!(stage.chain.is_empty() && stage.issues.is_empty());
        answer(&mut stage, hold.then_some(Action::Start));
        assert_eq!(stage.issues.contains_key(&id("child")), !hold);
        let status = stage.statuses()[1];
        assert_eq!(status == Status::Inactive, hold, "{status:?}");
        if hold {
            assert!(matches!(stage.replies.last(), Some(Reply::Refused { .. })));
        }
    }
}

#[test]
fn a_program_waits_for_every_policy_and_a_person_for_guard_rails() {
    for hold in [true, false] {
        let mut stage = Stage::new(Vec::new());
        policy(&mut stage, Tier::Team, "parent");
        stage.order("parent", Order::Demand);
        assert!(stage.issues.is_empty());
        answer(&mut stage, hold.then_some(Action::Start));
        assert_eq!(stage.issues.contains_key(&id("parent")), !hold);
    }
    let mut stage = Stage::new(Vec::new());
    policy(&mut stage, Tier::Team, "parent");
    stage.say("parent", Action::Start);
    assert!(stage.issues.contains_key(&id("parent")));
}

#[test]
fn a_program_does_not_wait_for_a_policy_that_broke_over_another_session() {
    for kind in [FaultKind::Trap, FaultKind::Permanent] {
        let mut stage = Stage::new(Vec::new());
        policy(&mut stage, Tier::Team, "*");
        answer(&mut stage, None);
        // It is asked about the child, and the parent changes meanwhile.
        stage.edit(&["child"], "admin", &[]);
        stage.edit(&[], "r", &["parent"]);
        stage.edit(&["parent"], "r", &[]);
        stage.order("parent", Order::Demand);
        assert!(stage.issues.is_empty() && stage.asked.is_some());
        let message = "it broke".to_owned();
        stage.answer(Err(Fault { kind, message }));
        assert!(stage.issues.contains_key(&id("parent")), "{kind:?}");
    }
}

#[test]
fn a_parent_waits_for_guard_rails_that_count_and_only_for_what_they_hold() {
    // One that is no guard rail.
    let mut stage = Stage::new(Vec::new());
    policy(&mut stage, Tier::Team, "parent");
    stage.say("child", Action::Start);
    assert!(stage.issues.contains_key(&id("parent")));
    // One in a dry run.
    let mut stage = Stage::new(Vec::new());
    stage.policy_entry(Tier::GuardRail, true);
    stage.say("child", Action::Start);
    assert!(stage.issues.contains_key(&id("parent")));
    // One that holds something else.
    let mut stage = Stage::new(Vec::new());
    policy(&mut stage, Tier::GuardRail, "parent");
    stage.say("child", Action::Start);
    answer(&mut stage, Some(Action::Rotate));
    assert!(stage.issues.contains_key(&id("parent")));
}

#[test]
fn what_an_edit_makes_of_a_session_that_is_being_renewed_is_asked_about() {
    for hold in [true, false] {
        let mut stage = Stage::active();
        policy(&mut stage, Tier::GuardRail, "child");
        answer(&mut stage, None);
        stage.say("child", Action::Rotate);
        answer(&mut stage, None);
        stage.edit(&["child"], "admin", &[]);
        stage.issue("child", HOUR);
        assert!(stage.chain.is_empty() && stage.issues.is_empty());
        answer(&mut stage, hold.then_some(Action::Rotate));
        assert_eq!(stage.issues.contains_key(&id("child")), !hold);
        if hold {
            assert!(matches!(stage.replies.last(), Some(Reply::Refused { .. })));
        }
    }
}

#[test]
fn what_an_edit_makes_of_a_session_in_the_queue_is_asked_about() {
    let mut stage = Stage::active();
    stage.say("child", Action::Stop);
    stage.retracts("child");
    policy(&mut stage, Tier::GuardRail, "child");
    answer(&mut stage, None);
    stage.state.settings.issuing_max = 0;
    stage.say("child", Action::Start);
    answer(&mut stage, None);
    assert_eq!(stage.state.queue().count(), 1);
    stage.edit(&["child"], "admin", &[]);
    assert_eq!(
        stage.state.queue().count(),
        0,
        "it waits for the guard rail"
    );
    stage.state.settings.issuing_max = 1;
    stage.enter(Input::Tick);
    assert!(stage.issues.is_empty());
    answer(&mut stage, None);
    assert!(stage.issues.contains_key(&id("child")));
}
