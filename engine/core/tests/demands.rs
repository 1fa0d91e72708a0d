//! Programs that ask for credentials: one upstream call for all of them, never against anybody's
//! word, and no waiting for a time that is not now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::{Effect, OperationId, Reply};
use dayfly_core::input::{
    CommandId, Input, Order, PersistedStatus, SessionUpsert, WorkspaceChange,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::Action;
use dayfly_core::session::{Access, ErrorKind, Failure, Lease, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

struct Stage {
    state: State,
    now: Timestamp,
    issues: Vec<OperationId>,
    publishes: Vec<OperationId>,
    retracts: Vec<OperationId>,
    replies: BTreeMap<CommandId, Reply>,
    next: u64,
}

impl Stage {
    fn new() -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: Timestamp::from_millis(1_800_000_000_000),
            issues: Vec::new(),
            publishes: Vec::new(),
            retracts: Vec::new(),
            replies: BTreeMap::new(),
            next: 0,
        };
        let session = |name: &str| SessionUpsert {
            session: Arc::new(Session {
                id: SessionId::new(name),
                name: name.into(),
                region: None,
                access: Access::Localstack { endpoint_url: None },
                named_profile: Some("shared".into()),
                account: None,
                labels: BTreeMap::new(),
                fault: None,
            }),
            written: PersistedStatus::default(),
        };
        stage.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        stage.enter(Input::Policies(Vec::new()));
        stage.enter(Input::Workspace(WorkspaceChange {
            upserts: vec![session("s"), session("t")],
            removed: Vec::new(),
        }));
        stage
    }

    fn enter(&mut self, input: Input) {
        for effect in step(&mut self.state, self.now, input) {
            match effect {
                Effect::Issue { operation, .. } => self.issues.push(operation),
                Effect::Publish { operation, .. } => self.publishes.push(operation),
                Effect::Retract { operation, .. } => self.retracts.push(operation),
                Effect::Reply { command, reply } => {
                    let earlier = self.replies.insert(command, reply);
                    assert_eq!(earlier, None, "answered twice");
                }
                _ => {}
            }
        }
    }

    fn order(&mut self, session: &str, order: Order) -> CommandId {
        self.next += 1;
        let id = CommandId(self.next);
        let session = SessionId::new(session);
        self.enter(Input::Command { id, session, order });
        id
    }

    fn demand(&mut self) -> CommandId {
        self.order("s", Order::Demand)
    }

    fn say(&mut self, session: &str, action: Action) -> CommandId {
        let order = Order::Do {
            action,
            lasting: None,
            override_reason: None,
            reason: None,
        };
        self.order(session, order)
    }

    /// The provider and the chain do what they were asked to, for an hour.
    fn deliver(&mut self) {
        let lease = Lease {
            issued_at: self.now,
            expires_at: Some(self.now.plus(HOUR)),
        };
        for operation in std::mem::take(&mut self.issues) {
            self.enter(Input::Issued {
                operation,
                result: Ok(lease),
            });
        }
        for operation in std::mem::take(&mut self.publishes) {
            self.enter(Input::Delivered {
                operation,
                result: Ok(Placement::default()),
            });
        }
    }

    /// The chain takes away what it was asked to.
    fn retract(&mut self) {
        for operation in std::mem::take(&mut self.retracts) {
            self.enter(Input::Delivered {
                operation,
                result: Ok(Placement::default()),
            });
        }
    }
}

#[test]
fn who_asks_while_old_credentials_are_on_their_way_out_gets_new_ones() {
    let mut stage = Stage::new();
    stage.demand();
    stage.deliver();
    stage.now = stage.now.plus(HOUR);
    stage.enter(Input::Tick);
    assert_eq!(stage.retracts.len(), 1, "they have ended");
    let programs: Vec<CommandId> = (0..3).map(|_| stage.demand()).collect();
    let person = stage.say("s", Action::Start);
    assert!(stage.issues.is_empty());
    stage.retract();
    assert_eq!(stage.issues.len(), 1);
    stage.deliver();
    for id in programs.iter().chain([&person]) {
        let reply = &stage.replies[id];
        assert!(
            matches!(reply, Reply::Done { lease: Some(_), .. }),
            "{reply:?}"
        );
    }
}

