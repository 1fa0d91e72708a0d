//! Where credentials are put, what is tried again, and what walks through faulty places have found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::audit::{Chain, audit};
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::effect::{Effect, OperationId};
use dayfly_core::input::{
    CommandId, Input, Order, PersistedStatus, RecoveredCredentials, SessionUpsert, WorkspaceChange,
};
use dayfly_core::placement::{ChangedPlace, Placement, PublicationPlace, WantedDeliveries};
use dayfly_core::policy::Action;
use dayfly_core::session::{Access, ErrorKind, Failure, Lease, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::{Phase, State};
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const FILE: Place = Place::CredentialsFile;
const PROCESS: Place = Place::CredentialProcess;

fn id() -> SessionId {
    SessionId::new("s")
}

fn failure() -> Failure {
    Failure::new(ErrorKind::Delivery, "the disk is full")
}

/// One session, whose credentials go to the credentials file.
struct Stage {
    state: State,
    now: Timestamp,
    commands: u64,
    effects: Vec<Effect>,
}

impl Stage {
    /// The session is active.
    fn active() -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: Timestamp::from_millis(1_800_000_000_000),
            commands: 0,
            effects: Vec::new(),
        };
        let session = Session {
            id: id(),
            name: "s".to_owned(),
            region: None,
            access: Access::Localstack { endpoint_url: None },
            named_profile: Some("p".to_owned()),
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        };
        stage.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        stage.enter(Input::Workspace(WorkspaceChange {
            upserts: vec![SessionUpsert {
                session: Arc::new(session),
                written: PersistedStatus::default(),
            }],
            removed: Vec::new(),
        }));
        stage.wants([FILE]);
        stage.enter(Input::Policies(Vec::new()));
        stage.orders(Action::Start);
        stage.issued();
        let (operation, delivery) = stage.publish();
        assert_eq!(delivery, Delivery::from([FILE]));
        stage.delivered(operation, Ok(Placement::complete(&delivery)));
        assert!(stage.is_active());
        stage
    }

    fn enter(&mut self, input: Input) {
        self.effects = step(&mut self.state, self.now, input);
        let violations = audit(&self.state, self.now, Chain::Unknown);
        assert_eq!(violations, []);
    }

    fn wants<const N: usize>(&mut self, usual: [Place; N]) {
        self.enter(Input::Deliveries(WantedDeliveries {
            usual: Delivery::from(usual),
            sessions: BTreeMap::new(),
        }));
    }

    fn orders(&mut self, action: Action) {
        self.commands += 1;
        self.enter(Input::Command {
            id: CommandId(self.commands),
            session: id(),
            order: Order::Do {
                action,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        });
    }

    fn answers(&self) -> usize {
        let replies = self.effects.iter();
        replies
            .filter(|e| matches!(e, Effect::Reply { .. }))
            .count()
    }

    fn issue(&self) -> OperationId {
        let mut effects = self.effects.iter();
        let issue = effects.find_map(|effect| match effect {
            Effect::Issue { operation, .. } => Some(*operation),
            _ => None,
        });
        issue.expect("a provider is asked")
    }

    fn issued(&mut self) {
        let operation = self.issue();
        let lease = Lease {
            issued_at: self.now,
            expires_at: Some(self.now.plus(Duration::from_secs(3_600))),
        };
        self.enter(Input::Issued {
            operation,
            result: Ok(lease),
        });
    }

    fn publish(&self) -> (OperationId, Delivery) {
        let mut effects = self.effects.iter();
        let publish = effects.find_map(|effect| match effect {
            Effect::Publish {
                operation,
                delivery,
                ..
            } => Some((*operation, delivery.clone())),
            _ => None,
        });
        publish.expect("credentials are published")
    }

    fn retract(&self) -> OperationId {
        let mut effects = self.effects.iter();
        let retract = effects.find_map(|effect| match effect {
            Effect::Retract { operation, .. } => Some(*operation),
            _ => None,
        });
        retract.expect("credentials are retracted")
    }

    fn delivered(&mut self, operation: OperationId, result: Result<Placement, Failure>) {
        self.enter(Input::Delivered { operation, result });
    }

    /// The places that the session's credentials are being put in.
    fn aligns(&self) -> Option<Delivery> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Align { delivery, .. } => Some(delivery.clone()),
            _ => None,
        })
    }

    fn aligned(&mut self, result: Result<Placement, Failure>) {
        let session = id();
        self.enter(Input::Aligned { session, result });
    }

    fn taken_out(&mut self, place: Place) {
        self.enter(Input::PlaceChanged(ChangedPlace {
            place: PublicationPlace::At(place),
            file: "a file".to_owned(),
            file_is_gone: false,
            lost: vec![id()],
            strange: Vec::new(),
        }));
    }

    fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.enter(Input::Tick);
    }

    fn is_active(&self) -> bool {
        let state = self.state.session(&id());
        state.is_some_and(|state| matches!(state.phase, Phase::Active(_)))
    }

    fn in_force(&self) -> Delivery {
        let known = self.state.delivery(&id());
        known
            .map(|known| known.in_force().clone())
            .unwrap_or_default()
    }
}

