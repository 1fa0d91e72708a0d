//! A cloud that answers one session again is tried by the others soon, but not again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::{Effect, OperationId};
use dayfly_core::input::{
    CommandId, Input, Order, PersistedStatus, SessionUpsert, WorkspaceChange,
};
use dayfly_core::session::{Access, ErrorKind, Failure, Lease, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

struct Stage {
    state: State,
    now: Timestamp,
    issues: BTreeMap<SessionId, OperationId>,
    next: u64,
}

impl Stage {
    fn new(names: &[(&str, Access)]) -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: Timestamp::from_millis(1_800_000_000_000),
            issues: BTreeMap::new(),
            next: 0,
        };
        let upserts = names.iter().map(|(name, access)| SessionUpsert {
            session: Arc::new(Session {
                id: SessionId::new(name),
                name: (*name).into(),
                region: None,
                access: access.clone(),
                named_profile: Some((*name).into()),
                account: None,
                labels: BTreeMap::new(),
                fault: None,
            }),
            written: PersistedStatus::default(),
        });
        stage.enter(Input::Boot {
            found: Vec::new(),
            words: Vec::new(),
        });
        stage.enter(Input::Policies(Vec::new()));
        let upserts = upserts.collect();
        stage.enter(Input::Workspace(WorkspaceChange {
            upserts,
            removed: Vec::new(),
        }));
        stage
    }

    fn enter(&mut self, input: Input) {
        for effect in step(&mut self.state, self.now, input) {
            if let Effect::Issue {
                operation, session, ..
            } = effect
            {
                self.issues.insert(session, operation);
            }
        }
    }

    /// A program asks, and the cloud answers like this.
    fn attempt(&mut self, session: &str, kind: Option<ErrorKind>) {
        self.next += 1;
        let id = SessionId::new(session);
        self.enter(Input::Command {
            id: CommandId(self.next),
            session: id.clone(),
            order: Order::Demand,
        });
        let operation = self.issues.remove(&id).expect("it is tried");
        let result = match kind {
            Some(kind) => Err(Failure::new(kind, "no")),
            None => Ok(Lease {
                issued_at: self.now,
                expires_at: Some(self.now.plus(Duration::from_secs(3_600))),
            }),
        };
        self.enter(Input::Issued { operation, result });
    }

    fn retry_in(&self, session: &str) -> Duration {
        let tracked = self
            .state
            .session(&SessionId::new(session))
            .expect("it is there");
        tracked.retry_at.expect("it failed").since(self.now)
    }

    /// So many failures in a row, each as soon as it may be tried.
    fn fail(&mut self, session: &str, kind: ErrorKind, times: u32) {
        for _ in 0..times {
            self.attempt(session, Some(kind));
            self.now = self.now.plus(self.retry_in(session));
        }
        self.attempt(session, Some(kind));
    }
}

fn user() -> Access {
    Access::AwsIamUser {
        mfa_device: None,
        duration_seconds: None,
    }
}

#[test]
fn a_success_hastens_those_that_did_not_reach_the_same_cloud() {
    let azure = Access::Azure {
        subscription_id: "s".into(),
        tenant_id: "t".into(),
        integration_id: None,
    };
    let mut stage = Stage::new(&[
        ("a", user()),
        ("b", user()),
        ("c", user()),
        ("denied", user()),
        ("azure", azure),
    ]);
    stage.fail("denied", ErrorKind::Denied, 6);
    stage.fail("azure", ErrorKind::Network, 6);
    stage.fail("a", ErrorKind::Network, 6);
    let before = ["a", "denied", "azure"].map(|s| stage.retry_in(s));
    assert!(before[0] > Duration::from_secs(25), "{before:?}");
    stage.attempt("b", None);
    let after = ["a", "denied", "azure"].map(|s| stage.retry_in(s));
    assert!(after[0] <= Duration::from_secs(11), "{after:?}");
    assert_eq!(after[1..], before[1..]);
    // Where it fails again all the same, another success does not make it hammer.
    stage.now = stage.now.plus(after[0]);
    stage.attempt("a", Some(ErrorKind::Network));
    stage.attempt("c", None);
    let again = stage.retry_in("a");
    assert!(again >= Duration::from_secs(10), "{again:?}");
}

#[test]
fn many_that_do_not_reach_a_cloud_find_out_together() {
    let azure = Access::Azure {
        subscription_id: "s".into(),
        tenant_id: "t".into(),
        integration_id: None,
    };
    let names: Vec<_> = (0..300).map(|n| format!("s{n}")).collect();
    let mut sessions: Vec<_> = names.iter().map(|n| (n.as_str(), user())).collect();
    sessions.push(("azure", azure));
    let mut stage = Stage::new(&sessions);
    stage.fail("azure", ErrorKind::Network, 12);
    let alone = stage.retry_in("azure");
    assert!(alone <= Duration::from_secs(60), "{alone:?}");
    for _ in 0..12 {
        stage.now = stage.now.plus(Duration::from_secs(600));
        for name in &names {
            stage.attempt(name, Some(ErrorKind::Network));
        }
    }
    let waits: Vec<_> = names.iter().map(|name| stage.retry_in(name)).collect();
    let rate: f64 = waits.iter().map(|wait| 1.0 / wait.as_secs_f64()).sum();
    // Not one for each every 45 s, which were 7 a second; enough to find the end of an outage soon.
    assert!((1.0..2.0).contains(&rate), "{rate} attempts a second");
    // The first that gets through hastens all.
    stage.now = stage.now.plus(stage.retry_in("s7"));
    stage.attempt("s7", None);
    let soon = names.iter().filter(|name| *name != "s7");
    for name in soon {
        let wait = stage.retry_in(name);
        assert!(wait <= Duration::from_secs(1), "{name}: {wait:?}");
    }
}
