//! A chain that does not answer keeps no session pending, and what it answers later is the truth.

mod stage;

use std::time::Duration;

use dayfly_core::arbitration::Tier;
use dayfly_core::effect::Reply;
use dayfly_core::policy::{Act, Action, PolicyEffect, Reason, Verdict};
use dayfly_core::session::{ErrorKind, Lease, Status};
use stage::{HOUR, Stage, failure, id};

const SLOW: Duration = Duration::from_secs(61);

fn phase_lease(stage: &Stage, name: &str) -> Option<Lease> {
    stage.state.session(&id(name)).and_then(|t| t.phase.lease())
}

fn failed(stage: &Stage) -> bool {
    matches!(
        stage.replies.last(),
        Some(Reply::Failed { failure, .. }) if failure.kind == ErrorKind::Delivery
            && failure.hint.is_some()
    )
}

#[test]
fn a_start_that_the_chain_does_not_answer_fails_and_is_taken_back_when_it_comes() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    assert_eq!(stage.statuses()[0], Status::Pending);
    stage.pass(SLOW);
    assert_eq!(stage.statuses()[0], Status::Inactive);
    assert!(failed(&stage), "{:?}", stage.replies);
    // Nothing new is begun as long as it may still come.
    stage.say("parent", Action::Start);
    assert!(failed(&stage) && stage.issues.is_empty());
    stage.say("parent", Action::Stop);
    assert_eq!(stage.deliver(Ok(())), (true, id("parent")));
    // It is there, and nobody wants it.
    stage.retracts("parent");
    assert_eq!(stage.statuses()[0], Status::Inactive);
    stage.say("parent", Action::Start);
    assert!(!stage.issues.is_empty());
}

#[test]
fn a_start_that_failed_late_may_be_tried_again() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.pass(SLOW);
    assert_eq!(stage.deliver(Err(failure())), (true, id("parent")));
    assert_eq!(stage.statuses()[0], Status::Inactive);
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(stage.statuses()[0], Status::Active);
}

#[test]
fn what_comes_late_and_is_wanted_stays() {
    let mut stage = Stage::new(Vec::new());
    stage.policy(Tier::Personal);
    let seen = stage.state.entries().next().and_then(|(_, entry)| {
        let mut views = entry.views().values();
        let view = views.find(|view| view.facts.id == id("parent"))?;
        Some((view.key, view.facts.revision))
    });
    let (session, revision) = seen.expect("the policy sees it");
    let start = PolicyEffect::Act(Act {
        session,
        action: Action::Start,
        revision,
        not_after: None,
        why: Reason::new("test", "it is wanted"),
    });
    stage.answer(Ok(Verdict {
        effects: vec![start],
        stopped_after: None,
    }));
    stage.issue("parent", HOUR);
    stage.pass(SLOW);
    assert_eq!(stage.statuses()[0], Status::Inactive);
    assert_eq!(stage.deliver(Ok(())), (true, id("parent")));
    assert_eq!(stage.statuses()[0], Status::Active);
    assert!(stage.chain.is_empty());
}

#[test]
fn a_rotation_that_the_chain_does_not_answer_leaves_the_old_credentials() {
    let mut stage = Stage::active();
    let old = phase_lease(&stage, "parent");
    stage.pass(SLOW);
    stage.say("parent", Action::Rotate);
    stage.issue("parent", HOUR);
    stage.pass(SLOW);
    assert_eq!(stage.statuses()[0], Status::Active);
    assert_eq!(phase_lease(&stage, "parent"), old);
    assert!(failed(&stage));
    assert_eq!(stage.deliver(Ok(())), (true, id("parent")));
    assert_ne!(phase_lease(&stage, "parent"), old);
    assert_eq!(stage.statuses()[0], Status::Active);
}

#[test]
fn a_stop_that_the_chain_does_not_answer_is_not_called_done() {
    let mut stage = Stage::active();
    stage.say("child", Action::Stop);
    stage.pass(SLOW);
    // They may still be there, so that is what is said.
    assert_eq!(stage.statuses()[1], Status::Active);
    assert!(failed(&stage), "{:?}", stage.replies);
    // It is waited for again, and asked for once only, however often somebody stops it.
    for _ in 0..3 {
        stage.say("child", Action::Stop);
        stage.pass(SLOW);
        assert_eq!(stage.chain.len(), 1);
    }
    stage.say("child", Action::Stop);
    stage.retracts("child");
    assert_eq!(stage.statuses()[1], Status::Inactive);
    assert!(matches!(
        stage.replies.last(),
        Some(Reply::Done { lease: None, .. })
    ));
}

#[test]
fn a_stop_that_is_answered_late_is_done() {
    let mut stage = Stage::active();
    stage.say("child", Action::Stop);
    stage.pass(SLOW);
    stage.retracts("child");
    assert_eq!(stage.statuses(), [Status::Active, Status::Inactive]);
}

#[test]
fn a_child_that_comes_late_does_not_outlive_the_stop_of_its_parent() {
    let mut stage = Stage::active();
    stage.say("child", Action::Rotate);
    stage.issue("child", HOUR);
    stage.pass(SLOW);
    stage.say("parent", Action::Stop);
    assert_eq!(stage.deliver(Ok(())), (true, id("child")));
    while !stage.chain.is_empty() {
        let (publishes, _) = stage.deliver(Ok(()));
        assert!(!publishes);
    }
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
}

#[test]
fn a_session_that_left_meanwhile_is_taken_back_when_it_comes() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.pass(SLOW);
    stage.edit(&[], "r", &["parent"]);
    assert!(stage.state.session(&id("parent")).is_some());
    assert_eq!(stage.deliver(Ok(())), (true, id("parent")));
    stage.retracts("parent");
    assert!(stage.state.session(&id("parent")).is_none());
}

#[test]
fn a_profile_that_a_late_answer_may_still_take_is_nobody_elses() {
    let mut stage = Stage::new(Vec::new());
    stage.edit(&["one@shared", "two@shared", "three@free"], "r", &[]);
    stage.say("one@shared", Action::Start);
    stage.issue("one@shared", HOUR);
    stage.pass(SLOW);
    assert!(failed(&stage), "{:?}", stage.replies);
    stage.say("two@shared", Action::Start);
    let Some(Reply::Failed { failure, .. }) = stage.replies.last() else {
        panic!("{:?}", stage.replies)
    };
    assert!(failure.message.contains("one@shared"), "{failure:?}");
    assert!(!stage.issues.contains_key(&id("two@shared")));
    stage.say("three@free", Action::Start);
    assert!(stage.issues.contains_key(&id("three@free")));
    // Once it was answered, the profile is free again.
    stage.deliver(Err(crate::failure()));
    stage.say("two@shared", Action::Start);
    assert!(stage.issues.contains_key(&id("two@shared")));
}

#[test]
fn a_stop_waits_for_the_late_answer_about_its_own_session_only() {
    let mut stage = Stage::new(Vec::new());
    stage.edit(&["one", "two"], "r", &[]);
    for name in ["one", "two"] {
        stage.say(name, Action::Start);
        stage.issue(name, HOUR);
        stage.deliver(Ok(()));
    }
    stage.say("one", Action::Stop);
    stage.pass(SLOW);
    assert_eq!(stage.chain.len(), 1);
    stage.say("two", Action::Stop);
    assert_eq!(stage.chain.len(), 2);
    stage.retracts("one");
    stage.retracts("two");
}
