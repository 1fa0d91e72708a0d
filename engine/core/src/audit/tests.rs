use std::collections::BTreeMap;
mod deliveries;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::arbitration::{Actor, Rank, Tier};
use crate::events::effect::{Cause, OperationId};
use crate::events::input::{
    CommandId, Entry, Input, PersistedStatus, SessionUpsert, WorkspaceChange,
};
use crate::model::delivery::Delivery;
use crate::model::grant::{Grant, Selector};
use crate::model::policy::{Action, Actions, EntryName, Event, Fields, Outcome};
use crate::model::session::{Access, AssumeRole, Lease, Session, Status};
use crate::model::settings::Settings;
use crate::state::entry_state::PendingChange;
use crate::state::lane::Lane;
use crate::state::queue::Next;
use crate::state::timers::TimerKey;
use crate::state::{Operation, OperationStage, Phase, SessionState};
use crate::step::step;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

fn id(name: &str) -> SessionId {
    SessionId::new(name)
}

fn lease() -> Lease {
    Lease {
        issued_at: NOW,
        expires_at: Some(NOW.plus(HOUR)),
    }
}

fn found(session: &str, profile: &str) -> RecoveredCredentials {
    RecoveredCredentials {
        session: id(session),
        profile: Some(profile.to_owned()),
        lease: lease(),
        in_force: Delivery::new(),
    }
}

/// What a world holds that is as it has to be: `a` and `b` active, `c` chained to `a` and active,
/// `d` inactive; one policy.
struct World {
    state: State,
    chain: Vec<RecoveredCredentials>,
}

impl World {
    fn new() -> Self {
        let mut state = State::new(Settings::default(), 1);
        let chain = vec![found("a", "pa"), found("b", "pb"), found("c", "pc")];
        let upserts = ["a", "b", "c", "d"].map(|name| SessionUpsert {
            session: Arc::new(Session {
                id: id(name),
                name: name.to_owned(),
                region: None,
                access: if name == "c" {
                    Access::AwsIamRoleChained {
                        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
                        parent: id("a"),
                        assume: AssumeRole::default(),
                    }
                } else {
                    Access::Localstack { endpoint_url: None }
                },
                named_profile: Some(format!("p{name}")),
                account: None,
                labels: BTreeMap::new(),
                fault: None,
            }),
            written: PersistedStatus::default(),
        });
        let entry = Entry {
            name: EntryName::new("policy"),
            rank: Rank::default(),
            shadow: false,
            grant: Grant {
                sessions: Selector::default(),
                actions: Actions::ALL,
                may_hold: true,
                ..Grant::default()
            },
            actions: Actions::ALL,
            may_hold: true,
            subscriptions: Vec::new(),
            schedules: Vec::new(),
            generation: 0,
            unusable: None,
        };
        let boot = Input::Boot {
            found: chain.clone(),
            words: Vec::new(),
        };
        let workspace = Input::Workspace(WorkspaceChange {
            upserts: upserts.into(),
            removed: Vec::new(),
        });
        for input in [boot, workspace, Input::Policies(vec![entry])] {
            let _effects = step(&mut state, NOW, input);
        }
        let world = Self { state, chain };
        world.finds(&[]);
        world
    }

    fn state(&mut self, name: &str) -> &mut SessionState {
        self.state.sessions.get_mut(&id(name)).unwrap()
    }

    /// An operation for a session, known to the core.
    fn operation(&mut self, name: &str, stage: OperationStage) -> Operation {
        self.state.next_operation += 1;
        let operation = OperationId(self.state.next_operation);
        self.state.operations.insert(operation, id(name));
        Operation {
            id: operation,
            cause: Cause::default(),
            by: Actor::Person,
            stage,
        }
    }

    /// Puts a session into a phase, and tells everybody.
    fn phase(&mut self, name: &str, phase: Phase) {
        let status = phase.status();
        let state = self.state(name);
        state.phase = phase;
        state.projected.status = status;
        Arc::make_mut(&mut state.view).status = status;
        self.seen(name);
    }

    /// The operation of a session has a deadline.
    fn is_watched(&mut self, name: &str) {
        let key = TimerKey::Deadline(id(name));
        self.state.timers.set(key, NOW.plus(HOUR));
    }

    /// The policy sees how a session is now, or that it is gone.
    fn seen(&mut self, name: &str) {
        let state = &self.state.sessions[&id(name)];
        for entry in self.state.entries.values_mut() {
            if state.present {
                entry.visibility.show(&state.view);
            } else {
                entry.visibility.hide(&id(name));
            }
        }
    }

