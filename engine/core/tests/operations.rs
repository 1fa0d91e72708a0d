//! Operations from their beginning to their end, at their borders.

mod stage;

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::{OperationId, Reply};
use dayfly_core::input::{Input, WorkspaceChange};
use dayfly_core::policy::Action;
use dayfly_core::session::{ErrorKind, Failure, Lease, Status};
use dayfly_core::time::Timestamp;
use stage::{HOUR, NOW, Stage, id, session};

const MINUTE: Duration = Duration::from_secs(60);

fn issued(stage: &mut Stage, operation: OperationId, result: Result<Lease, Failure>) {
    stage.enter(Input::Issued { operation, result });
}

fn until(at: Timestamp) -> Lease {
    Lease {
        issued_at: NOW,
        expires_at: Some(at),
    }
}

/// The latest answer, which has to be a failure.
fn failure(stage: &Stage) -> &Failure {
    match stage.replies.last() {
        Some(Reply::Failed { failure, .. }) => failure,
        other => panic!("{other:?}"),
    }
}

/// The child is started; what the provider says of it.
fn child_fails(stage: &mut Stage, message: &str) {
    stage.say("child", Action::Start);
    assert_eq!(failure(stage).message, message);
    assert_eq!(stage.statuses()[1], Status::Inactive);
}

#[test]
fn credentials_that_ended_before_they_arrived_are_thrown_away() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    let operation = stage.issues[&id("parent")];
    issued(&mut stage, operation, Ok(until(NOW)));
    assert_eq!(failure(&stage).kind, ErrorKind::ClockSkew);
    assert!(failure(&stage).hint.is_some());
    assert_eq!(stage.discarded, [operation]);
    assert!(stage.chain.is_empty());
    assert_eq!(stage.statuses()[0], Status::Inactive);
    // A moment longer is long enough.
    stage.say("parent", Action::Start);
    let operation = stage.issues[&id("parent")];
    let next = NOW.plus(Duration::from_millis(1));
    issued(&mut stage, operation, Ok(until(next)));
    assert_eq!(stage.chain.len(), 1);
    assert_eq!(stage.discarded.len(), 1);
}

#[test]
fn what_a_provider_brings_for_an_operation_that_is_over_is_thrown_away() {
    for brings in [true, false] {
        let mut stage = Stage::new(Vec::new());
        stage.say("parent", Action::Start);
        let operation = stage.issues[&id("parent")];
        stage.say("parent", Action::Stop);
        assert_eq!(stage.cancelled, [operation]);
        assert_eq!(stage.state.issuing(), 0);
        let refused = || Failure::new(ErrorKind::Network, "no connection");
        let result = brings.then(|| until(NOW.plus(HOUR))).ok_or_else(refused);
        issued(&mut stage, operation, result);
        let thrown_away: &[OperationId] = if brings { &[operation] } else { &[] };
        assert_eq!(stage.discarded, thrown_away);
        assert!(stage.chain.is_empty());
        assert_eq!(stage.statuses()[0], Status::Inactive);
    }
}

#[test]
fn a_queued_operation_that_is_stopped_asks_no_provider_and_cancels_none() {
    let mut stage = Stage::new(Vec::new());
    stage.state.settings.issuing_max = 0;
    stage.say("parent", Action::Start);
    assert_eq!(stage.state.queue().count(), 1);
    stage.say("parent", Action::Stop);
    assert_eq!(stage.state.queue().count(), 0);
    assert!(stage.cancelled.is_empty() && stage.issues.is_empty());
    assert_eq!(stage.state.operations().count(), 0);
}

#[test]
fn no_more_providers_are_asked_at_a_time_than_may_be() {
    let mut stage = Stage::new(Vec::new());
    stage.state.settings.issuing_max = 1;
    stage.edit(&["one", "two"], "r", &[]);
    stage.say("one", Action::Start);
    stage.say("two", Action::Start);
    assert_eq!(stage.state.issuing(), 1);
    stage.issue("one", HOUR);
    assert_eq!(stage.state.issuing(), 1);
    stage.refuse("two");
    assert_eq!(stage.state.issuing(), 0);
}

