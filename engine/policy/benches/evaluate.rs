//! What the host costs over bare Wasmtime: the same component, engine and call.
//!
//! `cargo bench -p dayfly-policy --bench evaluate`
//!
//! `bare` instantiates and calls through plain bindings with arguments made beforehand, without a
//! limit, a check, a log or a state. `host` is [`Policy::evaluate`]: it also makes the arguments,
//! meters the call, checks the verdict and turns it into the core's types. Before the table, the
//! ratio of the two is printed, measured in turns so that a busy machine slows both alike; once for
//! a built-in policy and once for a guest that does nothing, which shows the host's share at its
//! largest.
//!
//! `cargo bench -p dayfly-policy --bench evaluate -- contracts`
//!
//! measures in turns the same built-in policy as it spoke 0.1 of the contract, and as it speaks 0.2.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dayfly_core::policy::{
    Context, Event, Fields, Revision, SessionChange, SessionFacts, SessionKey, SessionView,
};
use dayfly_core::session::{SessionId, SessionType, Status};
use dayfly_core::time::Timestamp;
use dayfly_policy::{
    Call, Host, HostConfig, Limits, Module, Policy, StateSnapshot, WorkspaceQuery,
};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};

#[path = "../tests/guest/mod.rs"]
mod guest;

mod bare {
    wasmtime::component::bindgen!({ path: "../../wit/0.1", world: "pure-policy" });
}

use bare::dayfly::policy::{log, types};

const SESSIONS: [u32; 3] = [1, 100, 10_000];
/// Every tenth session is inactive, so that the policy proposes something for it; the others left
/// the Workspace.
const IDLE: u32 = 10;

static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(HostConfig::default()).unwrap());

fn main() {
    // The name of no benchmark of the table: it is left out then.
    if std::env::args().any(|argument| argument == "contracts") {
        SESSIONS.into_iter().for_each(compare_contracts);
        return divan::main();
    }
    for name in [KEEP_ACTIVE, NOTHING] {
        for sessions in SESSIONS {
            compare(name, sessions);
        }
    }
    divan::main();
}

const KEEP_ACTIVE: &str = "keep-active";
const NOTHING: &str = "a guest that does nothing";

fn component(name: &str) -> Vec<u8> {
    if name == NOTHING {
        return guest::Guest::default().component();
    }
    built_in(EARLIER, name)
}

/// The built-in policies as they spoke 0.1 of the contract, and as they are.
const EARLIER: &str = "tests/guests/contract-0.1";
const TODAY: &str = "policies/prebuilt";

fn built_in(folder: &str, name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read(root.join(folder).join(format!("{name}.wasm"))).unwrap()
}

/// Bare Wasmtime.
struct Bare {
    engine: Engine,
    policy: bare::PurePolicyPre<Nothing>,
    events: Vec<types::Event>,
}

struct Nothing;

impl types::Host for Nothing {}

impl log::Host for Nothing {
    fn write(&mut self, _: types::Severity, _: String) {}
}

impl Bare {
    fn new(name: &str, sessions: u32) -> Self {
        let engine = HOST.wasmtime_engine().clone();
        let component = Component::from_binary(&engine, &component(name)).unwrap();
        let mut linker = Linker::new(&engine);
        bare::PurePolicy::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |data| data).unwrap();
        let linked = linker.instantiate_pre(&component).unwrap();
        let changes = (0..sessions)
            .map(|key| bare_change(&session(key)))
            .collect();
        Self {
            policy: bare::PurePolicyPre::new(linked).unwrap(),
            events: vec![types::Event::Sessions(changes)],
            engine,
        }
    }

    fn evaluate(&self) -> types::Verdict {
        let mut store = Store::new(&self.engine, Nothing);
        // The engine counts both; they are only set out of reach.
        store.set_fuel(u64::MAX).unwrap();
        store.set_epoch_deadline(u64::MAX >> 1);
        let instance = self.policy.instantiate(&mut store).unwrap();
        let context = types::Context {
            now: 10_000,
            sequence: 7,
            seed: 11,
            dry_run: false,
            workspace_revision: 3,
        };
        let policy = instance.dayfly_policy_policy();
        let answer = policy.call_evaluate(&mut store, "{}", context, &self.events);
        answer.unwrap().unwrap()
    }
}

/// The whole host.
struct Whole {
    policy: Policy,
    events: Vec<Event>,
    workspace: Arc<dyn WorkspaceQuery>,
}

impl Whole {
    fn new(name: &str, sessions: u32) -> Self {
        Self::of(&component(name), sessions)
    }

    fn of(component: &[u8], sessions: u32) -> Self {
        let module = Module::load(&HOST, "policy", component).unwrap();
        let all: BTreeMap<_, _> = (0..sessions)
            .map(|key| (SessionKey(key), session(key)))
            .collect();
        let changes = all.values().map(change).collect();
        Self {
            policy: Policy::configure(&module, "{}", limits()).unwrap(),
            events: vec![Event::Sessions(changes)],
            workspace: Arc::new(all),
        }
    }

    fn evaluate(&self) -> dayfly_policy::Evaluated {
        let call = Call {
            context: Context {
                now: Timestamp::from_millis(10_000),
                sequence: 7,
                seed: 11,
                dry_run: false,
                workspace_revision: 3,
            },
            events: &self.events,
            workspace: Arc::clone(&self.workspace),
            state: StateSnapshot::default(),
        };
        self.policy.evaluate(call).unwrap()
    }
}

/// Those that are usual, but for a busy machine or a build for debugging.
fn limits() -> Limits {
    Limits {
        deadline: Duration::from_secs(60),
        ..Limits::default()
    }
}