    fn finds(&self, expected: &[Violation]) {
        let violations = audit(&self.state, NOW, Chain::Quiet(&self.chain));
        assert_eq!(violations, expected);
        for violation in violations {
            let text = violation.to_string();
            assert!(text.len() > 20 && !text.ends_with('.'), "{text}");
            assert_ne!(text, format!("{violation:?}"), "it has words of its own");
        }
    }

    fn finds_when_moving(&self, expected: &[Violation]) {
        let violations = audit(&self.state, NOW, Chain::Moving(&self.chain));
        assert_eq!(violations, expected);
    }
}

#[test]
fn one_profile_for_two_sessions() {
    let shared = |profile: &str| Violation::SharedProfile {
        profile: profile.to_owned(),
        sessions: [id("a"), id("b")],
    };
    let mut world = World::new();
    world.state("b").published_profile = Some("pa".to_owned());
    world.chain[1].profile = Some("pa".to_owned());
    world.finds(&[shared("pa")]);
    // Where only the chain has it so, it is not where the core believes it either.
    let mut world = World::new();
    world.chain[1].profile = Some("pa".to_owned());
    let elsewhere = Violation::Elsewhere {
        session: id("b"),
        believed: Some("pb".to_owned()),
        found: Some("pa".to_owned()),
    };
    world.finds(&[shared("pa"), elsewhere]);
}

#[test]
fn credentials_that_nobody_stands_for() {
    for name in ["d", "unknown"] {
        let mut world = World::new();
        world.chain.push(found(name, "pd"));
        let unretracted = Violation::Unretracted { session: id(name) };
        world.finds(std::slice::from_ref(&unretracted));
        world.finds_when_moving(&[unretracted]);
    }
    let state = State::new(Settings::default(), 1);
    let chain = [found("a", "pa")];
    assert_eq!(audit(&state, NOW, Chain::Unknown), []);
    assert_eq!(audit(&state, NOW, Chain::Quiet(&chain)).len(), 1);
}

#[test]
fn credentials_on_their_way_may_be_there_and_not_when_all_is_quiet() {
    let mut world = World::new();
    let operation = world.operation("d", OperationStage::Publishing(lease()));
    world.phase("d", Phase::Starting(operation));
    world.is_watched("d");
    world.state("d").publishing_profile = Some("pd".to_owned());
    world.finds(&[]);
    world.chain.push(found("d", "pd"));
    world.finds(&[Violation::Unretracted { session: id("d") }]);
    world.finds_when_moving(&[]);
}

#[test]
fn credentials_that_the_chain_does_not_hold() {
    let mut world = World::new();
    world.chain.remove(1);
    world.finds(&[Violation::Missing { session: id("b") }]);
    world.finds_when_moving(&[Violation::Missing { session: id("b") }]);
    let operation = world.operation("b", OperationStage::Queued).id;
    world.phase("b", Phase::Stopping(lease(), operation, Outcome::Stopped));
    world.is_watched("b");
    world.finds(&[Violation::Missing { session: id("b") }]);
    world.finds_when_moving(&[]);
}

#[test]
fn credentials_elsewhere_or_others() {
    let mut world = World::new();
    world.chain[1].profile = None;
    world.finds(&[Violation::Elsewhere {
        session: id("b"),
        believed: Some("pb".to_owned()),
        found: None,
    }]);
    let mut world = World::new();
    let other = Lease {
        issued_at: NOW.minus(HOUR),
        ..lease()
    };
    world.chain[1].lease = other;
    world.finds(&[Violation::OtherLease {
        session: id("b"),
        believed: lease(),
        found: other,
    }]);
}

#[test]
fn credentials_that_are_not_taken_back_in_time() {
    let mut world = World::new();
    let ends = NOW.plus(HOUR);
    world.state.timers.clear(&TimerKey::Expiry(id("b")));
    let session = id("b");
    world.finds(&[Violation::Unwatched { session, ends }]);
    let late = ends.plus(HOUR);
    world.state.timers.set(TimerKey::Expiry(id("b")), late);
    let session = id("b");
    world.finds(&[Violation::Unwatched { session, ends }]);

    let mut world = World::new();
    let ended = Lease {
        issued_at: NOW.minus(HOUR),
        expires_at: Some(NOW),
    };
    world.phase("b", Phase::Active(ended));
    world.chain[1].lease = ended;
    let session = id("b");
    world.finds(&[Violation::ServedPastExpiry {
        session,
        ended: NOW,
    }]);
}

