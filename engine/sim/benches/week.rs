//! How long a virtual week of many sessions takes, and what becomes of them.
//!
//! `cargo bench -p dayfly-sim [-- SESSIONS]`
//!
//! 1,000 made-up sessions of one account under rotate-before-expiry, with two hours without a cloud
//! and a night of sleep; what ends in the outage stays ended. The same with keep-active beside it, so that
//! everything is in use all week. Then a day with a nap and a cloud that takes fewer calls than Dayfly would
//! make. Then a night's sleep with keep-active beside it, so that all roles, expired meanwhile, are
//! wanted again at once.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::Entry;
use dayfly_core::policy::{Action, EntryName};
use dayfly_core::session::{Access, AssumeRole, Session, SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};
use dayfly_sim::scenario::{Deed, Scenario, Span};
use dayfly_sim::{Outcome, Rule, run};

/// Calls in a minute that Dayfly makes for one account at most: 20 in a second, and as many at once
/// after a pause.
const CALLS: u32 = 20 * 60 + 20;

fn main() {
    let count = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let count = count.unwrap_or(1_000);
    let mut week = scenario(count);
    week.outages = vec![span(33, 35)];
    week.sleeps = vec![span(70, 78)];
    told("7 days", &week, &["rotate-before-expiry"]);
    let both = ["rotate-before-expiry", "keep-active"];
    told("7 days, all wanted", &week, &both);

    let mut day = scenario(count);
    day.span = hours(24);
    day.calls_per_minute = Some(CALLS / 4);
    day.sleeps = vec![Span {
        from: hours(8),
        to: hours(8) + hours(1) / 4,
    }];
    told("a day", &day, &["rotate-before-expiry"]);

    let mut night = scenario(count);
    night.span = hours(17);
    night.sleeps = vec![span(8, 16)];
    let outcome = told("a night", &night, &both);
    let woke = night.begin.plus(hours(16));
    let expired = outcome
        .tracks
        .values()
        .filter(|track| !track.expired.is_empty());
    let again: Vec<_> = expired
        .map(|track| {
            let mut statuses = track.statuses.iter();
            let again = statuses.find(|(at, status)| *at > woke && *status == Status::Active);
            again.unwrap().0.since(woke)
        })
        .collect();
    println!(
        "resume: {} sessions that expired in their sleep are active again after {:.1?}",
        again.len(),
        again.iter().max().unwrap(),
    );
}

/// What this thread took of a processor so far, which others on the machine change little.
fn spent() -> Option<Duration> {
    // Source: the kernel's documentation, "Scheduler Statistics".
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

fn span(from: u64, to: u64) -> Span {
    Span {
        from: hours(from),
        to: hours(to),
    }
}

/// Sessions that somebody starts at the beginning.
fn scenario(count: usize) -> Scenario {
    let sessions = sessions(count);
    let mut scenario =
        Scenario::quiet_week(sessions.clone(), Timestamp::from_millis(1_772_409_600_000));
    scenario.calls_per_minute = Some(CALLS);
    let start = |session: &Arc<Session>| Deed::Order {
        session: session.id.clone(),
        action: Some(Action::Start),
        lasting: None,
        reason: None,
        override_reason: None,
    };
    let deeds = sessions.iter().map(|s| (Duration::from_secs(1), start(s)));
    scenario.deeds = deeds.collect();
    scenario
}

fn told(name: &str, scenario: &Scenario, rules: &[&str]) -> Outcome {
    let rules: Vec<_> = rules.iter().map(|name| rule(name)).collect();
    let (begun, before) = (Instant::now(), spent());
    let outcome = run(scenario, &rules, |_| {});
    let spent = spent().zip(before).map(|(now, before)| now - before);
    println!(
        "{name}: {} sessions: {:.2?}{}; {} calls (at most {} in a minute of {}, {} throttled), \
         {} evaluations, without credentials {:?} while up",
        scenario.sessions.len(),
        begun.elapsed(),
        spent.map_or(String::new(), |s| format!(", {s:.2?} of a processor")),
        outcome.calls,
        outcome.calls_per_minute_max,
        scenario.calls_per_minute.unwrap(),
        outcome.throttled,
        outcome.evaluations,
        outcome.gap_while_up,
    );
    outcome
}

fn rule(name: &str) -> Rule {
    let host = Host::new(HostConfig::default()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/prebuilt");
    let bytes = std::fs::read(folder.join(format!("{name}.wasm"))).unwrap();
    let module = Module::load(&host, name, &bytes).unwrap();
    let policy = Policy::configure(&module, "{}", Limits::default()).unwrap();
    let descriptor = module.descriptor();
    Rule {
        entry: Entry {
            name: EntryName::new(name),
            rank: Rank {
                tier: Tier::Personal,
                priority: 0,
            },
            shadow: false,
            grant: Grant {
                sessions: Selector::default(),
                actions: descriptor.actions.iter().copied().collect(),
                may_hold: descriptor.may_hold,
                ..Grant::default()
            },
            actions: descriptor.actions.iter().copied().collect(),
            may_hold: descriptor.may_hold,
            subscriptions: policy.subscriptions().to_vec(),
            schedules: Vec::new(),
            generation: 1,
            unusable: None,
        },
        policy,
    }
}

/// An IAM user for every fifty, and roles on it.
fn sessions(count: usize) -> Vec<Arc<Session>> {
    // What tells ids apart comes first, as in a UUID.
    let id = |n: usize| SessionId::new(&format!("{n:05}-session"));
    let session = |n: usize| {
        let user = n - n % 50;
        let access = if n == user {
            Access::AwsIamUser {
                mfa_device: None,
                duration_seconds: None,
            }
        } else {
            Access::AwsIamRoleChained {
                role_arn: format!("arn:aws:iam::{:012}:role/r{n}", 100_000_000_000 + n),
                parent: id(user),
                assume: AssumeRole::default(),
            }
        };
        Arc::new(Session {
            id: id(n),
            name: format!("session-{n:05}"),
            region: Some("eu-west-1".into()),
            access,
            named_profile: Some(format!("session-{n:05}")),
            account: Some("123456789012".into()),
            labels: [("work".to_owned(), String::new())].into(),
            fault: None,
        })
    };
    (0..count).map(session).collect()
}
