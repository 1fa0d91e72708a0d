//! What was begun comes to its end, also where the cloud, the chain or a policy fails on the way.

mod stage;

use std::time::Duration;

use dayfly_core::arbitration::Tier;
use dayfly_core::audit::{Chain, audit};
use dayfly_core::delivery::Delivery;
use dayfly_core::effect::Reply;
use dayfly_core::input::{Input, Order, RecoveredCredentials};
use dayfly_core::policy::{
    Act, Action, EntryName, Fault, FaultKind, PolicyEffect, Reason, Verdict,
};
use dayfly_core::session::{Lease, Status};
use dayfly_core::time::Timestamp;

use stage::{HOUR, NOW, Stage, failure, id};

#[test]
fn credentials_that_end_while_their_successors_fail_to_arrive_are_retracted() {
    let mut stage = Stage::active();
    stage.pass(HOUR - Duration::from_secs(1));
    stage.say("parent", Action::Rotate);
    stage.issue("parent", HOUR);
    stage.pass(Duration::from_secs(2));
    // The child's have ended as well.
    assert_eq!(stage.deliver(Err(failure())), (true, id("parent")));
    stage.retracts("child");
    stage.retracts("parent");
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
}

#[test]
fn a_child_that_the_chain_had_in_hand_does_not_outlive_the_stop_of_its_parent() {
    let mut stage = Stage::active();
    stage.say("child", Action::Rotate);
    stage.issue("child", HOUR);
    stage.say("parent", Action::Stop);
    assert_eq!(stage.deliver(Ok(())), (true, id("child")));
    stage.retracts("parent");
    stage.retracts("child");
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
}

#[test]
fn a_child_that_could_not_be_retracted_with_its_parent_is_retracted_later() {
    let mut stage = Stage::active();
    stage.say("parent", Action::Stop);
    assert_eq!(stage.deliver(Err(failure())), (false, id("child")));
    stage.retracts("parent");
    assert_eq!(stage.statuses(), [Status::Inactive, Status::Active]);
    assert!(stage.chain.is_empty(), "not at once");
    stage.pass(Duration::from_secs(10));
    stage.retracts("child");
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
}

#[test]
fn a_child_stays_where_its_parent_came_back() {
    let mut stage = Stage::active();
    stage.say("parent", Action::Stop);
    assert_eq!(stage.deliver(Err(failure())), (false, id("child")));
    stage.retracts("parent");
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.pass(Duration::from_secs(600));
    assert_eq!(stage.statuses(), [Status::Active; 2]);
}

#[test]
fn a_session_that_left_is_retracted_although_another_moment_came_first() {
    let mut stage = Stage::active();
    stage.policy(Tier::Personal);
    // A wish whose end is a reason to look at the session again, soon.
    let soon = NOW.plus(Duration::from_millis(500));
    stage.answer(Ok(Verdict::default()));
    stage.say("child", Action::Stop);
    assert_eq!(stage.deliver(Err(failure())), (false, id("child")));
    stage.order("child", Order::Release);
    while stage.asked.is_some() {
        let entry = stage
            .state
            .entry(&EntryName::new("policy"))
            .expect("it is there");
        let view = entry.views().values().find(|v| v.id == id("child"));
        let view = view.expect("it is granted");
        let act = PolicyEffect::Act(Act {
            session: view.key,
            action: Action::Start,
            revision: view.revision,
            not_after: Some(soon),
            why: Reason::new("test", "for a moment"),
        });
        stage.answer(Ok(Verdict {
            effects: vec![act],
            stopped_after: None,
        }));
    }
    assert_eq!(stage.state.reconsidered(&id("child")), Some(soon));
    stage.edit(&[], "r", &["child"]);
    stage.pass(Duration::from_secs(10));
    stage.retracts("child");
    assert!(stage.state.session(&id("child")).is_none());
}

#[test]
fn what_no_session_stands_for_is_retracted_however_often_that_fails() {
    let lease = Lease {
        issued_at: NOW,
        expires_at: Some(NOW.plus(HOUR)),
    };
    let found = |name: &str| RecoveredCredentials {
        session: id(name),
        profile: Some(name.to_owned()),
        lease,
        in_force: Delivery::new(),
    };
    let held = [found("gone")];
    let mut stage = Stage::new(held.to_vec());
    for _ in 0..5 {
        assert_eq!(stage.deliver(Err(failure())), (false, id("gone")));
        assert!(stage.chain.is_empty(), "not at once");
        assert_eq!(audit(&stage.state, stage.now, Chain::Quiet(&held)), []);
        stage.pass(Duration::from_secs(60));
    }
    stage.retracts("gone");
    assert_eq!(audit(&stage.state, stage.now, Chain::Quiet(&[])), []);
    stage.pass(HOUR);
    assert!(stage.chain.is_empty());
    // Where the session comes back and is started, what stands there is its own.
    let mut stage = Stage::new(held.to_vec());
    stage.deliver(Err(failure()));
    stage.edit(&["gone"], "r", &[]);
    stage.say("gone", Action::Start);
    stage.issue("gone", HOUR);
    assert_eq!(stage.deliver(Ok(())), (true, id("gone")));
    stage.pass(HOUR / 2);
    assert!(stage.chain.is_empty(), "{:?}", stage.chain);
}