#[test]
fn a_session_that_left_and_is_not_taken_back() {
    let mut world = World::new();
    world.state("b").present = false;
    world.seen("b");
    world.finds(&[Violation::Lingering { session: id("b") }]);
    world.state("d").present = false;
    world.seen("d");
    world.finds(&[
        Violation::Lingering { session: id("b") },
        Violation::Lingering { session: id("d") },
    ]);
}

#[test]
fn a_pending_session_that_nothing_ends() {
    let stuck = |lacks| Violation::Stuck {
        session: id("d"),
        lacks,
    };
    for stage in [
        OperationStage::Parent,
        OperationStage::Issuing,
        OperationStage::Publishing(lease()),
    ] {
        let mut world = World::new();
        let operation = world.operation("d", stage);
        world.phase("d", Phase::Starting(operation));
        world.state.issuing = usize::from(stage == OperationStage::Issuing);
        world.finds(&[stuck("a deadline")]);
        world.is_watched("d");
        world.finds(&[]);
    }
    let mut world = World::new();
    let operation = world.operation("b", OperationStage::Queued).id;
    world.phase("b", Phase::Stopping(lease(), operation, Outcome::Stopped));
    let session = id("b");
    let lacks = "a deadline";
    world.finds(&[Violation::Stuck { session, lacks }]);
    world.is_watched("b");
    world.finds(&[]);
    let mut world = World::new();
    let operation = world.operation("d", OperationStage::Queued);
    world.phase("d", Phase::Starting(operation.clone()));
    world.finds(&[stuck("a place in the queue")]);
    world.state.operations.remove(&operation.id);
    world.finds(&[stuck("an operation that is under way")]);
    let stopping = Phase::Stopping(lease(), operation.id, Outcome::Stopped);
    world.phase("d", stopping);
    world.chain.push(found("d", "pd"));
    world.state("d").published_profile = Some("pd".to_owned());
    world.finds(&[stuck("an operation that is under way")]);
}

#[test]
fn a_session_beyond_the_one_it_is_chained_to() {
    let mut world = World::new();
    world.phase("a", Phase::Inactive);
    world.chain.remove(0);
    // Credentials outlive those that ended by themselves …
    world.finds(&[]);
    // … but not a stop.
    world.state("a").stopped_at = Some(NOW);
    world.finds(&[Violation::BeyondParent {
        session: id("c"),
        parent: id("a"),
    }]);
    world.state("c").retry_at = Some(NOW.plus(HOUR));
    world.finds(&[]);
}

#[test]
fn an_operation_of_nobody() {
    for name in ["b", "d", "unknown"] {
        let mut world = World::new();
        let operation = world.operation(name, OperationStage::Queued).id;
        let session = id(name);
        world.finds(&[Violation::StrayOperation { operation, session }]);
    }
}

#[test]
fn providers_beyond_their_bound_or_out_of_count() {
    let mut world = World::new();
    let operation = world.operation("d", OperationStage::Issuing);
    world.phase("d", Phase::Starting(operation));
    let key = TimerKey::Deadline(id("d"));
    world.state.timers.set(key, NOW.plus(HOUR));
    world.finds(&[Violation::Miscounted {
        counted: 0,
        issuing: 1,
    }]);
    world.state.issuing = 1;
    world.finds(&[]);
    world.state.settings.issuing_max = 0;
    world.finds(&[Violation::TooManyIssuing {
        issuing: 1,
        bound: 0,
    }]);
}

#[test]
fn a_queue_that_is_wrong_or_stands_still() {
    let mut world = World::new();
    world.state.settings.issuing_max = 0;
    let operation = world.operation("d", OperationStage::Queued);
    world.phase("d", Phase::Starting(operation));
    let push = |world: &mut World, name: &str| {
        let lane = Lane::Sts("123456789012".to_owned());
        world.state.queue.push(id(name), lane, false);
    };
    push(&mut world, "d");
    world.finds(&[]);
    push(&mut world, "b");
    world.finds(&[Violation::Misqueued { session: id("b") }]);
    world.state.queue.remove(&id("b"));
    world.state.settings.issuing_max = 1;
    world.finds(&[Violation::IdleQueue { waiting: 1 }]);
    // It may wait for the rate of its account, where that is looked after.
    let calls = world.state.settings.calls;
    for _ in 0..calls.sts.count() {
        assert!(matches!(
            world.state.queue.pop(&calls, NOW),
            Some(Next::Session(_))
        ));
        push(&mut world, "d");
    }
    let lacks = "a moment at which its provider is asked";
    let session = id("d");
    world.finds(&[Violation::Stuck { session, lacks }]);
    let lane = world.state.queue.lane(&id("d")).unwrap().clone();
    let soon = world.state.provider_free_at(&id("d"), NOW).unwrap();
    world.state.timers.set(TimerKey::Lane(lane), soon);
    world.finds(&[]);
}

