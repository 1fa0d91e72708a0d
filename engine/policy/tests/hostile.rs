//! Guests that mean harm, or are broken. Each is stopped with the right fault, and afterwards the
//! same host still serves a good policy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/harm.rs"]
mod harm;
#[path = "guest/session.rs"]
mod session;

use std::time::{Duration, Instant};

use dayfly_core::policy::{Fault, FaultKind};
use dayfly_policy::module::LoadError;
use dayfly_policy::{Limits, Module, Policy};
use guest::{Bytes, Guest};
use harm::{
    DEADLINE, HOST, configure_fault, describe_fault, evaluate_fault, host, limits, load, unharmed,
};
use session::{call, sessions};

/// The same misdeed in each export.
fn in_each_export(code: &str, extra: &str) -> [Fault; 3] {
    let bad = |place: fn(&mut Guest) -> &mut String| {
        let mut guest = Guest {
            extra: extra.into(),
            ..Guest::default()
        };
        *place(&mut guest) = code.into();
        guest
    };
    [
        describe_fault(&bad(|guest| &mut guest.describe)),
        configure_fault(&bad(|guest| &mut guest.configure)),
        evaluate_fault(&bad(|guest| &mut guest.evaluate)),
    ]
}

const LOOP: &str = "(loop (br 0)) unreachable";

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    let begin = Instant::now();
    for fault in in_each_export(LOOP, "") {
        assert_eq!(fault.kind, FaultKind::Deadline, "{}", fault.message);
    }
    assert!(begin.elapsed() > DEADLINE * 3);
    assert!(begin.elapsed() < DEADLINE * 3 + Duration::from_secs(20));
}

#[test]
fn an_endless_loop_ends_at_the_same_instruction_where_fuel_is_short() {
    let guest = Guest {
        evaluate: LOOP.into(),
        ..Guest::default()
    };
    let scarce = Limits {
        fuel: 1_000_000,
        deadline: Duration::from_secs(60),
        ..limits()
    };
    let policy = Policy::configure(&load(&guest).unwrap(), "{}", scarce).unwrap();
    let fail = || policy.evaluate(call(&[])).unwrap_err();
    let (first, second) = (fail(), fail());
    assert_eq!(first.fault.kind, FaultKind::Deadline);
    assert!(first.fault.message.contains("instructions"), "{first:?}");
    assert_eq!(first.used.fuel, second.used.fuel);
    unharmed();
}

#[test]
fn a_start_function_is_under_the_same_limits() {
    let endless = Guest {
        extra: format!("(start $start) (func $start {LOOP})"),
        ..Guest::default()
    };
    assert_eq!(describe_fault(&endless).kind, FaultKind::Deadline);
    let broken = Guest {
        extra: "(start $start) (func $start unreachable)".into(),
        ..Guest::default()
    };
    assert_eq!(describe_fault(&broken).kind, FaultKind::Trap);
}

#[test]
fn an_endless_realloc_ends_too() {
    let guest = Guest {
        realloc: LOOP.into(),
        ..Guest::default()
    };
    assert_eq!(configure_fault(&guest).kind, FaultKind::Deadline);
}

#[test]
fn memory_is_bounded_in_each_export() {
    let bomb = "(loop (drop (memory.grow (i32.const 16))) (br 0)) unreachable";
    for fault in in_each_export(bomb, "") {
        assert_eq!(fault.kind, FaultKind::Limit, "{}", fault.message);
        assert!(fault.message.contains("memory"), "{}", fault.message);
    }
}

#[test]
fn memory_that_is_there_from_the_start_is_bounded() {
    // 32 MiB: within the ceiling, beyond the limit.
    let guest = Guest {
        memory: r#"(memory (export "memory") 512)"#.into(),
        ..Guest::default()
    };
    assert_eq!(describe_fault(&guest).kind, FaultKind::Limit);
    // 2 GiB: beyond the ceiling, with and without a pool.
    let guest = Guest {
        memory: r#"(memory (export "memory") 32768)"#.into(),
        ..Guest::default()
    };
    for host in [&*HOST, &host(false)] {
        let refused = Module::load(host, "guest", &guest.component()).unwrap_err();
        assert!(matches!(refused, LoadError::TooHungry { .. }), "{refused}");
    }
    unharmed();
}

#[test]
fn tables_are_bounded_in_each_export() {
    let bomb = "(loop (drop (table.grow $t (ref.null func) (i32.const 500))) (br 0)) unreachable";
    for fault in in_each_export(bomb, "(table $t 1 funcref)") {
        assert_eq!(fault.kind, FaultKind::Limit, "{}", fault.message);
        assert!(fault.message.contains("table"), "{}", fault.message);
    }
}

#[test]
fn deep_recursion_is_a_trap() {
    for fault in in_each_export(
        "(call $deep) unreachable",
        "(func $deep (call $deep) (call $deep))",
    ) {
        assert_eq!(fault.kind, FaultKind::Trap, "{}", fault.message);
        assert!(fault.message.contains("nest"), "{}", fault.message);
    }
}

#[test]
fn a_trap_is_a_trap() {
    let traps = [
        "unreachable",
        "(i32.div_u (i32.const 1) (i32.const 0))",
        "(i32.load (i32.const -4))",
        "(call_indirect $t (result i32) (i32.const 7))",
    ];
    for code in traps {
        for fault in in_each_export(code, "(table $t 1 funcref)") {
            assert_eq!(fault.kind, FaultKind::Trap, "{code}: {}", fault.message);
        }
    }
}

#[test]
fn too_many_core_instances_are_refused() {
    // A hundred instances of an empty module beside a guest.
    let mut text = String::from("(component (core module $m)");
    for _ in 0..100 {
        text.push_str("(core instance (instantiate $m))");
    }
    text.push(')');
    let bytes = wat::parse_str(&text).unwrap();
    let refused = Module::load(&HOST, "guest", &bytes).unwrap_err();
    assert!(matches!(refused, LoadError::TooHungry { .. }), "{refused}");
    unharmed();
}

#[test]
fn everything_holds_without_a_pool() {
    let host = host(false);
    let policy = |guest: &Guest| {
        let module = Module::load(&host, "guest", &guest.component()).unwrap();
        Policy::configure(&module, "{}", limits()).unwrap()
    };
    let good = policy(&Guest::default().answering(&[Bytes::act(4, 2)]));
    let cases = [
        (LOOP, FaultKind::Deadline),
        ("unreachable", FaultKind::Trap),
        (
            "(loop (drop (memory.grow (i32.const 16))) (br 0)) unreachable",
            FaultKind::Limit,
        ),
        ("(i32.const -16)", FaultKind::BadAnswer),
    ];
    for (code, kind) in cases {
        let bad = policy(&Guest {
            evaluate: code.into(),
            ..Guest::default()
        });
        assert_eq!(
            bad.evaluate(call(&[])).unwrap_err().fault.kind,
            kind,
            "{code}"
        );
        assert!(good.evaluate(call(&sessions([4]))).is_ok());
    }
}