/// Prints the medians of both, measured in turns, and their ratio.
fn compare(name: &str, sessions: u32) {
    let (bare, whole) = (Bare::new(name, sessions), Whole::new(name, sessions));
    assert_eq!(
        bare.evaluate().effects.len(),
        whole.evaluate().verdict.effects.len()
    );
    if name == KEEP_ACTIVE {
        let proposals = whole.evaluate().verdict.effects.len();
        assert_eq!(proposals, sessions.div_ceil(IDLE) as usize);
    }
    let (bare, whole) = in_turns(sessions, || bare.evaluate(), || whole.evaluate());
    println!(
        "{name:<26}{sessions:>6} sessions: bare {bare:>10.2?}, host {whole:>10.2?}, ratio {:.2}",
        whole.as_secs_f64() / bare.as_secs_f64()
    );
}

/// Prints the medians of the same policy at 0.1 and at 0.2 of the contract, measured in turns, and their
/// ratio.
fn compare_contracts(sessions: u32) {
    let whole = |folder, contract: &str| {
        let whole = Whole::of(&built_in(folder, KEEP_ACTIVE), sessions);
        assert_eq!(whole.policy.module().contract(), contract);
        let proposals = whole.evaluate().verdict.effects.len();
        assert_eq!(proposals, sessions.div_ceil(IDLE) as usize);
        whole
    };
    let (earlier, today) = (whole(EARLIER, "0.1.0"), whole(TODAY, "0.2.0"));
    let (earlier, today) = in_turns(sessions, || earlier.evaluate(), || today.evaluate());
    println!(
        "contracts, {KEEP_ACTIVE}, {sessions:>6} sessions: 0.1 {earlier:>10.2?}, 0.2 {today:>10.2?}, ratio {:.2}",
        today.as_secs_f64() / earlier.as_secs_f64()
    );
}

/// The medians of two, measured in turns so that a busy machine slows both alike.
fn in_turns<A, B>(
    sessions: u32,
    one: impl Fn() -> A,
    other: impl Fn() -> B,
) -> (Duration, Duration) {
    let rounds = if sessions < 1_000 { 4_000 } else { 200 };
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begin = Instant::now();
        divan::black_box(one());
        of_one.push(begin.elapsed());
        let begin = Instant::now();
        divan::black_box(other());
        of_other.push(begin.elapsed());
    }
    of_one.sort_unstable();
    of_other.sort_unstable();
    (of_one[rounds / 2], of_other[rounds / 2])
}

#[divan::bench(args = SESSIONS)]
fn bare(bencher: divan::Bencher<'_, '_>, sessions: u32) {
    let bare = Bare::new(KEEP_ACTIVE, sessions);
    bencher.bench_local(|| bare.evaluate());
}

#[divan::bench(args = SESSIONS)]
fn host(bencher: divan::Bencher<'_, '_>, sessions: u32) {
    let whole = Whole::new(KEEP_ACTIVE, sessions);
    bencher.bench_local(|| whole.evaluate());
}

fn session(key: u32) -> SessionView {
    let active = !key.is_multiple_of(IDLE);
    let facts = SessionFacts {
        id: SessionId::new(&format!("00000000-0000-4000-8000-{key:012}")),
        name: format!("team-{key}"),
        session_type: SessionType::AwsIamRoleChained,
        status: if active {
            Status::Active
        } else {
            Status::Inactive
        },
        region: Some("eu-west-1".into()),
        started_at: active.then_some(Timestamp::from_millis(1_000)),
        expires_at: active.then_some(Timestamp::from_millis(3_601_000)),
        named_profile: Some("default".into()),
        account: Some("123456789012".into()),
        role: Some("arn:aws:iam::123456789012:role/developer".into()),
        chained_to: None,
        labels: BTreeMap::from([("team".into(), "a".into())]),
        last_error: None,
        failures: 0,
        last_use: None,
        reason: None,
        revision: Revision(1),
    };
    SessionView {
        key: SessionKey(key),
        parent: None,
        facts: Arc::new(facts),
    }
}

fn change(session: &SessionView) -> SessionChange {
    SessionChange {
        after: session.clone(),
        previous_status: Some(Status::Pending),
        fields: if session.status == Status::Inactive {
            Fields::STATUS
        } else {
            Fields::REMOVED
        },
        outcome: None,
    }
}

fn bare_change(session: &SessionView) -> types::SessionChange {
    types::SessionChange {
        after: types::Session {
            key: session.key.0,
            id: session.id.as_str().into(),
            name: session.name.clone(),
            type_: types::SessionType::AwsIamRoleChained,
            status: match session.status {
                Status::Active => types::Status::Active,
                _ => types::Status::Inactive,
            },
            region: session.region.clone(),
            started_at: session.started_at.map(Timestamp::as_millis),
            expires_at: session.expires_at.map(Timestamp::as_millis),
            named_profile: session.named_profile.clone(),
            account: session.account.clone(),
            role: session.role.clone(),
            parent: None,
            labels: session
                .labels
                .iter()
                .map(|(key, value)| types::Attribute {
                    key: key.clone(),
                    value: value.clone(),
                })
                .collect(),
            last_error: None,
            failures: 0,
            last_use: None,
            reason: None,
            revision: session.revision.0,
        },
        previous_status: Some(types::Status::Pending),
        fields: if session.status == Status::Inactive {
            types::ChangedFields::STATUS
        } else {
            types::ChangedFields::REMOVED
        },
        outcome: None,
    }
}
