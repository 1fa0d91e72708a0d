//! What a guest sees: events as they were meant, answers to the questions of the larger world, and
//! nothing of other calls.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/report.rs"]
mod report;
#[path = "guest/session.rs"]
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dayfly_core::policy::{Event, FaultKind, FileChange, FileChangeKind, ResyncReason, SessionKey};
use dayfly_core::session::Status;
use dayfly_core::time::Timestamp;
use dayfly_policy::policy::ConfigureError;
use dayfly_policy::{
    Call, Host, HostConfig, Limits, Module, Policy, SessionQuery, StateSnapshot, WorkspaceQuery,
};
use guest::{Bytes, Guest};
use report::{REPORT, host, policy, policy_under, reported, reporting};
use session::{call, changed, context, session, sessions, workspace};

#[test]
fn nothing_in_memory_survives_a_call() {
    let code = format!(
        "(i32.store8 (i32.const 256) (i32.add (i32.load8_u (i32.const 300)) (i32.const 0)))
         (i32.store8 (i32.const 300) (i32.const 7)) {REPORT}"
    );
    let policy = policy(&reporting(&code));
    for _ in 0..50 {
        let done = policy.evaluate(call(&[])).unwrap();
        assert_eq!(reported(&done.verdict.effects), "aa");
    }
}

#[test]
fn questions_are_answered_within_the_grant() {
    let get = |key| format!("(call $get (i32.const {key}) (i32.const 256)) {REPORT}");
    for (key, expected) in [(4, "b"), (5, "a")] {
        let mut call = call(&[]);
        call.workspace = workspace([4, 7]);
        let done = policy(&reporting(&get(key))).evaluate(call).unwrap();
        assert!(
            reported(&done.verdict.effects).starts_with(expected),
            "{key}"
        );
    }
    let zeros = "(i32.const 0) ".repeat(15);
    let count = format!("(i32.store (i32.const 256) (call $count {zeros})) {REPORT}");
    let mut call = call(&[]);
    call.workspace = workspace([4, 7, 8]);
    let done = policy(&reporting(&count)).evaluate(call).unwrap();
    assert_eq!(reported(&done.verdict.effects), "da");
}

#[test]
fn pages_are_no_longer_than_asked_or_allowed() {
    // The question lies at 16,384: no filter, nothing before, 1,000,000 sessions.
    let question = Bytes::default().fill(56).u32(1_000_000);
    let code = format!(
        "(call $find (i32.const 16384) (i32.const 300))
         (i32.store8 (i32.const 256) (i32.load8_u (i32.const 304))) {REPORT}"
    );
    let guest = reporting(&code).with(16_384, question.0);
    let limits = Limits {
        page: 9,
        ..Limits::default()
    };
    let mut call = call(&[]);
    call.workspace = workspace(0..50);
    let done = policy_under(&guest, limits).evaluate(call).unwrap();
    assert!(reported(&done.verdict.effects).starts_with('j'));
}

#[test]
fn questions_are_bounded() {
    let code = "(loop (call $get (i32.const 4) (i32.const 256)) (br 0)) unreachable";
    let tight = [
        Limits {
            host_calls: 1_000,
            ..Limits::default()
        },
        Limits {
            answered_sessions: 10,
            ..Limits::default()
        },
    ];
    for limits in tight {
        let mut call = call(&[]);
        call.workspace = workspace([4]);
        let failed = policy_under(&reporting(code), limits)
            .evaluate(call)
            .unwrap_err();
        assert_eq!(
            failed.fault.kind,
            FaultKind::Limit,
            "{}",
            failed.fault.message
        );
        assert!(
            failed.fault.message.contains("workspace"),
            "{}",
            failed.fault.message
        );
    }
}

#[test]
fn configure_knows_no_sessions() {
    let mut guest = reporting("");
    guest.configure = "(call $get (i32.const 4) (i32.const 256)) (i32.const 2048)".into();
    let module = Module::load(&host(), "guest", &guest.component()).unwrap();
    let refused = Policy::configure(&module, "{}", Limits::default()).unwrap_err();
    assert!(
        refused.to_string().contains("only `evaluate` may"),
        "{refused}"
    );
}

/// Whether everything arrives in the guest's memory as the contract says, byte by byte.
#[test]
fn every_kind_of_event_arrives() {
    let events = [
        Event::Sessions(vec![changed(session(4)), changed(session(5))]),
        Event::Wake {
            id: "id".into(),
            due: Timestamp::from_millis(5),
        },
        Event::Schedule {
            expression: "UTC 0 9 * * *".into(),
            due: Timestamp::from_millis(6),
            missed: 3,
        },
        Event::File(FileChange {
            path: "/a".into(),
            kind: FileChangeKind::Removed,
            digest: Some([9; 32]),
            content: Some((*b"xyz").into()),
        }),
        Event::Custom {
            name: "deploy".into(),
            data: "null".into(),
        },
        Event::Resync {
            reason: ResyncReason::Resumed,
            sessions: vec![session(6), session(7)],
            last: true,
        },
    ];
    // Each event takes 48 bytes; its case is the first. The letters at 272 are the cases; then
    // two facts from within.
    let mut code = String::from("(memory.fill (i32.const 272) (i32.const 46) (i32.const 16))");
    for index in 0..6u32 {
        code.push_str(&format!(
            "(i32.store8 (i32.const {}) (i32.add (i32.const 97)
                (i32.load8_u (i32.add (local.get $events) (i32.const {})))))",
            272 + index,
            index * EVENT
        ));
    }
    // The key of the second session of the first event, and of the second of the page.
    code.push_str(&format!(
        "(i32.store8 (i32.const 278) (i32.add (i32.const 97)
            (i32.load (i32.add (i32.load (i32.add (local.get $events) (i32.const 8)))
                               (i32.const {CHANGE})))))
         (i32.store8 (i32.const 279) (i32.add (i32.const 97)
            (i32.load (i32.add (i32.load (i32.add (local.get $events) (i32.const {})))
                               (i32.const {SESSION})))))",
        5 * EVENT + 8 + 4
    ));
    let mut call = call(&events);
    call.workspace = workspace([]);
    let done = policy(&reporting(&code)).evaluate(call).unwrap();
    assert_eq!(reported(&done.verdict.effects), "abcdeffh");
}

