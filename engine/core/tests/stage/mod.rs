//! A small stage for tests of what is begun and how it ends.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::audit::{Chain, audit};
use dayfly_core::effect::{Effect, JournalEvent, OperationId, Reply};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Input, Order, PersistedStatus, RecoveredCredentials, SessionUpsert,
    WorkspaceChange,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{
    Action, Actions, EntryName, EvaluationId, Fault, PolicyEffect, SessionFilter, SessionView,
    Subscription, Verdict,
};
use dayfly_core::session::{
    Access, AssumeRole, ErrorKind, Failure, Lease, Session, SessionId, Status,
};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// The core with a parent and a child, a cloud and a chain that answer when a test says so.
pub(crate) struct Stage {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) issues: BTreeMap<SessionId, OperationId>,
    /// What the chain is to do: whether it is a publication, whose, by which operation.
    pub(crate) chain: VecDeque<(bool, SessionId, OperationId)>,
    pub(crate) asked: Option<EvaluationId>,
    pub(crate) replies: Vec<Reply>,
    /// Operations that were given up, and those whose credentials were thrown away.
    pub(crate) cancelled: Vec<OperationId>,
    pub(crate) discarded: Vec<OperationId>,
    /// Whose credentials gave way to the latest publication.
    pub(crate) displaced: Vec<SessionId>,
    /// What the journal records.
    pub(crate) recorded: Vec<JournalEvent>,
    pub(crate) next: u64,
}

pub(crate) fn id(name: &str) -> SessionId {
    SessionId::new(name)
}

/// `parent`, and `child` and others of that beginning, which are chained to it; others stand alone. Each has a named profile of its own
/// name, or `one@profile` the one behind the sign.
pub(crate) fn session(name: &str, role: &str) -> SessionUpsert {
    let access = if name.starts_with("child") {
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
            named_profile: Some(name.split_once('@').map_or(name, |(_, own)| own).to_owned()),
            account: None,
            labels: BTreeMap::new(),
            fault: None,
        }),
        written: PersistedStatus::default(),
    }
}

pub(crate) fn failure() -> Failure {
    Failure::new(ErrorKind::Delivery, "the file is locked")
}

impl Stage {
    pub(crate) fn new(found: Vec<RecoveredCredentials>) -> Self {
        let mut stage = Self {
            state: State::new(Settings::default(), 1),
            now: NOW,
            issues: BTreeMap::new(),
            chain: VecDeque::new(),
            asked: None,
            replies: Vec::new(),
            cancelled: Vec::new(),
            discarded: Vec::new(),
            displaced: Vec::new(),
            recorded: Vec::new(),
            next: 0,
        };
        stage.enter(Input::Boot {
            found,
            words: Vec::new(),
        });
        stage.enter(Input::Policies(Vec::new()));
        stage.edit(&["parent", "child"], "r", &[]);
        stage
    }

    /// Both are active, for an hour.
    pub(crate) fn active() -> Self {
        let mut stage = Self::new(Vec::new());
        stage.say("child", Action::Start);
        for name in ["parent", "child"] {
            stage.issue(name, HOUR);
            stage.deliver(Ok(()));
        }
        assert_eq!(stage.statuses(), [Status::Active; 2]);
        stage
    }

    pub(crate) fn edit(&mut self, upserts: &[&str], role: &str, removed: &[&str]) {
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

    pub(crate) fn enter(&mut self, input: Input) {
        for effect in step(&mut self.state, self.now, input) {
            match effect {
                Effect::Issue {
                    operation, session, ..
                } => {
                    self.issues.insert(session, operation);
                }
                Effect::Publish {
                    operation,
                    session,
                    displaced,
                    ..
                } => {
                    self.displaced = displaced;
                    self.chain.push_back((true, session, operation));
                }
                Effect::Retract { operation, session } => {
                    self.chain.push_back((false, session, operation));
                }
                Effect::Evaluate { evaluation, .. } => self.asked = Some(evaluation),
                Effect::Reply { reply, .. } => self.replies.push(reply),
                Effect::Cancel { operation } => self.cancelled.push(operation),
                Effect::Discard { operation } => self.discarded.push(operation),
                Effect::Record(entry) => self.recorded.push(entry.what),
                _ => {}
            }
        }
        assert_eq!(audit(&self.state, self.now, Chain::Unknown), []);
    }

    pub(crate) fn order(&mut self, name: &str, order: Order) {
        self.next += 1;
        self.enter(Input::Command {
            id: CommandId(self.next),
            session: id(name),
            order,
        });
    }

    pub(crate) fn say(&mut self, name: &str, action: Action) {
        let order = Order::Do {
            action,
            lasting: None,
            override_reason: None,
            reason: None,
        };
        self.order(name, order);
    }

    /// The cloud issues credentials of this lifetime.
    pub(crate) fn issue(&mut self, name: &str, lifetime: Duration) {
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

    pub(crate) fn refuse(&mut self, name: &str) {
        let operation = self.issues.remove(&id(name)).expect("it is asked for");
        self.enter(Input::Issued {
            operation,
            result: Err(Failure::new(ErrorKind::Network, "no connection")),
        });
    }

    /// The chain answers the oldest question; what that was.
    pub(crate) fn deliver(&mut self, result: Result<(), Failure>) -> (bool, SessionId) {
        let (publishes, session, operation) = self.chain.pop_front().expect("something to do");
        let result = result.map(|()| Placement::default());
        self.enter(Input::Delivered { operation, result });
        (publishes, session)
    }

    pub(crate) fn retracts(&mut self, name: &str) {
        assert_eq!(self.deliver(Ok(())), (false, id(name)));
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now.plus(span);
        while let Some(at) = self.state.next_wake().filter(|at| *at <= until) {
            self.now = at;
            self.enter(Input::Tick);
        }
        self.now = until;
    }

    pub(crate) fn statuses(&self) -> [Status; 2] {
        ["parent", "child"].map(|name| {
            let tracked = self.state.session(&id(name));
            tracked.map_or(Status::Inactive, |t| t.phase.status())
        })
    }

    pub(crate) fn policy(&mut self, tier: Tier) {
        self.policy_entry(tier, false);
    }

    /// The policy, whose decisions are only recorded where it is in a dry run.
    pub(crate) fn policy_entry(&mut self, tier: Tier, shadow: bool) {
        self.enter(Input::Policies(vec![Entry {
            name: EntryName::new("policy"),
            rank: Rank { tier, priority: 0 },
            shadow,
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

    /// The session as the policy knows it.
    pub(crate) fn seen(&self, name: &str) -> SessionView {
        let (_, entry) = self.state.entries().next().expect("a policy");
        let mut views = entry.views().values();
        let view = views.find(|view| view.facts.id == id(name));
        view.expect("it sees the session").clone()
    }

    /// The policy answers with these effects.
    pub(crate) fn propose(&mut self, effects: Vec<PolicyEffect>) {
        self.answer(Ok(Verdict {
            effects,
            stopped_after: None,
        }));
    }

    pub(crate) fn answer(&mut self, result: Result<Verdict, Fault>) {
        let evaluation = self.asked.take().expect("it is asked");
        self.enter(Input::Evaluated {
            entry: EntryName::new("policy"),
            evaluation,
            result,
        });
    }
}
