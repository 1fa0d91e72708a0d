//! Guests that pass too much, or what is no value at all, from their side to the host's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/harm.rs"]
mod harm;
#[path = "guest/session.rs"]
mod session;

use std::time::Duration;

use dayfly_core::policy::FaultKind;
use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};
use guest::{ANSWER, Bytes, CONFIGURED, EFFECTS, Guest, LOG};
use harm::{configure_fault, describe_fault, evaluate_fault, limits, load, unharmed};
use session::{call, sessions};

#[test]
fn values_that_break_the_abi_are_bad_answers() {
    let outside = |at: u32, count: u32| Guest::default().with(ANSWER, Bytes::answer(at, count).0);
    let effect = |bytes: Bytes| Guest::default().answering(&[bytes]);
    let bad_utf8 = effect(Bytes::act(4, 2)).with(4_096, *b"\xff\xfebad!!");
    let cases = [
        ("list beyond the memory", outside(EFFECTS, 2_000)),
        (
            "list at the end of the address space",
            outside(0xffff_fff8, 1),
        ),
        ("list whose size overflows", outside(EFFECTS, u32::MAX)),
        ("list that is not aligned", outside(EFFECTS + 1, 1)),
        (
            "answer beyond the memory",
            Guest {
                evaluate: "(i32.const -16)".into(),
                ..Guest::default()
            },
        ),
        (
            "answer that is not aligned",
            Guest {
                evaluate: format!("(i32.const {})", ANSWER + 2),
                ..Guest::default()
            },
        ),
        ("neither ok nor err", Guest::default().with(ANSWER, [9])),
        ("unknown effect", effect(Bytes::default().u8(77).fill(64))),
        ("unknown action", effect(Bytes::act(4, 3))),
        (
            "unknown severity",
            effect(Bytes::notify(4, Bytes::text(), Bytes::text())),
        ),
        (
            "unknown error",
            Guest::default().with(ANSWER, Bytes::error(3, 0).0),
        ),
        ("text that is no UTF-8", bad_utf8),
        (
            "text beyond the memory",
            effect(Bytes::wake((4_096, 0x7fff_ffff), 1)),
        ),
        (
            "realloc that points beyond the memory",
            Guest {
                realloc: "(if (result i32) (i32.eq (local.get $size) (i32.const 2))
                    (then (i32.const 65600)) (else (i32.const -65536)))"
                    .into(),
                ..Guest::default()
            },
        ),
    ];
    for (name, guest) in cases {
        let fault = evaluate_fault(&guest);
        assert_eq!(
            fault.kind,
            FaultKind::BadAnswer,
            "{name}: {}",
            fault.message
        );
    }
}

#[test]
fn configure_and_describe_are_lifted_with_the_same_care() {
    let guest = Guest::default().with(CONFIGURED, Bytes::answer(EFFECTS, 100_000).0);
    assert_eq!(configure_fault(&guest).kind, FaultKind::BadAnswer);
    let guest = Guest {
        describe: "(i32.const 131064)".into(),
        ..Guest::default()
    };
    assert_eq!(describe_fault(&guest).kind, FaultKind::BadAnswer);
}

#[test]
fn more_than_may_cross_is_a_limit() {
    let memory = r#"(memory (export "memory") 200)"#;
    // Effects that all lie in the same place.
    let million = Guest {
        memory: memory.into(),
        ..Guest::default()
    }
    .with(ANSWER, Bytes::answer(EFFECTS, 150_000).0);
    let fault = evaluate_fault(&million);
    assert_eq!(fault.kind, FaultKind::Limit, "{}", fault.message);
    // One text of 8 MB, again and again.
    let long = vec![Bytes::wake((1 << 20, 8_000_000), 1); 10];
    let aliased = Guest {
        memory: memory.into(),
        ..Guest::default()
    }
    .answering(&long);
    let fault = evaluate_fault(&aliased);
    assert_eq!(fault.kind, FaultKind::Limit, "{}", fault.message);
    assert!(
        fault.message.contains("16777216 bytes"),
        "{}",
        fault.message
    );
}

#[test]
fn a_million_effects_are_a_limit_however_wide_the_crossing() {
    let guest = Guest {
        memory: r#"(memory (export "memory") 1100)"#.into(),
        ..Guest::default()
    }
    .with(ANSWER, Bytes::answer(131_072, 1_000_000).0);
    let wide = Limits {
        memory: 128 << 20,
        crossing_bytes: 1 << 30,
        deadline: Duration::from_secs(30),
        ..limits()
    };
    let host = Host::new(HostConfig {
        describe: wide,
        ..HostConfig::default()
    })
    .unwrap();
    let module = Module::load(&host, "guest", &guest.component()).unwrap();
    let policy = Policy::configure(&module, "{}", wide).unwrap();
    let fault = policy.evaluate(call(&sessions([0]))).unwrap_err().fault;
    assert_eq!(fault.kind, FaultKind::Limit, "{}", fault.message);
    assert!(fault.message.contains("32768 effects"), "{}", fault.message);
}

#[test]
fn a_log_flood_is_cut_and_does_no_harm() {
    let flood = Guest {
        imports: LOG.into(),
        memory: r#"(memory (export "memory") 64)"#.into(),
        evaluate: format!(
            "(local $i i32)
             (loop (call $log (i32.const 1) (i32.const 65536) (i32.const 3000000))
                   (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                      (i32.const 20))))
             (loop (call $log (i32.const 1) (i32.const 4096) (i32.const 7))
                   (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                      (i32.const 1000))))
             i32.const {ANSWER}"
        ),
        ..Guest::default()
    }
    .with(4_096, *b"\x1b[2Jhey");
    let limits = Limits {
        deadline: Duration::from_secs(30),
        log_bytes: 4_200,
        ..limits()
    };
    let policy = Policy::configure(&load(&flood).unwrap(), "{}", limits).unwrap();
    let log = policy.evaluate(call(&[])).unwrap().log;
    // Four lines of 1,024 bytes and as many short ones as fit behind them.
    let bytes: usize = log.lines.iter().map(|line| line.message.len()).sum();
    assert_eq!(log.lines.len(), 4 + (4_200 - 4 * 1_024) / 7);
    assert!(bytes <= 4_200);
    assert_eq!(log.dropped, 1_000 - log.lines.len() as u64);
    assert_eq!(log.lines[5].message, " [2Jhey");
    unharmed();
}

#[test]
fn an_endless_log_ends_at_the_deadline() {
    let guest = Guest {
        imports: LOG.into(),
        evaluate: "(loop (call $log (i32.const 0) (i32.const 0) (i32.const 1)) (br 0)) unreachable"
            .into(),
        ..Guest::default()
    };
    assert_eq!(evaluate_fault(&guest).kind, FaultKind::Deadline);
}

#[test]
fn the_log_before_a_trap_is_kept() {
    let guest = Guest {
        imports: LOG.into(),
        evaluate: "(call $log (i32.const 3) (i32.const 4096) (i32.const 5)) unreachable".into(),
        ..Guest::default()
    }
    .with(4_096, *b"panic");
    let policy = Policy::configure(&load(&guest).unwrap(), "{}", limits()).unwrap();
    let failed = policy.evaluate(call(&[])).unwrap_err();
    assert_eq!(failed.fault.kind, FaultKind::Trap);
    assert_eq!(failed.log.lines[0].message, "panic");
}