#[test]
fn an_entry_that_sees_what_it_is_not_granted_or_not_what_it_is() {
    let entry = || EntryName::new("policy");
    let named = |world: &mut World, name: &str| {
        let policy = world.state.entries.get_mut(&entry()).unwrap();
        policy.entry.grant.sessions.names = vec![name.to_owned()];
    };
    let mut world = World::new();
    named(&mut world, "*b");
    let beyond = |name| Violation::BeyondGrant {
        entry: entry(),
        session: id(name),
    };
    let unknown = beyond("(unknown)");
    world.finds(&[beyond("a"), beyond("c"), beyond("d"), unknown]);
    let mut world = World::new();
    let policy = world.state.entries.get_mut(&entry()).unwrap();
    policy.visibility.hide(&id("b"));
    let (entry, session) = (entry(), id("b"));
    world.finds(&[
        Violation::Unseen {
            entry: entry.clone(),
            session,
        },
        beyond("(unknown)"),
    ]);
    let mut world = World::new();
    Arc::make_mut(&mut world.state("b").view).failures = 7;
    let session = id("b");
    world.finds(&[Violation::Outdated { entry, session }]);
}

#[test]
fn what_waits_for_a_policy_without_a_bound() {
    let backlog = |what, waiting, bound| Violation::Backlog {
        entry: EntryName::new("policy"),
        what,
        waiting,
        bound,
    };
    let mut world = World::new();
    world.state.settings.wakes_max = 1;
    world.state.settings.customs_max = 1;
    let policy = world
        .state
        .entries
        .get_mut(&EntryName::new("policy"))
        .unwrap();
    let event = Event::Custom {
        name: "event".to_owned(),
        data: "null".to_owned(),
    };
    policy.others.extend(vec![event; 4]);
    policy.wakes = ["x", "y"].map(|wake| (wake.to_owned(), NOW)).into();
    let change = PendingChange {
        fields: Fields::REMOVED,
        previous_status: None,
        outcome: None,
        last_view: None,
        cause: Cause::default(),
    };
    policy.pending_changes.insert(id("unknown"), change);
    policy.suspended = true;
    world.finds(&[
        backlog("events", 4, 3),
        backlog("wake-ups", 2, 1),
        backlog("removed sessions", 1, 0),
    ]);
}

#[test]
fn commands_that_nothing_will_answer() {
    let mut world = World::new();
    for name in ["b", "d"] {
        let waiting = &mut world.state(name).waiting;
        waiting.push((CommandId(7), Action::Start));
    }
    let unanswered = |name| Violation::Unanswered {
        session: id(name),
        commands: vec![CommandId(7)],
    };
    world.finds(&[unanswered("b"), unanswered("d")]);
    // A guard rail that thinks about it will.
    let policy = world
        .state
        .entries
        .get_mut(&EntryName::new("policy"))
        .unwrap();
    policy.entry.rank.tier = Tier::GuardRail;
    assert!(policy.is_asked());
    world.finds(&[]);
}

#[test]
fn a_moment_that_passed() {
    let mut world = World::new();
    let key = TimerKey::Reconsider(id("b"));
    world.state.timers.set(key, NOW);
    world.finds(&[Violation::Overdue { due: NOW }]);
}

#[test]
fn a_status_that_is_told_and_not_so() {
    let told = |status, told| Violation::Misreported {
        session: id("b"),
        status,
        told,
    };
    let mut world = World::new();
    world.state("b").projected.status = Status::Inactive;
    world.finds(&[told(Status::Active, Status::Inactive)]);
    let view = &mut world.state("b").view;
    Arc::make_mut(view).status = Status::Pending;
    world.seen("b");
    world.finds(&[
        told(Status::Active, Status::Pending),
        told(Status::Active, Status::Inactive),
    ]);
}

#[test]
fn credentials_on_their_way_before_anybody_knows_what_is_forbidden() {
    let mut world = World::new();
    world.state.policies_known = false;
    // What is in force stays so, and may be taken back.
    let operation = world.operation("b", OperationStage::Queued).id;
    world.phase("b", Phase::Stopping(lease(), operation, Outcome::Stopped));
    world.is_watched("b");
    world.finds(&[]);
    let operation = world.operation("d", OperationStage::Parent);
    world.phase("d", Phase::Starting(operation));
    world.is_watched("d");
    world.finds(&[Violation::Unruled { session: id("d") }]);
}
