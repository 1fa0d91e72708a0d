//! What was begun comes to its end, also where the cloud, the chain or a policy fails on the way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::audit::{Chain, audit};
use dayfly_core::effect::{Effect, OperationId, Reply};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Found, Input, Order, Projection, SessionUpsert, WorkspaceChange,
};
use dayfly_core::policy::{
    Act, Action, Actions, EntryName, EvaluationId, Fault, FaultKind, PolicyEffect, Reason,
    SessionFilter, Subscription, Verdict,
};
use dayfly_core::session::{
    Access, AssumeRole, ErrorKind, Failure, Lease, Session, SessionId, Status,
};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

struct Stage {
    state: State,
    now: Timestamp,
    issues: BTreeMap<SessionId, OperationId>,
    /// What the chain is to do: whether it is a publication, whose, by which operation.
    chain: VecDeque<(bool, SessionId, OperationId)>,
    asked: Option<EvaluationId>,
    replies: Vec<Reply>,
    next: u64,
}

fn id(name: &str) -> SessionId {
    SessionId::new(name)
}

/// `parent`, and `child`, which is chained to it.
fn session(name: &str, role: &str) -> SessionUpsert {
    let access = if name == "child" {
        Access::AwsIamRoleChained {
            role_arn: format!("arn:aws:iam::123456789012:role/{role}"),
            parent: id("parent"),
            assume: AssumeRole::default(),
        }
    } else {
        Access::Localstack { endpoint_url: None }
    };
    SessionUpsert {
        session: Arc::new(Session {
            id: id(name),
            name: name.to_owned(),
            region: None,
            access,
            named_profile: Some(name.to_owned()),
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        }),
        written: Projection::default(),
    }
}

fn failure() -> Failure {
    Failure::new(ErrorKind::Delivery, "the file is locked")
}

impl Stage {
    fn new(found: Vec<Found>) -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: NOW,
            issues: BTreeMap::new(),
            chain: VecDeque::new(),
            asked: None,
            replies: Vec::new(),
            next: 0,
        };
        stage.enter(Input::Boot {
            found,
            words: Vec::new(),
        });
        stage.edit(&["parent", "child"], "r", &[]);
        stage
    }

    /// Both are active, for an hour.
    fn active() -> Self {
        let mut stage = Self::new(Vec::new());
        stage.say("child", Action::Start);
        for name in ["parent", "child"] {
            stage.issue(name, HOUR);
            stage.deliver(Ok(()));
        }
        assert_eq!(stage.statuses(), [Status::Active; 2]);
        stage
    }

    fn edit(&mut self, upserts: &[&str], role: &str, removed: &[&str]) {
        let upserts = upserts.iter().map(|name| {
            let mut upsert = session(name, role);
            if let Some(tracked) = self.state.session(&id(name)) {
                upsert.written = tracked.projected;
            }
            upsert
        });
        let upserts = upserts.collect();
        let removed = removed.iter().map(|name| id(name)).collect();
        self.enter(Input::Workspace(WorkspaceChange { upserts, removed }));
    }

    fn enter(&mut self, input: Input) {
        for effect in step(&mut self.state, self.now, input) {
            match effect {
                Effect::Issue {
                    operation, session, ..
                } => {
                    self.issues.insert(session, operation);
                }
                Effect::Publish {
                    operation, session, ..
                } => self.chain.push_back((true, session, operation)),
                Effect::Retract { operation, session } => {
                    self.chain.push_back((false, session, operation));
                }
                Effect::Evaluate { evaluation, .. } => self.asked = Some(evaluation),
                Effect::Reply { reply, .. } => self.replies.push(reply),
                _ => {}
            }
        }
        assert_eq!(audit(&self.state, self.now, Chain::Unknown), []);
    }

    fn order(&mut self, name: &str, order: Order) {
        self.next += 1;
        self.enter(Input::Command {
            id: CommandId(self.next),
            session: id(name),
            order,
        });
    }

    fn say(&mut self, name: &str, action: Action) {
        let order = Order::Do {
            action,
            lasting: None,
            override_reason: None,
            reason: None,
        };
        self.order(name, order);
    }

    /// The cloud issues credentials of this lifetime.
    fn issue(&mut self, name: &str, lifetime: Duration) {
        let operation = self.issues.remove(&id(name)).expect("it is asked for");
        let lease = Lease {
            issued_at: self.now,
            expires_at: Some(self.now.plus(lifetime)),
        };
        self.enter(Input::Issued {
            operation,
            result: Ok(lease),
        });
    }

    fn refuse(&mut self, name: &str) {
        let operation = self.issues.remove(&id(name)).expect("it is asked for");
        self.enter(Input::Issued {
            operation,
            result: Err(Failure::new(ErrorKind::Network, "no connection")),
        });
    }

    /// The chain answers the oldest question; what that was.
    fn deliver(&mut self, result: Result<(), Failure>) -> (bool, SessionId) {
        let (publishes, session, operation) = self.chain.pop_front().expect("something to do");
        self.enter(Input::Delivered { operation, result });
        (publishes, session)
    }

    fn retracts(&mut self, name: &str) {
        assert_eq!(self.deliver(Ok(())), (false, id(name)));
    }

    fn pass(&mut self, span: Duration) {
        let until = self.now.plus(span);
        while let Some(at) = self.state.next_wake().filter(|at| *at <= until) {
            self.now = at;
            self.enter(Input::Tick);
        }
        self.now = until;
    }

    fn statuses(&self) -> [Status; 2] {
        ["parent", "child"].map(|name| {
            let tracked = self.state.session(&id(name));
            tracked.map_or(Status::Inactive, |t| t.phase.status())
        })
    }

    fn policy(&mut self, tier: Tier) {
        self.enter(Input::Policies(vec![Entry {
            name: EntryName::new("policy"),
            rank: Rank { tier, priority: 0 },
            shadow: false,
            grant: Grant {
                sessions: Selector::default(),
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

    fn answer(&mut self, result: Result<Verdict, Fault>) {
        let evaluation = self.asked.take().expect("it is asked");
        self.enter(Input::Evaluated {
            entry: EntryName::new("policy"),
            evaluation,
            result,
        });
    }
}

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
    let found = |name: &str| Found {
        session: id(name),
        profile: Some(name.to_owned()),
        lease,
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
    assert!(tracking.unheard().count() <= 2);
}