#[test]
fn another_delivery_comes_in_force_at_once_and_what_fails_is_tried_again_after_longer_and_longer() {
    let mut stage = Stage::active();
    stage.wants([FILE, PROCESS]);
    assert_eq!(stage.aligns(), Some(Delivery::from([FILE, PROCESS])));
    let half = || Placement {
        in_force: Delivery::from([FILE]),
        failed: vec![(PROCESS, failure())],
        ..Placement::default()
    };
    stage.aligned(Ok(half()));
    for wait in [30, 60, 120] {
        stage.later(wait - 1);
        assert_eq!(stage.aligns(), None);
        stage.later(1);
        assert_eq!(stage.aligns(), Some(Delivery::from([FILE, PROCESS])));
        stage.aligned(Ok(half()));
    }
    // Somebody wrote the file: what kept the credentials out may be mended.
    stage.now = stage.now.plus(Duration::from_secs(3));
    stage.enter(Input::PlaceChanged(ChangedPlace {
        place: PublicationPlace::At(PROCESS),
        file: "a file".to_owned(),
        file_is_gone: false,
        lost: Vec::new(),
        strange: Vec::new(),
    }));
    let wanted = stage.aligns().expect("another try");
    stage.aligned(Ok(Placement::complete(&wanted)));
    assert_eq!(stage.in_force(), Delivery::from([FILE, PROCESS]));
}

#[test]
fn what_is_taken_away_is_put_back_once_and_a_start_puts_it_back_again() {
    let mut stage = Stage::active();
    stage.taken_out(FILE);
    let wanted = stage.aligns().expect("it is put back");
    stage.aligned(Ok(Placement::complete(&wanted)));
    stage.taken_out(FILE);
    // It is left alone, and the credentials have to be in force somewhere.
    assert_eq!(stage.aligns(), Some(Delivery::new()));
    stage.aligned(Ok(Placement::default()));
    let known = stage.state.delivery(&id()).expect("what is known");
    assert_eq!(known.left_alone().collect::<Vec<_>>(), [FILE]);
    stage.orders(Action::Start);
    assert_eq!(
        (stage.aligns(), stage.answers()),
        (Some(Delivery::from([FILE])), 0)
    );
    stage.aligned(Ok(Placement::complete(&Delivery::from([FILE]))));
    assert_eq!(stage.answers(), 1, "the command waited for it");
}

/// Else they are back after the STOP.
#[test]
fn credentials_are_not_put_back_behind_a_retraction_that_the_chain_has_not_answered() {
    let mut stage = Stage::active();
    stage.orders(Action::Stop);
    let retraction = stage.retract();
    // The disk hangs: the session is as it was, as far as anybody knows.
    stage.later(60);
    assert!(stage.is_active());
    stage.wants([FILE, PROCESS]);
    assert_eq!(stage.aligns(), None);
    stage.delivered(retraction, Ok(Placement::default()));
    assert!(!stage.is_active());
    assert!(stage.in_force().is_empty());
}

#[test]
fn a_delivery_that_is_written_while_a_session_is_renewed_comes_in_force_where_that_fails() {
    let mut stage = Stage::active();
    stage.orders(Action::Rotate);
    let operation = stage.issue();
    stage.wants([PROCESS]);
    assert_eq!(stage.aligns(), None);
    stage.enter(Input::Issued {
        operation,
        result: Err(Failure::new(ErrorKind::Network, "no cloud")),
    });
    assert_eq!(stage.aligns(), Some(Delivery::from([PROCESS])));
}

#[test]
fn what_is_taken_away_while_a_session_is_renewed_for_long_is_put_back_where_that_fails() {
    let mut stage = Stage::active();
    stage.orders(Action::Rotate);
    let operation = stage.issue();
    stage.taken_out(FILE);
    // The timer finds nothing that it could move.
    stage.later(40);
    assert_eq!(stage.aligns(), None);
    stage.enter(Input::Issued {
        operation,
        result: Err(Failure::new(ErrorKind::Denied, "no")),
    });
    stage.later(60);
    assert_eq!(stage.aligns(), Some(Delivery::from([FILE])));
}

#[test]
fn what_was_taken_back_by_halves_is_put_back_where_nobody_wants_it_stopped_any_more() {
    let mut stage = Stage::active();
    stage.wants([FILE, PROCESS]);
    stage.aligned(Ok(Placement::complete(&Delivery::from([FILE, PROCESS]))));
    stage.orders(Action::Stop);
    let operation = stage.retract();
    stage.enter(Input::StillInForce {
        session: id(),
        places: Delivery::from([PROCESS]),
    });
    stage.delivered(operation, Err(failure()));
    // As long as it is to be tried again, nothing is put back.
    assert_eq!((stage.is_active(), stage.aligns()), (true, None));
    stage.commands += 1;
    stage.enter(Input::Command {
        id: CommandId(stage.commands),
        session: id(),
        order: Order::Release,
    });
    let all = Delivery::from([FILE, PROCESS]);
    for _ in 0..20 {
        if stage.aligns().as_ref() == Some(&all) {
            return;
        }
        let at = stage.state.next_wake().expect("something is to be done");
        stage.now = at;
        stage.enter(Input::Tick);
    }
    panic!("it stays by halves");
}

