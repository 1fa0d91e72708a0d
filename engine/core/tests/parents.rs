//! A session that was started only since one chained to it was to start does not stay for nothing.

mod stage;

use dayfly_core::input::Order;
use dayfly_core::policy::Action;
use dayfly_core::session::Status;
use stage::{HOUR, Stage, id};

/// The child is ordered to start, and the parent has its credentials for it.
fn under_way() -> Stage {
    let mut stage = Stage::new(Vec::new());
    stage.say("child", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(stage.statuses(), [Status::Active, Status::Pending]);
    stage
}

#[test]
fn a_start_that_fails_does_not_leave_its_parent_started() {
    let mut stage = under_way();
    stage.refuse("child");
    stage.retracts("parent");
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
}

#[test]
fn nor_does_one_that_is_given_up() {
    let mut stage = under_way();
    stage.say("child", Action::Stop);
    stage.retracts("parent");
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
    // Given up while the parent was still on its way.
    let mut stage = Stage::new(Vec::new());
    stage.say("child", Action::Start);
    stage.say("child", Action::Stop);
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
    // Given up while the chain had the parent in hand.
    let mut stage = Stage::new(Vec::new());
    stage.say("child", Action::Start);
    stage.issue("parent", HOUR);
    stage.say("child", Action::Stop);
    assert_eq!(stage.deliver(Ok(())), (true, id("parent")));
    stage.retracts("parent");
    assert_eq!(stage.statuses(), [Status::Inactive; 2]);
}

#[test]
fn a_parent_that_somebody_wants_stays() {
    let mut stage = under_way();
    stage.say("parent", Action::Start);
    stage.refuse("child");
    assert_eq!(stage.statuses(), [Status::Active, Status::Inactive]);
    // One that was there before stays, of course.
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.say("child", Action::Start);
    stage.refuse("child");
    assert_eq!(stage.statuses(), [Status::Active, Status::Inactive]);
}

#[test]
fn a_parent_whose_child_was_started_stays_when_the_child_stops() {
    let mut stage = Stage::active();
    stage.say("child", Action::Stop);
    stage.retracts("child");
    assert_eq!(stage.statuses(), [Status::Active, Status::Inactive]);
    assert!(stage.chain.is_empty());
}

#[test]
fn a_parent_whose_renewal_failed_is_not_taken_for_one_that_was_started_for_its_child() {
    let mut stage = Stage::new(Vec::new());
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.order("parent", Order::Release);
    stage.say("parent", Action::Rotate);
    stage.refuse("parent");
    stage.say("child", Action::Start);
    stage.refuse("child");
    assert_eq!(stage.statuses(), [Status::Active, Status::Inactive]);
    assert!(stage.chain.is_empty(), "{:?}", stage.chain);
}

#[test]
fn a_parent_that_was_started_for_two_children_stays_until_neither_needs_it() {
    let mut stage = Stage::new(Vec::new());
    stage.edit(&["child-2"], "r", &[]);
    stage.say("child", Action::Start);
    stage.say("child-2", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    stage.refuse("child");
    assert_eq!(stage.statuses()[0], Status::Active);
    assert!(stage.chain.is_empty(), "the other needs it");
    stage.refuse("child-2");
    stage.retracts("parent");
    assert_eq!(stage.statuses()[0], Status::Inactive);
}
