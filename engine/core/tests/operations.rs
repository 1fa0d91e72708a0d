//! Operations from their beginning to their end, at their borders.

mod stage;

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::Tier;
use dayfly_core::effect::{Effect, JournalEvent, OperationId, Reply};
use dayfly_core::input::{CommandId, Input, Order, WorkspaceChange};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{Action, Outcome};
use dayfly_core::session::{ErrorKind, Failure, Lease, Status};
use dayfly_core::state::SessionState;
use dayfly_core::step::step;
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
    let message = "the parent session parent cannot start: you stopped it; start or release it";
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
    let stale = |event: &JournalEvent| matches!(event, JournalEvent::Stale { .. });
    assert!(stage.recorded.last().is_some_and(stale));
    // The operation goes on: the chain answers, and the credentials are in force.
    stage.deliver(Ok(()));
    assert_eq!(stage.statuses()[0], Status::Active);
}

fn parent(stage: &Stage) -> &SessionState {
    stage.state.session(&id("parent")).expect("it is there")
}

#[test]
fn when_a_session_was_stopped_is_known_until_it_has_credentials_again() {
    let mut stage = Stage::active();
    stage.pass(MINUTE);
    stage.say("parent", Action::Stop);
    let stopped_at = |stage: &Stage, name| stage.state.session(&id(name)).unwrap().stopped_at;
    for name in ["parent", "child"] {
        assert_eq!(stopped_at(&stage, name), Some(stage.now), "{name}");
    }
    stage.retracts("child");
    stage.retracts("parent");
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    assert!(stopped_at(&stage, "parent").is_some());
    stage.deliver(Ok(()));
    assert_eq!(stopped_at(&stage, "parent"), None);
    assert!(stopped_at(&stage, "child").is_some());
}

#[test]
fn failures_are_forgotten_by_a_stop_and_not_by_an_end() {
    for stops in [true, false] {
        let mut stage = Stage::new(Vec::new());
        stage.say("parent", Action::Start);
        stage.issue("parent", MINUTE);
        stage.deliver(Ok(()));
        stage.say("parent", Action::Rotate);
        stage.refuse("parent");
        assert_eq!(parent(&stage).failures, 1);
        if stops {
            stage.say("parent", Action::Stop);
        } else {
            // What the person ordered fails until they have ended.
            while stage.now < NOW.plus(MINUTE) {
                stage.pass(Duration::from_secs(1));
                if stage.issues.contains_key(&id("parent")) {
                    stage.refuse("parent");
                }
            }
        }
        stage.retracts("parent");
        assert_eq!(parent(&stage).failures == 0, stops);
        assert_eq!(parent(&stage).last_failure.is_none(), stops);
        assert_eq!(parent(&stage).retry_at.is_none(), stops);
    }
}

#[test]
fn who_says_start_while_credentials_are_taken_back_has_them_obtained_again() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.say("parent", Action::Stop);
    stage.say("parent", Action::Start);
    stage.retracts("parent");
    let order = parent(&stage).manual_override.as_ref();
    assert_eq!(order.map(|order| order.action), Some(Action::Start));
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(stage.statuses()[0], Status::Active);
    assert!(matches!(stage.replies.last(), Some(Reply::Done { .. })));
}

#[test]
fn an_order_to_start_ends_with_the_credentials_although_a_program_asks_for_them() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.pass(HOUR);
    assert_eq!(stage.statuses()[0], Status::Pending);
    stage.order("parent", Order::Demand);
    assert!(parent(&stage).manual_override.is_some());
    stage.retracts("parent");
    assert_eq!(parent(&stage).manual_override, None);
    assert!(stage.issues.contains_key(&id("parent")));
}

#[test]
fn an_order_to_stop_outlives_the_credentials() {
    let mut stage = Stage::active();
    stage.say("parent", Action::Stop);
    stage.retracts("child");
    stage.retracts("parent");
    let order = parent(&stage).manual_override.as_ref();
    assert_eq!(order.map(|order| order.action), Some(Action::Stop));
}

#[test]
fn credentials_that_could_not_be_taken_back_are_there_still_and_it_is_tried_again() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.say("parent", Action::Stop);
    stage.deliver(Err(stage::failure()));
    assert_eq!(stage.statuses()[0], Status::Active);
    assert_eq!(failure(&stage).kind, ErrorKind::Delivery);
    assert_eq!(parent(&stage).stopped_at, None);
    assert_eq!(stage.state.expiry(&id("parent")), Some(NOW.plus(HOUR)));
    let again = parent(&stage).retry_at.expect("it is tried again");
    stage.pass(again.since(stage.now));
    stage.retracts("parent");
    assert_eq!(stage.statuses()[0], Status::Inactive);
}

/// How the latest operation ended, as the journal has it: outcome, and whether it names credentials, a
/// failure, and when it is tried again.
fn ended(stage: &Stage) -> (Outcome, bool, bool, bool) {
    let mut recorded = stage.recorded.iter().rev();
    let ended = recorded.find_map(|event| match event {
        JournalEvent::Ended {
            outcome,
            lease,
            failure,
            retry_at,
            ..
        } => {
            let (lease, failure) = (lease.is_some(), failure.is_some());
            Some((*outcome, lease, failure, retry_at.is_some()))
        }
        _ => None,
    });
    ended.expect("one ended")
}

