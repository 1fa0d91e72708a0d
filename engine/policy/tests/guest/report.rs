//! Guests that tell what their imports answered, by the id of a wake-up.

#![allow(dead_code, reason = "each test file uses another part")]

use dayfly_core::policy::PolicyEffect;
use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};

use crate::guest::{self, ANSWER, Bytes, EFFECTS, Guest};

pub(crate) fn host() -> Host {
    Host::new(HostConfig::default()).unwrap()
}

pub(crate) fn policy_under(guest: &Guest, limits: Limits) -> Policy {
    let module = Module::load(&host(), "guest", &guest.component()).unwrap();
    Policy::configure(&module, r#"{"a":1}"#, limits).unwrap()
}

pub(crate) fn policy(guest: &Guest) -> Policy {
    policy_under(guest, Limits::default())
}

/// A guest that runs this and then answers with one wake-up whose id are the 16 bytes at 256.
pub(crate) fn reporting(code: &str) -> Guest {
    Guest {
        imports: [
            guest::GET,
            guest::FIND,
            guest::COUNT,
            guest::STATE_GET,
            guest::STATE_SET,
        ]
        .join("\n"),
        evaluate: format!("{code} (i32.const {ANSWER})"),
        ..Guest::stateful()
    }
    .with(ANSWER, Bytes::answer(EFFECTS, 1).0)
    .with(EFFECTS, Bytes::wake((272, 16), 1).0)
    .with(4_096, *b"key-value-")
}

/// Turns the byte at 256 into a letter at 272 and fills up with dots: 0 is `a`.
pub(crate) const REPORT: &str = "
    (memory.fill (i32.const 272) (i32.const 46) (i32.const 16))
    (i32.store8 (i32.const 272) (i32.add (i32.const 97) (i32.load8_u (i32.const 256))))
    (i32.store8 (i32.const 273) (i32.add (i32.const 97) (i32.load8_u (i32.const 257))))";

pub(crate) fn reported(effects: &[PolicyEffect]) -> &str {
    match effects {
        [PolicyEffect::Wake { id, .. }] => id.trim_end_matches('.'),
        other => panic!("{other:?}"),
    }
}
