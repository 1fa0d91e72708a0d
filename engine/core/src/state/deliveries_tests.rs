use super::*;
use crate::model::failure::ErrorKind;

const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const FILE: Place = Place::CredentialsFile;
const PROCESS: Place = Place::CredentialProcess;

fn failure(message: &str) -> Failure {
    Failure::new(ErrorKind::Delivery, message)
}

fn both() -> Delivery {
    Delivery::from([FILE, PROCESS])
}

/// In force in the credentials file alone, since the other failed.
fn half() -> Placement {
    Placement {
        in_force: Delivery::from([FILE]),
        failed: vec![(PROCESS, failure("full"))],
        ..Placement::default()
    }
}

#[test]
fn waits_double_up_to_a_quarter_of_an_hour_and_begin_anew_when_all_is_well() {
    let mut states = DeliveryStates::default();
    let session = SessionId::new("a");
    assert!(states.placed(&session, both(), half()));
    let mut waits = Vec::new();
    for _ in 0..7 {
        waits.push(states.retry_at(BEGIN).since(BEGIN).as_secs());
        states.wait_longer();
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900]);
    // Another one is well, but not all are.
    let other = SessionId::new("b");
    assert!(!states.placed(&other, both(), Placement::complete(&both())));
    assert_eq!(states.retry_at(BEGIN).since(BEGIN).as_secs(), 900);
    assert!(!states.placed(&session, both(), Placement::complete(&both())));
    assert_eq!(states.retry_at(BEGIN).since(BEGIN).as_secs(), 30);
}

#[test]
fn a_file_that_somebody_wrote_a_while_after_a_try_is_tried_again() {
    let mut states = DeliveryStates::default();
    states.placed(&SessionId::new("a"), both(), half());
    states.retry_at(BEGIN);
    let later = |millis| BEGIN.plus(Duration::from_millis(millis));
    let at = |place| PublicationPlace::At(place);
    assert!(!states.may_retry(at(PROCESS), later(2_000)));
    assert!(states.may_retry(at(PROCESS), later(2_001)));
    // Nothing failed there.
    assert!(!states.may_retry(at(FILE), later(2_001)));
    assert!(!states.may_retry(PublicationPlace::Kept, later(2_001)));
    // The clock is set back by an hour.
    let back = |at: Timestamp| at.minus(Duration::from_secs(3_600));
    states.shift(back);
    assert!(states.may_retry(at(PROCESS), back(later(2_001))));
}

#[test]
fn what_is_missing_is_told_before_what_is_left() {
    let mut state = DeliveryState::default();
    assert_eq!(state.problem(), None);
    let left = vec![(FILE, failure("busy"))];
    state.place(both(), Placement { left, ..half() });
    let told = state.problem().map(|problem| problem.to_string());
    assert_eq!(told.as_deref(), Some("not in credential-process: full"));
    state.failed.clear();
    let told = state.problem().map(|problem| problem.to_string());
    assert_eq!(told.as_deref(), Some("still at credentials-file: busy"));
    assert!(!state.is_well() && !state.is_as(&both()));
}

#[test]
fn a_change_that_fails_as_a_whole_leaves_all_where_it_is_and_to_be_tried_again() {
    let state = DeliveryState::found(Delivery::from([FILE]));
    let placement = state.unmoved(&Delivery::from([PROCESS]), &failure("broke"));
    assert_eq!(placement.in_force, Delivery::new());
    assert_eq!(placement.failed, [(PROCESS, failure("broke"))]);
    assert_eq!(placement.left, [(FILE, failure("broke"))]);
    // Nothing new is missing, but what should go is still there.
    let placement = state.unmoved(&Delivery::new(), &failure("broke"));
    assert!(placement.failed.is_empty());
    assert_eq!(placement.left, [(FILE, failure("broke"))]);
}

#[test]
fn sessions_go_where_they_say_else_where_is_usual_and_nowhere_where_others_insist() {
    let (one, other) = (SessionId::new("one"), SessionId::new("other"));
    let mut states = DeliveryStates::default();
    assert_eq!(states.wanted(&one), Delivery::from([FILE]));
    states.wanted = Some(WantedDeliveries {
        usual: Delivery::new(),
        sessions: BTreeMap::from([(one.clone(), both())]),
    });
    assert_eq!(states.wanted(&other), Delivery::new());
    states.placed(&one, both(), Placement::complete(&both()));
    let at = PublicationPlace::At(FILE);
    if let Some(state) = states.sessions.get_mut(&one) {
        assert!(state.lose(FILE) && !state.lose(FILE));
        state.removals.note(at, false, BEGIN);
        state.removals.leave_alone(at, failure("taken"));
    }
    assert_eq!(states.wanted(&one), both());
    assert_eq!(states.wanted_now(&one), Delivery::from([PROCESS]));
}