#[test]
fn the_journal_says_how_an_operation_ended_and_when_it_is_tried_again() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.refuse("parent");
    assert_eq!(ended(&stage), (Outcome::Failed, false, true, true));
    stage.say("parent", Action::Start);
    let operation = stage.issues.remove(&id("parent")).unwrap();
    let needs = Failure::new(ErrorKind::NeedsMfa, "a code is asked for");
    issued(&mut stage, operation, Err(needs));
    // A person has to help first: no moment is named.
    assert_eq!(ended(&stage), (Outcome::Failed, false, true, false));
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(ended(&stage), (Outcome::Started, true, false, false));
    stage.say("parent", Action::Rotate);
    stage.refuse("parent");
    assert_eq!(ended(&stage), (Outcome::Failed, true, true, true));
    stage.say("parent", Action::Rotate);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(ended(&stage), (Outcome::Rotated, true, false, false));
    stage.say("parent", Action::Stop);
    stage.retracts("parent");
    assert_eq!(ended(&stage), (Outcome::Stopped, false, false, false));
}

#[test]
fn what_the_chain_answers_for_an_operation_that_it_was_not_asked_for_changes_nothing() {
    let mut stage = Stage::active();
    let before = stage.statuses();
    for result in [Ok(Placement::default()), Err(stage::failure())] {
        let operation = OperationId(9_999);
        stage.enter(Input::Delivered { operation, result });
        assert_eq!(stage.statuses(), before);
    }
}

#[test]
fn a_provider_is_told_how_often_it_was_tried_and_whose_credentials_to_use() {
    let mut stage = Stage::new(Vec::new());
    let attempt = |stage: &mut Stage, name: &str| {
        stage.next += 1;
        let command = Input::Command {
            id: CommandId(stage.next),
            session: id(name),
            order: Order::Do {
                action: Action::Start,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        };
        let effects = step(&mut stage.state, stage.now, command);
        let mut effects = effects.into_iter();
        let issue = effects.find_map(|effect| match effect {
            Effect::Issue {
                operation,
                parent,
                attempt,
                session,
            } => {
                stage.issues.insert(session, operation);
                Some((attempt, parent))
            }
            _ => None,
        });
        issue.expect("credentials are asked for")
    };
    assert_eq!(attempt(&mut stage, "parent"), (1, None));
    stage.refuse("parent");
    assert_eq!(attempt(&mut stage, "parent"), (2, None));
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(attempt(&mut stage, "child"), (1, Some(id("parent"))));
}

#[test]
fn a_person_hears_whose_profile_was_taken() {
    let mut stage = Stage::new(Vec::new());
    let mut other = session("other", "r");
    Arc::make_mut(&mut other.session).named_profile = Some("parent".to_owned());
    stage.enter(Input::Workspace(WorkspaceChange {
        upserts: vec![other],
        removed: Vec::new(),
    }));
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.say("other", Action::Start);
    stage.issue("other", HOUR);
    stage.deliver(Ok(()));
    let lease = until(NOW.plus(HOUR));
    let done = Reply::Done {
        lease: Some(lease),
        displaced: vec!["parent".to_owned()],
    };
    assert_eq!(stage.replies.last(), Some(&done));
    assert_eq!(stage.statuses()[0], Status::Inactive);
    assert_eq!(parent(&stage).published_profile, None);
}

#[test]
fn policies_see_that_a_failure_is_over() {
    let mut stage = Stage::new(Vec::new());
    stage.policy(Tier::Personal);
    stage.propose(Vec::new());
    stage.say("parent", Action::Start);
    stage.refuse("parent");
    stage.propose(Vec::new());
    assert_eq!(stage.seen("parent").facts.failures, 1);
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    let facts = stage.seen("parent").facts;
    assert_eq!((facts.failures, facts.last_error), (0, None));
    assert_eq!(facts.status, Status::Active);
}

#[test]
fn a_renewal_that_fails_leaves_what_the_person_ordered_and_says_when_it_is_tried_again() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.refuse("parent");
    let retried = |stage: &Stage| match stage.replies.last() {
        Some(Reply::Failed { retry_at, .. }) => *retry_at,
        other => panic!("{other:?}"),
    };
    assert_eq!(retried(&stage), None, "nobody tries a start again");
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.say("parent", Action::Rotate);
    stage.refuse("parent");
    assert!(retried(&stage).is_some_and(|at| at > NOW));
    let ordered = |stage: &Stage| parent(stage).manual_override.as_ref().map(|o| o.action);
    assert_eq!(ordered(&stage), Some(Action::Start));
    // Where a person is needed, time does not help.
    stage.say("parent", Action::Rotate);
    let operation = stage.issues[&id("parent")];
    let needs = Failure::new(ErrorKind::NeedsSignIn, "signed out");
    issued(&mut stage, operation, Err(needs));
    assert_eq!(retried(&stage), None);
    assert_eq!(ordered(&stage), Some(Action::Start));
}
