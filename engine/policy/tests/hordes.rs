//! Guests that are too much of something: functions, wishes for the outside, rounds of abuse.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/harm.rs"]
mod harm;
#[path = "guest/session.rs"]
mod session;

use dayfly_core::policy::FaultKind;
use dayfly_policy::module::LoadError;
use dayfly_policy::{Module, Policy};
use guest::{ANSWER, Guest};
use harm::{HOST, limits, load, unharmed};
use session::{call, sessions};

/// Every interface of WASI 0.2.
const WASI: [&str; 34] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:clocks/timezone",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:filesystem/types",
    "wasi:filesystem/preopens",
    "wasi:sockets/network",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:http/types",
    "wasi:http/incoming-handler",
    "wasi:http/outgoing-handler",
    "wasi:config/store",
    "wasi:keyvalue/store",
    "wasi:blobstore/blobstore",
];

#[test]
fn every_import_of_wasi_is_refused_and_named() {
    let refusal = |names: &[&str]| {
        let imports: String = names
            .iter()
            .map(|name| format!("(import \"{name}@0.2.6\" (instance))"))
            .collect();
        let bytes = wat::parse_str(format!("(component {imports})")).unwrap();
        match Module::load(&HOST, "guest", &bytes).unwrap_err() {
            LoadError::ForeignImports { imports, .. } => imports,
            other => panic!("{other}"),
        }
    };
    for name in WASI {
        assert_eq!(refusal(&[name]), [format!("{name}@0.2.6")]);
    }
    assert_eq!(refusal(&WASI).len(), WASI.len());
    unharmed();
}

#[test]
fn ten_thousand_functions_are_a_policy_like_any_other() {
    let functions: String = (0..10_000)
        .map(|n| format!("(func $f{n} (result i32) (i32.const {n}))"))
        .collect();
    let calls: String = (0..10_000)
        .step_by(97)
        .map(|n| format!("(drop (call $f{n}))"))
        .collect();
    let guest = Guest {
        extra: functions,
        evaluate: format!("{calls} i32.const {ANSWER}"),
        ..Guest::default()
    };
    let policy = Policy::configure(&load(&guest).unwrap(), "{}", limits()).unwrap();
    assert!(policy.evaluate(call(&sessions([4]))).is_ok());
    unharmed();
}

/// Pages that this process has in memory; none where the system does not tell.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse().ok()
}

#[test]
fn memory_returns_to_where_it_was() {
    let code = [
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
        "(drop (memory.grow (i32.const 200))) (memory.fill (i32.const 0) (i32.const 1)
            (i32.const 12000000)) unreachable",
        "(drop (table.grow $t (ref.null func) (i32.const 9000))) unreachable",
        "(call $deep) unreachable",
    ];
    let bad: Vec<Policy> = code
        .iter()
        .map(|code| {
            let guest = Guest {
                extra: "(table $t 1 funcref) (func $deep (call $deep) (call $deep))".into(),
                evaluate: (*code).into(),
                ..Guest::default()
            };
            Policy::configure(&load(&guest).unwrap(), "{}", limits()).unwrap()
        })
        .collect();
    let round = || {
        for policy in &bad {
            let fault = policy.evaluate(call(&sessions([4]))).unwrap_err().fault;
            assert_ne!(fault.kind, FaultKind::Host, "{}", fault.message);
        }
    };
    for _ in 0..10 {
        round();
    }
    let Some(before) = resident() else { return };
    for _ in 0..100 {
        round();
    }
    let after = resident().unwrap();
    // A hundred rounds that kept one page of 64 KiB each would be 1,600 pages more.
    assert!(
        after < before + 1_000,
        "{before} pages before, {after} after"
    );
    unharmed();
}
