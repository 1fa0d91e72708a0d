//! The part of WASI that can be granted tells a guest nothing that its call does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/session.rs"]
mod session;

use dayfly_core::policy::{Fault, FaultKind, Severity};
use dayfly_core::random::Random;
use dayfly_policy::call::Log;
use dayfly_policy::module::LoadError;
use dayfly_policy::{Host, HostConfig, Limits, LogLine, Module, Policy, Wasi};
use guest::{ANSWER, Guest};
use session::{call, context, sessions};

const WIT: &str = "package test:foreign;
    world foreign {
        import wasi:clocks/wall-clock@0.2.6;
        import wasi:random/random@0.2.6;
        import wasi:cli/stdout@0.2.6;
        import wasi:cli/exit@0.2.6;
        import dayfly:policy/log@0.1.0;
        export dayfly:policy/policy@0.1.0;
    }
    package wasi:clocks@0.2.6 {
        interface wall-clock {
            record datetime { seconds: u64, nanoseconds: u32 }
            now: func() -> datetime;
        }
    }
    package wasi:random@0.2.6 {
        interface random {
            get-random-bytes: func(len: u64) -> list<u8>;
            get-random-u64: func() -> u64;
        }
    }
    package wasi:io@0.2.6 {
        interface error { resource error; }
        interface streams {
            use error.{error};
            variant stream-error { last-operation-failed(error), closed }
            resource output-stream {
                blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
            }
        }
    }
    package wasi:cli@0.2.6 {
        interface stdout {
            use wasi:io/streams@0.2.6.{output-stream};
            get-stdout: func() -> output-stream;
        }
        interface exit { exit: func(status: result); }
    }";

const IMPORTS: &str = r#"
    (import "wasi:clocks/wall-clock@0.2.6" "now" (func $now (param i32)))
    (import "wasi:random/random@0.2.6" "get-random-u64" (func $random (result i64)))
    (import "wasi:random/random@0.2.6" "get-random-bytes" (func $bytes (param i64 i32)))
    (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))
    (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#;

/// Prints two letters that follow from the time and from a random number, and some that end no line.
const PRINTS: &str = r"
    (call $now (i32.const 20000))
    (i32.store8 (i32.const 20100)
        (i32.add (i32.const 65) (i32.and (i32.load (i32.const 20000)) (i32.const 15))))
    (i32.store8 (i32.const 20101)
        (i32.add (i32.const 65) (i32.and (i32.wrap_i64 (call $random)) (i32.const 15))))
    (i32.store8 (i32.const 20102) (i32.const 10))
    (i32.store8 (i32.const 20103) (i32.const 122))
    (call $write (call $stdout) (i32.const 20100) (i32.const 4) (i32.const 20200))";

fn guest(code: &str) -> Vec<u8> {
    let guest = Guest {
        wit: WIT.into(),
        world: "foreign",
        imports: IMPORTS.into(),
        evaluate: format!("{code} i32.const {ANSWER}"),
        ..Guest::default()
    };
    guest.component()
}

fn ask(code: &str) -> Result<Log, Fault> {
    let host = Host::new(HostConfig::default()).unwrap();
    let module = Module::load_with(&host, "guest", &guest(code), Wasi::Granted).unwrap();
    assert_eq!(module.wasi(), Wasi::Granted);
    let policy = Policy::configure(&module, "{}", Limits::default()).unwrap();
    let answer = policy.evaluate(call(&sessions([4])));
    answer.map(|evaluated| evaluated.log).map_err(Fault::from)
}

#[test]
fn without_a_grant_it_is_refused() {
    let host = Host::new(HostConfig::default()).unwrap();
    let refusal = Module::load(&host, "guest", &guest("")).unwrap_err();
    assert!(refusal.wants_only_wasi(), "{refusal}");
    let LoadError::ForeignImports { imports, .. } = refusal else {
        panic!("{refusal}");
    };
    assert!(
        imports.contains(&"wasi:cli/exit@0.2.6".to_owned()),
        "{imports:?}"
    );
}

#[test]
fn clock_and_random_numbers_are_those_of_the_call() {
    let log = ask(PRINTS).unwrap();
    let letter = |number: u64| char::from(65 + u8::try_from(number & 15).unwrap());
    let seconds = context().now.as_millis() / 1_000;
    let random = Random::new(context().seed).next_u64();
    let line = |message: String| LogLine {
        severity: Severity::Info,
        message,
    };
    let both = format!("{}{}", letter(seconds), letter(random));
    assert_eq!(log.lines, [line(both), line("z".into())]);
    assert_eq!(ask(PRINTS).unwrap(), log);
}

#[test]
fn what_would_reach_outside_is_the_guests_fault() {
    let fault = ask("(call $exit (i32.const 0))").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Trap, "{fault:?}");
    assert!(
        fault
            .message
            .contains("it called `wasi:cli/exit@0.2.6#exit`"),
        "{fault:?}"
    );
    let fault = ask("(call $bytes (i64.const 1099511627776) (i32.const 20000))").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Limit, "{fault:?}");
}

#[test]
fn a_flood_of_prints_is_cut() {
    let flood = "(local $n i32)
        (loop $again
            (call $write (call $stdout) (i32.const 20000) (i32.const 4096) (i32.const 30000))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 500))))";
    // Two handles more than there may be would be a fault of their own.
    let log = ask(flood).unwrap();
    let bytes: usize = log.lines.iter().map(|line| line.message.len()).sum();
    assert!(bytes <= Limits::default().log_bytes, "{bytes}");
}
