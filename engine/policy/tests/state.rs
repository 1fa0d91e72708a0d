//! What an entry remembers: the same call writes the same, a call that fails writes nothing, and
//! the quota holds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/report.rs"]
mod report;
#[path = "guest/session.rs"]
mod session;

use dayfly_core::policy::{Event, FaultKind, Fields};
use dayfly_core::session::SessionId;
use dayfly_policy::{StateScope, StateSnapshot, StateWrite};
use guest::Guest;
use report::{REPORT, policy, reported, reporting};
use session::{call, changed, session, sessions, workspace};

/// Writes a value of the state: scope, key and value by where they lie.
fn set(scope: (u32, u32), key: (u32, u32), value: (u32, u32)) -> String {
    format!(
        "(call $state_set (i32.const {}) (i32.const {}) (i32.const {}) (i32.const {})
            (i32.const {}) (i32.const {}) (i32.const 256))",
        scope.0, scope.1, key.0, key.1, value.0, value.1
    )
}

#[test]
fn the_same_call_has_the_same_answer() {
    let code = format!(
        "{} {REPORT}",
        set((0, 0), (4_096, 3), (4_100, 5)) + &set((1, 4), (4_096, 3), (4_096, 3))
    );
    let policy = policy(&reporting(&code));
    let events = sessions([4]);
    let ask = || {
        let mut call = call(&events);
        call.workspace = workspace([4]);
        policy.evaluate(call).unwrap()
    };
    let (first, second) = (ask(), ask());
    assert_eq!(first.verdict, second.verdict);
    assert_eq!(first.state_writes, second.state_writes);
    assert_eq!(first.used.fuel, second.used.fuel);
    assert_eq!(first.used.memory, second.used.memory);
    assert_eq!(first.state_writes.len(), 2);
    assert!(first.used.fuel > 0 && first.used.memory == 2 << 16);
    assert_eq!(
        first.state_writes[1].scope,
        StateScope::Session(SessionId::new("00000000-0000-4000-8000-000000000004"))
    );
}

#[test]
fn what_a_failed_call_wrote_is_not_there_for_the_next() {
    // Fails where the call's sequence number is odd, after it has written; reports what it reads.
    let read = "(call $state_get (i32.const 0) (i32.const 0) (i32.const 4096) (i32.const 3)
        (i32.const 256))";
    let write = set((0, 0), (4_096, 3), (4_100, 5)).replace("256", "288");
    let code = format!(
        "{read} {REPORT} {write}
         (if (i64.ne (i64.and (local.get $sequence) (i64.const 1)) (i64.const 0))
             (then unreachable))"
    );
    let policy = policy(&reporting(&code));
    let mut state = StateSnapshot::default();
    let mut seen = Vec::new();
    for sequence in [1, 3, 2, 5, 4] {
        let mut call = call(&[]);
        call.context.sequence = sequence;
        call.state = state.clone();
        match policy.evaluate(call) {
            Ok(done) => {
                seen.push(reported(&done.verdict.effects)[..1].to_owned());
                state.apply(done.state_writes);
            }
            Err(failed) => assert_eq!(failed.fault.kind, FaultKind::Trap),
        }
    }
    // `a`: nothing there; `b`: the value of the one call that was accepted before.
    assert_eq!(seen, ["a", "b"]);
    assert_eq!(state.bytes(), 8);
}

#[test]
fn the_state_s_quota_is_told_to_the_guest_and_never_exceeded() {
    let refusals = [
        // The descriptor asks for 4,096 bytes: two thousand bytes fit, four thousand more do not.
        (set((0, 0), (4_096, 3), (8_192, 2_000)), "a", 1),
        (
            set((0, 0), (4_096, 3), (8_192, 2_000)) + &set((0, 0), (4_096, 4), (8_192, 4_000)),
            "ba",
            1,
        ),
        (set((0, 0), (4_096, 129), (8_192, 1)), "bb", 0),
        (set((0, 0), (4_096, 3), (8_192, 65_537)), "bb", 0),
        (set((1, 99), (4_096, 3), (8_192, 1)), "bc", 0),
        (set((1, 4), (4_096, 3), (8_192, 1)), "a", 1),
    ];
    for (code, expected, writes) in refusals {
        let guest = Guest {
            memory: r#"(memory (export "memory") 4)"#.into(),
            ..reporting(&format!("{code} {REPORT}"))
        };
        let mut call = call(&[]);
        call.workspace = workspace([4]);
        let done = policy(&guest).evaluate(call).unwrap();
        let report = reported(&done.verdict.effects);
        assert!(report.starts_with(expected), "{code}: {report}");
        assert_eq!(done.state_writes.len(), writes, "{code}");
    }
}

#[test]
fn the_state_of_a_session_that_left_can_be_read_but_not_written() {
    let read = "(call $state_get (i32.const 1) (i32.const 4) (i32.const 4096) (i32.const 3)
        (i32.const 256))";
    let mut gone = changed(session(4));
    gone.fields = Fields::REMOVED;
    let events = [Event::Sessions(vec![gone])];
    let scope = StateScope::Session(SessionId::new("00000000-0000-4000-8000-000000000004"));
    let state = StateSnapshot::from_iter([StateWrite {
        scope,
        key: "key".into(),
        value: Some(b"1"[..].into()),
    }]);
    let write = set((1, 4), (4_096, 3), (4_096, 1));
    for (code, expected) in [(read.to_owned(), "b"), (write, "bc")] {
        let mut call = call(&events);
        call.state = state.clone();
        let done = policy(&reporting(&format!("{code} {REPORT}")))
            .evaluate(call)
            .unwrap();
        assert!(
            reported(&done.verdict.effects).starts_with(expected),
            "{code}"
        );
        assert_eq!(done.state_writes, []);
    }
}
