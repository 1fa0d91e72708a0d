//! The same rule as a native function: what the sandbox costs is the difference to
//! `engine/policy/benches/evaluate.rs`, whose sessions these are.
//!
//! `cargo bench -p keep-active --bench native` in `policies/`

#![allow(clippy::print_stdout, reason = "a benchmark")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use dayfly_policy_sdk::testing::session;
use dayfly_policy_sdk::{
    ChangedFields, Context, Event, Matcher, Rule, SessionChange, SessionKey, Status,
};
use keep_active::KeepActive;

fn main() {
    for count in [1, 100, 10_000] {
        let changes = (0..count).map(change).collect();
        let events = [Event::Sessions(changes)];
        let context = Context {
            now: 10_000,
            sequence: 7,
            seed: 11,
            dry_run: false,
            workspace_revision: 3,
        };
        let config = Matcher::default();
        let evaluate = || KeepActive::evaluate(&config, black_box(&context), black_box(&events));
        assert_eq!(evaluate().effects.len(), count.div_ceil(10) as usize);
        // Several at once, since the clock is too coarse for one.
        let times = if count < 1_000 { 100 } else { 1 };
        let mut rounds: Vec<Duration> = (0..201)
            .map(|_| {
                let begun = Instant::now();
                for _ in 0..times {
                    black_box(evaluate());
                }
                begun.elapsed() / times
            })
            .collect();
        rounds.sort_unstable();
        println!("{count:>6} sessions: native {:.2?}", rounds[100]);
    }
}

/// Every tenth is inactive, the others left the Workspace.
fn change(key: SessionKey) -> SessionChange {
    let idle = key.is_multiple_of(10);
    let session = session(key)
        .id(&format!("00000000-0000-4000-8000-{key:012}"))
        .of_type("awsIamRoleChained");
    let session = if idle {
        session
    } else {
        session.active(1_000, 3_601_000)
    };
    SessionChange {
        after: session.build(),
        previous_status: Some(Status::Pending),
        fields: if idle {
            ChangedFields::STATUS
        } else {
            ChangedFields::REMOVED
        },
        outcome: None,
    }
}