/// Bytes of an event, a change and a session in a guest's memory.
const EVENT: u32 = 48;
const CHANGE: u32 = 184;
const SESSION: u32 = 176;

#[test]
fn many_threads_ask_at_once() {
    let host = Host::new(HostConfig {
        places: 2,
        ..HostConfig::default()
    })
    .unwrap();
    let guest = Guest::default().answering(&[Bytes::act(4, 2)]);
    let module = Module::load(&host, "guest", &guest.component()).unwrap();
    let policy = Policy::configure(&module, "{}", Limits::default()).unwrap();
    let events = sessions([4]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let done = policy.evaluate(call(&events)).unwrap();
                    assert_eq!(done.verdict.effects.len(), 1);
                }
            });
        }
    });
}

#[test]
fn one_who_finds_no_place_is_told_so() {
    let host = Host::new(HostConfig {
        places: 1,
        patience: Duration::from_millis(20),
        ..HostConfig::default()
    })
    .unwrap();
    let slow = Guest {
        evaluate: "(loop (br 0)) unreachable".into(),
        ..Guest::default()
    };
    let module = Module::load(&host, "guest", &slow.component()).unwrap();
    let limits = Limits {
        deadline: Duration::from_millis(500),
        fuel: u64::MAX >> 1,
        ..Limits::default()
    };
    let policy = Policy::configure(&module, "{}", limits).unwrap();
    let kinds: Vec<FaultKind> = thread::scope(|scope| {
        let both: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| policy.evaluate(call(&[])).unwrap_err().fault.kind))
            .collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(kinds.contains(&FaultKind::Deadline), "{kinds:?}");
    assert!(kinds.contains(&FaultKind::Host), "{kinds:?}");
}

#[test]
fn a_map_answers_queries() {
    let mut other = session(8);
    let facts = Arc::make_mut(&mut other.facts);
    facts.status = Status::Inactive;
    facts.labels = BTreeMap::new();
    let mut map = (*workspace([1, 2, 3])).clone();
    map.insert(SessionKey(8), other);
    let keys = |query: &SessionQuery, after: Option<u32>, limit| {
        let found = map.find(query, after.map(SessionKey), limit);
        found
            .iter()
            .map(|session| session.key.0)
            .collect::<Vec<_>>()
    };
    let all = SessionQuery::default();
    assert_eq!(keys(&all, None, 10), [1, 2, 3, 8]);
    assert_eq!(keys(&all, Some(1), 2), [2, 3]);
    assert_eq!(keys(&all, None, 0), [0; 0]);
    let active = SessionQuery {
        status: Some(Status::Active),
        label: Some(("team".into(), "a".into())),
        named_profile: Some("default".into()),
        name_prefix: Some("team-".into()),
        types: Some(vec![session(1).session_type]),
    };
    assert_eq!(keys(&active, Some(2), 9), [3]);
    assert_eq!(map.count(&active), 3);
    let none = SessionQuery {
        label: Some(("team".into(), "b".into())),
        ..SessionQuery::default()
    };
    assert_eq!(map.count(&none), 0);
}

/// The built-in policies, where they are built.
#[test]
fn the_built_in_policies_load_and_answer() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/prebuilt");
    let hours = r#"{"timezone":"Europe/Berlin","hours":"08:00-18:30"}"#;
    let built_in = [
        ("rotate-before-expiry", "{}"),
        ("keep-active", "{}"),
        ("business-hours", hours),
    ];
    let host = host();
    for (name, config) in built_in {
        let bytes = std::fs::read(folder.join(format!("{name}.wasm"))).unwrap();
        let module = Module::load(&host, name, &bytes).unwrap();
        assert_eq!(module.descriptor().name, name);
        let policy = Policy::configure(&module, config, Limits::default()).unwrap();
        assert!(!policy.subscriptions().is_empty(), "{name}");
        let events = sessions(0..1_000);
        let ask = || {
            policy
                .evaluate(Call {
                    context: context(),
                    events: &events,
                    workspace: workspace(0..1_000),
                    state: StateSnapshot::default(),
                })
                .unwrap()
        };
        let (first, second) = (ask(), ask());
        assert_eq!(first.verdict, second.verdict, "{name}");
        assert_eq!(first.used.fuel, second.used.fuel, "{name}");
    }
}

#[test]
fn a_component_of_too_many_instances_is_a_limit() {
    // Calls of imports take two core instances more.
    let guest = reporting("");
    let limits = Limits {
        instances: 2,
        ..Limits::default()
    };
    let module = Module::load(&host(), "guest", &guest.component()).unwrap();
    match Policy::configure(&module, "{}", limits).unwrap_err() {
        ConfigureError::Fault { fault, .. } => {
            assert_eq!(fault.kind, FaultKind::Limit, "{fault:?}")
        }
        other => panic!("{other}"),
    }
}