/// What the chain is asked to publish: whose, and who gives way to it.
fn publications(effects: &[Effect]) -> Vec<(OperationId, SessionId, Vec<SessionId>)> {
    let publications = effects.iter().filter_map(|effect| match effect {
        Effect::Publish {
            operation,
            session,
            displaced,
            ..
        } => Some((*operation, session.clone(), displaced.clone())),
        _ => None,
    });
    publications.collect()
}

impl Stage {
    /// Credentials of the session stand under the named profile `old`; it was not in the Workspace
    /// and could not be retracted. It comes back with the profile `p`, and `taker` has `old`.
    fn come_back() -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: Timestamp::from_millis(1_800_000_000_000),
            commands: 0,
            effects: Vec::new(),
        };
        let lease = Lease {
            issued_at: stage.now,
            expires_at: Some(stage.now.plus(Duration::from_secs(3_600))),
        };
        stage.enter(Input::Boot {
            found: vec![RecoveredCredentials {
                session: id(),
                profile: Some("old".to_owned()),
                lease,
                in_force: Delivery::from([FILE]),
            }],
            words: Vec::new(),
        });
        stage.adds("taker", "old");
        let operation = stage.retract();
        stage.wants([FILE]);
        stage.enter(Input::Policies(Vec::new()));
        stage.delivered(operation, Err(failure()));
        stage.adds("s", "p");
        stage
    }

    fn adds(&mut self, name: &str, profile: &str) {
        let session = Session {
            id: SessionId::new(name),
            name: name.to_owned(),
            region: None,
            access: Access::Localstack { endpoint_url: None },
            named_profile: Some(profile.to_owned()),
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        };
        self.enter(Input::Workspace(WorkspaceChange {
            upserts: vec![SessionUpsert {
                session: Arc::new(session),
                written: PersistedStatus::default(),
            }],
            removed: Vec::new(),
        }));
    }

    /// Starts a session; the chain is asked to publish it, or is not.
    fn starts(&mut self, name: &str) -> Vec<(OperationId, SessionId, Vec<SessionId>)> {
        self.commands += 1;
        self.enter(Input::Command {
            id: CommandId(self.commands),
            session: SessionId::new(name),
            order: Order::Do {
                action: Action::Start,
                lasting: None,
                override_reason: None,
                reason: None,
            },
        });
        self.issued();
        publications(&self.effects)
    }
}

/// Else they are gone, and the session is active.
#[test]
fn credentials_of_a_session_that_came_back_elsewhere_do_not_give_way_with_what_it_had_before() {
    let mut stage = Stage::come_back();
    let own = stage.starts("s");
    let file = Placement::complete(&Delivery::from([FILE]));
    stage.delivered(own[0].0, Ok(file));
    let taken = stage.starts("taker");
    assert_eq!(taken[0].1, SessionId::new("taker"));
    assert_eq!(taken[0].2, [], "what stood there was replaced");
}

#[test]
fn nobody_takes_the_profile_of_what_is_just_replaced_elsewhere() {
    let mut stage = Stage::come_back();
    let own = stage.starts("s");
    assert_eq!(stage.starts("taker"), [], "that may yet fail");
    stage.delivered(own[0].0, Err(failure()));
    let taken = stage.starts("taker");
    assert_eq!(taken[0].2, [id()], "it stands there yet");
}

/// Else the late publication is gone, and the session is active.
#[test]
fn what_nobody_stood_for_is_not_retracted_behind_a_publication_that_is_late() {
    let mut stage = Stage::come_back();
    let own = stage.starts("s");
    for _ in 0..40 {
        stage.later(10);
        let asked = |effect: &Effect| matches!(effect, Effect::Retract { .. });
        assert!(!stage.effects.iter().any(asked), "the chain owes an answer");
    }
    stage.delivered(own[0].0, Ok(Placement::complete(&Delivery::from([FILE]))));
}

#[test]
fn credentials_end_that_were_to_be_replaced_at_their_end_before_the_clock_was_set_back() {
    let mut stage = Stage::active();
    stage.later(3_595);
    stage.orders(Action::Rotate);
    stage.issued();
    let (operation, _) = stage.publish();
    // They end while the chain has in hand what is to follow.
    stage.later(10);
    stage.now = stage.now.minus(Duration::from_secs(60));
    stage.enter(Input::Resumed {
        slept_ms: 0,
        set_ms: 0,
    });
    // The audit looks whether they are watched again.
    stage.delivered(operation, Err(failure()));
    assert!(stage.is_active());
    let end = Timestamp::from_millis(1_800_000_000_000).plus(Duration::from_secs(3_600));
    assert!(stage.state.next_wake().is_some_and(|at| at <= end));
}
