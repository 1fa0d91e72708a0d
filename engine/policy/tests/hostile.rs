//! Guests that mean harm, or are broken. Each is stopped with the right fault, and afterwards the
//! same host still serves a good policy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/session.rs"]
mod session;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use dayfly_core::policy::{Fault, FaultKind, PolicyEffect};
use dayfly_policy::module::LoadError;
use dayfly_policy::policy::ConfigureError;
use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};
use guest::{ANSWER, Bytes, CONFIGURED, EFFECTS, Guest, LOG};
use session::{call, sessions};

/// Short, so that loops end soon; plenty for everything else.
const DEADLINE: Duration = Duration::from_millis(100);

fn limits() -> Limits {
    Limits {
        deadline: DEADLINE,
        memory: 16 << 20,
        table_elements: 10_000,
        ..Limits::default()
    }
}

/// One host for all tests: what one guest does to it, the others would notice.
static HOST: LazyLock<Host> = LazyLock::new(|| host(true));

fn host(pooling: bool) -> Host {
    Host::new(HostConfig {
        describe: limits(),
        pooling,
        ..HostConfig::default()
    })
    .unwrap()
}

static GOOD: LazyLock<Policy> = LazyLock::new(|| {
    let good = Guest::default().answering(&[Bytes::act(4, 2)]);
    Policy::configure(&load(&good).unwrap(), "{}", limits()).unwrap()
});

fn load(guest: &Guest) -> Result<Module, LoadError> {
    Module::load(&HOST, "guest", &guest.component())
}

/// That the host is as good as before.
fn unharmed() {
    let evaluated = GOOD.evaluate(call(&sessions([4]))).unwrap();
    assert!(matches!(
        evaluated.verdict.effects.as_slice(),
        [PolicyEffect::Act(act)] if act.session.0 == 4
    ));
}

fn evaluate_fault(guest: &Guest) -> Fault {
    evaluate_fault_under(guest, limits())
}

fn evaluate_fault_under(guest: &Guest, limits: Limits) -> Fault {
    let module = load(guest).unwrap();
    let policy = Policy::configure(&module, "{}", limits).unwrap();
    let fault = policy.evaluate(call(&sessions([4, 5]))).unwrap_err().fault;
    unharmed();
    fault
}

fn configure_fault(guest: &Guest) -> Fault {
    let module = load(guest).unwrap();
    match Policy::configure(&module, "{}", limits()).unwrap_err() {
        ConfigureError::Fault { fault, .. } => {
            unharmed();
            fault
        }
        other => panic!("{other}"),
    }
}

fn describe_fault(guest: &Guest) -> Fault {
    match load(guest).unwrap_err() {
        LoadError::Describe { fault, .. } => {
            unharmed();
            fault
        }
        other => panic!("{other}"),
    }
}

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