#[test]
fn a_parent_is_renewed_first_where_less_than_a_third_of_its_credentials_is_left() {
    let second = Duration::from_secs(1);
    for (passed, first) in [(40 * MINUTE, "child"), (40 * MINUTE + second, "parent")] {
        let mut stage = Stage::active();
        stage.say("child", Action::Stop);
        stage.retracts("child");
        stage.pass(passed);
        stage.say("child", Action::Start);
        let asked: Vec<_> = stage.issues.keys().cloned().collect();
        assert_eq!(asked, [id(first)], "{passed:?}");
        if first == "parent" {
            stage.issue("parent", HOUR);
            stage.deliver(Ok(()));
        }
        stage.issue("child", HOUR);
        stage.deliver(Ok(()));
        assert_eq!(stage.statuses(), [Status::Active; 2]);
    }
}

#[test]
fn a_parent_that_cannot_be_started_says_why() {
    let mut stage = Stage::new(Vec::new());
    let mut parent = session("parent", "r");
    Arc::make_mut(&mut parent.session).fault = Some("it has no key".to_owned());
    stage.enter(Input::Workspace(WorkspaceChange {
        upserts: vec![parent],
        removed: Vec::new(),
    }));
    child_fails(&mut stage, "the parent session parent: it has no key");
    assert_eq!(failure(&stage).kind, ErrorKind::Parent);

    let mut stage = Stage::new(Vec::new());
    stage.edit(&[], "r", &["parent"]);
    let message = "the parent session parent is not in the Workspace";
    child_fails(&mut stage, message);

    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Stop);
    let message =
        "the parent session parent may not start: you stopped it; start it, or release it";
    child_fails(&mut stage, message);
}

#[test]
fn a_parent_that_failed_fails_its_child_until_it_may_be_tried_again() {
    let mut stage = Stage::new(Vec::new());
    stage.say("child", Action::Start);
    stage.refuse("parent");
    let message = "the parent session parent failed: no connection";
    assert_eq!(failure(&stage).message, message);
    assert_eq!(failure(&stage).kind, ErrorKind::Parent);
    child_fails(&mut stage, message);
    assert!(stage.issues.is_empty());
    let parent = stage.state.session(&id("parent")).unwrap();
    stage.now = parent.retry_at.expect("it is tried again");
    stage.say("child", Action::Start);
    assert!(stage.issues.contains_key(&id("parent")));
}

#[test]
fn a_child_waits_for_the_person_whom_its_parent_waits_for() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    let operation = stage.issues.remove(&id("parent")).unwrap();
    let needs = Failure::new(ErrorKind::NeedsMfa, "a code is asked for").with_hint("enter it");
    issued(&mut stage, operation, Err(needs.clone()));
    let message = "the parent session parent: a code is asked for";
    child_fails(&mut stage, message);
    assert_eq!(failure(&stage).kind, ErrorKind::NeedsMfa);
    assert_eq!(failure(&stage).hint, needs.hint);
}

#[test]
fn a_child_follows_its_parent_when_that_is_stopped_and_not_when_it_is_renewed() {
    let mut stage = Stage::active();
    stage.say("parent", Action::Rotate);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(stage.statuses(), [Status::Active; 2]);
    assert!(stage.chain.is_empty());
    stage.say("parent", Action::Stop);
    // First what is chained to it.
    let stops: Vec<_> = stage
        .chain
        .iter()
        .map(|(_, session, _)| session.clone())
        .collect();
    assert_eq!(stops, [id("child"), id("parent")]);
    stage.retracts("child");
    stage.retracts("parent");
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
}

#[test]
fn an_operation_takes_as_long_as_it_may_and_no_longer() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    let deadline = stage.state.settings.issue_deadline;
    let second = Duration::from_secs(1);
    stage.pass(deadline - second);
    assert_eq!(stage.statuses()[0], Status::Pending);
    stage.pass(second);
    assert_eq!(stage.statuses()[0], Status::Inactive);
    assert_eq!(failure(&stage).kind, ErrorKind::Network);
    assert_eq!(stage.cancelled.len(), 1);
}

#[test]
fn what_a_provider_answers_twice_counts_once() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    let operation = stage.issues[&id("parent")];
    let lease = until(NOW.plus(HOUR));
    issued(&mut stage, operation, Ok(lease));
    assert_eq!(stage.chain.len(), 1);
    // What comes again is not published again.
    issued(&mut stage, operation, Ok(lease));
    assert_eq!(stage.chain.len(), 1);
    assert_eq!(stage.discarded, [operation]);
    // The operation goes on: the chain answers, and the credentials are in force.
    stage.deliver(Ok(()));
    assert_eq!(stage.statuses()[0], Status::Active);
}