#[test]
fn who_asks_while_a_person_stops_it_is_told_so() {
    let mut stage = Stage::new();
    stage.demand();
    stage.deliver();
    let stop = stage.say("s", Action::Stop);
    let program = stage.demand();
    stage.retract();
    assert!(matches!(
        stage.replies[&stop],
        Reply::Done { lease: None, .. }
    ));
    let reply = &stage.replies[&program];
    assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
    assert!(stage.issues.is_empty());
}

#[test]
fn many_demands_are_one_call() {
    let mut stage = Stage::new();
    let demands: Vec<CommandId> = (0..500).map(|_| stage.demand()).collect();
    assert_eq!(stage.issues.len(), 1);
    stage.deliver();
    for id in demands {
        assert!(matches!(
            stage.replies[&id],
            Reply::Done { lease: Some(_), .. }
        ));
    }
}

#[test]
fn good_credentials_are_answered_with_at_once_and_renewed_when_due() {
    let mut stage = Stage::new();
    stage.demand();
    stage.deliver();
    stage.now = stage.now.plus(HOUR / 2);
    let early = stage.demand();
    assert!(matches!(
        stage.replies[&early],
        Reply::Unchanged { lease: Some(_) }
    ));
    assert!(stage.issues.is_empty());
    stage.now = stage.now.plus(HOUR / 4);
    for _ in 0..3 {
        let due = stage.demand();
        assert!(matches!(
            stage.replies[&due],
            Reply::Unchanged { lease: Some(_) }
        ));
    }
    assert_eq!(stage.issues.len(), 1, "renewed once, behind the answer");
    stage.deliver();
    stage.demand();
    assert!(stage.issues.is_empty());
}

#[test]
fn a_demand_does_not_undo_a_persons_stop() {
    let mut stage = Stage::new();
    stage.say("s", Action::Stop);
    let id = stage.demand();
    assert!(stage.issues.is_empty());
    let Reply::Refused { why, .. } = &stage.replies[&id] else {
        panic!("{:?}", stage.replies[&id]);
    };
    assert!(why.contains("you stopped the session"), "{why}");
    stage.order("s", Order::Release);
    stage.demand();
    assert_eq!(stage.issues.len(), 1);
}

#[test]
fn a_demand_does_not_take_the_profile_of_another_session() {
    let mut stage = Stage::new();
    stage.say("t", Action::Start);
    stage.deliver();
    let id = stage.demand();
    assert!(stage.issues.is_empty());
    let Reply::Failed { failure, .. } = &stage.replies[&id] else {
        panic!("{:?}", stage.replies[&id]);
    };
    assert_eq!(failure.kind, ErrorKind::Delivery);
}

#[test]
fn a_demand_during_backoff_is_answered_with_the_failure() {
    let mut stage = Stage::new();
    let first = stage.demand();
    for operation in std::mem::take(&mut stage.issues) {
        stage.enter(Input::Issued {
            operation,
            result: Err(Failure::new(ErrorKind::NeedsMfa, "a code is needed")),
        });
    }
    for id in [first, stage.demand()] {
        let Reply::Failed { failure, .. } = &stage.replies[&id] else {
            panic!("{:?}", stage.replies[&id]);
        };
        assert_eq!(failure.kind, ErrorKind::NeedsMfa);
    }
    assert!(stage.issues.is_empty(), "no hammering");
    // A person's own word tries at once.
    stage.say("s", Action::Start);
    assert_eq!(stage.issues.len(), 1);
}

#[test]
fn a_person_who_starts_meanwhile_answers_the_program_too() {
    let mut stage = Stage::new();
    let program = stage.demand();
    let person = stage.say("s", Action::Start);
    stage.deliver();
    for id in [program, person] {
        assert!(
            matches!(stage.replies[&id], Reply::Done { .. }),
            "{:?}",
            stage.replies[&id]
        );
    }
    let mut stage = Stage::new();
    let program = stage.demand();
    stage.say("s", Action::Stop);
    assert!(matches!(stage.replies[&program], Reply::Superseded));
}
