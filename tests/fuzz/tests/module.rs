//! The module loader and what it lets through: damaged components are refused, or stay within
//! their limits.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::policy::{Context, Event, ResyncReason};
use dayfly_core::time::Timestamp;
use dayfly_fuzz::{examples, fuzz, kept};
use dayfly_policy::{Call, Host, HostConfig, Limits, Module, Policy, StateSnapshot};

#[test]
fn module() {
    let limits = Limits {
        deadline: Duration::from_millis(200),
        ..Limits::default()
    };
    let host = Host::new(HostConfig {
        describe: limits,
        ..HostConfig::default()
    });
    let host = host.expect("an engine");
    let sessions: Arc<std::collections::BTreeMap<_, _>> = Arc::default();
    // The smallest, so that many are tried.
    let mut seeds = examples(&["policies/prebuilt"], ".wasm");
    seeds.sort_by_key(Vec::len);
    seeds.truncate(3);
    seeds.extend(kept("module"));
    fuzz!(&seeds, &["\0asm", "\u{1}\0\0\0", "\0\0\0\0"], |bytes| {
        let module = match Module::load(&host, "fuzzed", bytes) {
            Ok(module) => module,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        let Ok(policy) = Policy::configure(&module, "{}", limits) else {
            return;
        };
        let events = [Event::Resync {
            reason: ResyncReason::ColdStart,
            sessions: Vec::new(),
            last: true,
        }];
        let call = || Call {
            context: Context {
                now: Timestamp::from_millis(1_800_000_000_000),
                sequence: 1,
                seed: 7,
                dry_run: false,
                workspace_revision: 1,
            },
            events: &events,
            workspace: Arc::clone(&sessions) as _,
            state: StateSnapshot::default(),
        };
        let (first, second) = (policy.evaluate(call()), policy.evaluate(call()));
        if let (Ok(first), Ok(second)) = (first, second) {
            assert_eq!(
                first.verdict, second.verdict,
                "the same call has the same answer"
            );
        }
    },);
}