#[test]
fn a_program_is_never_given_what_has_ended() {
    let mut stage = Stage::active();
    stage.pass(HOUR);
    assert!(
        stage
            .chain
            .iter()
            .any(|(_, session, _)| *session == id("parent"))
    );
    while !stage.chain.is_empty() {
        stage.deliver(Err(failure()));
    }
    assert_eq!(stage.statuses(), [Status::Active; 2]);
    stage.replies.clear();
    stage.order("parent", Order::Demand);
    assert!(
        matches!(&stage.replies[..], [Reply::Failed { .. }]),
        "{:?}",
        stage.replies
    );
}

#[test]
fn what_an_edit_asks_for_is_obtained_although_the_first_attempt_failed() {
    let mut stage = Stage::active();
    stage.edit(&["child"], "other", &[]);
    stage.refuse("child");
    assert_eq!(stage.statuses(), [Status::Active; 2]);
    assert!(stage.issues.is_empty(), "not at once");
    stage.pass(Duration::from_secs(10));
    stage.issue("child", HOUR);
    stage.deliver(Ok(()));
    stage.pass(Duration::from_secs(600));
    assert!(stage.issues.is_empty(), "{:?}", stage.issues);
}

#[test]
fn what_an_edit_asks_for_is_obtained_although_a_stop_came_between_and_failed() {
    let mut stage = Stage::active();
    stage.edit(&["child"], "other", &[]);
    stage.say("child", Action::Stop);
    assert_eq!(stage.deliver(Err(failure())), (false, id("child")));
    stage.order("child", Order::Release);
    stage.issues.clear();
    stage.pass(Duration::from_secs(10));
    stage.issue("child", HOUR);
}

#[test]
fn a_suspended_policy_keeps_no_list_of_what_is_gone() {
    let mut stage = Stage::new(Vec::new());
    stage.policy(Tier::Personal);
    // It came and went while the policy thought.
    stage.edit(&["early"], "r", &[]);
    stage.edit(&[], "r", &["early"]);
    stage.answer(Err(Fault {
        kind: FaultKind::Permanent,
        message: "it broke".into(),
    }));
    for n in 0..20 {
        let name = format!("s{n}");
        stage.edit(&[&name], "r", &[]);
        stage.edit(&[], "r", &[&name]);
    }
    let (_, tracking) = stage.state.entries().next().expect("it is there");
    assert!(tracking.suspended);
    assert!(tracking.pending_sessions().count() <= 2);
}

/// The credentials of both sessions ended, and the chain could not take them back.
fn ended_and_left() -> Stage {
    let mut stage = Stage::active();
    stage.pass(HOUR);
    while !stage.chain.is_empty() {
        stage.deliver(Err(failure()));
    }
    stage
}

/// The clock is set to this moment.
fn set_clock(stage: &mut Stage, to: Timestamp) {
    stage.now = to;
    stage.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: 0,
    });
}

#[test]
fn an_end_that_the_clock_brings_back_is_watched_again() {
    let end = NOW.plus(HOUR);
    let moment = Duration::from_millis(1);
    let mut stage = ended_and_left();
    set_clock(&mut stage, end.minus(moment));
    assert!(stage.chain.is_empty(), "they have not ended");
    stage.pass(moment);
    assert!(
        !stage.chain.is_empty(),
        "not only when it would be tried again"
    );
    // Where the end is not ahead, it is tried again when it would be.
    let mut stage = ended_and_left();
    set_clock(&mut stage, end);
    assert!(stage.chain.is_empty());
    stage.pass(Duration::from_secs(60));
    assert!(!stage.chain.is_empty());
}

#[test]
fn what_took_the_place_of_foreign_credentials_is_retracted_once() {
    let lease = Lease {
        issued_at: NOW,
        expires_at: Some(NOW.plus(HOUR)),
    };
    let mut stage = Stage::new(vec![RecoveredCredentials {
        session: id("gone"),
        profile: Some("gone".to_owned()),
        lease,
        in_force: Delivery::new(),
    }]);
    stage.deliver(Err(failure()));
    stage.edit(&["gone"], "r", &[]);
    stage.say("gone", Action::Start);
    stage.issue("gone", HOUR);
    assert_eq!(stage.deliver(Ok(())), (true, id("gone")));
    stage.say("gone", Action::Stop);
    stage.retracts("gone");
    stage.pass(Duration::from_secs(60));
    assert!(stage.chain.is_empty(), "{:?}", stage.chain);
}

#[test]
fn foreign_credentials_give_way_to_who_takes_their_profile_and_to_nobody_else() {
    let found = |profile: &str| RecoveredCredentials {
        session: id("gone"),
        profile: Some(profile.to_owned()),
        lease: Lease {
            issued_at: NOW,
            expires_at: Some(NOW.plus(HOUR)),
        },
        in_force: Delivery::new(),
    };
    for (profile, gives_way) in [("parent", vec![id("gone")]), ("elsewhere", Vec::new())] {
        let mut stage = Stage::new(vec![found(profile)]);
        stage.deliver(Err(failure()));
        stage.say("parent", Action::Start);
        stage.issue("parent", HOUR);
        assert_eq!(stage.displaced, gives_way, "{profile}");
    }
    // Nobody gives way to themselves.
    let mut stage = Stage::new(vec![found("gone")]);
    stage.deliver(Err(failure()));
    stage.edit(&["gone"], "r", &[]);
    stage.say("gone", Action::Start);
    stage.issue("gone", HOUR);
    assert_eq!(stage.displaced, []);
}
