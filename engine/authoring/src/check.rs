//! What a component is, what it wants and costs, and whether it answers the same twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_core::policy::{
    Context, Event, ResyncReason, Revision, SessionFacts, SessionKey, SessionView, Subscription,
};
use dayfly_core::session::{SessionId, SessionType, Status};
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_policy::{
    Call, Compiler, Evaluated, Host, HostConfig, Limits, Module, Policy, StateSnapshot,
};

/// Sessions of the sample.
const SAMPLE: usize = 1_000;
/// How long each figure is measured.
const MEASURE: Duration = Duration::from_millis(400);
/// Calls that a figure is the median of, at most.
const CALLS: usize = 300;

/// What was found.
pub struct Checked {
    /// What it is.
    pub module: Module,
    /// From bytes to a module that has said what it is.
    pub compile: Duration,
    /// What it wants to be called for, and what calls cost; or why it does not take its
    /// configuration.
    pub asked: Result<Asked, String>,
}

/// A module that took its configuration.
pub struct Asked {
    /// What it wants to be called for.
    pub subscriptions: Vec<Subscription>,
    /// What calls cost, or why they failed.
    pub cost: Result<Cost, String>,
    /// Why the answers are not the same twice, where they are not.
    pub differs: Option<String>,
}

/// What calls cost.
pub struct Cost {
    /// A fresh instance that is asked about nothing.
    pub instance: Duration,
    /// A fresh instance that is asked about one session.
    pub one: Duration,
    /// Each further session of a call with many.
    pub session: Duration,
    /// Bytes of memory of a call with many.
    pub memory: usize,
    /// Instructions of a call with many.
    pub fuel: u64,
    /// What it proposed then.
    pub effects: usize,
}

/// Looks into a component with a configuration, JSON text.
pub fn check(
    name: &str,
    bytes: &[u8],
    config: &str,
    compiler: Compiler,
) -> Result<Checked, CliError> {
    // No cache: what compiling takes is one of the questions.
    let host = Host::new(HostConfig {
        compiler,
        ..HostConfig::default()
    });
    let host = host.map_err(|e| CliError::failed(e.to_string()))?;
    let begun = Instant::now();
    let module = Module::load(&host, name, bytes).map_err(|e| CliError::failed(e.to_string()))?;
    let compile = begun.elapsed();
    let configured = Policy::configure(&module, config, Limits::default());
    let asked = match configured {
        Err(error) => Err(error.to_string()),
        Ok(policy) => Ok(Asked {
            subscriptions: policy.subscriptions().to_vec(),
            cost: cost(&policy),
            differs: differs(&policy, config),
        }),
    };
    Ok(Checked {
        module,
        compile,
        asked,
    })
}

fn cost(policy: &Policy) -> Result<Cost, String> {
    let nothing = median(policy, &[])?.0;
    let one = median(policy, &[resync(sample(1))])?.0;
    let (many, last) = median(policy, &[resync(sample(SAMPLE))])?;
    let further = u32::try_from(SAMPLE - 1).unwrap_or(u32::MAX);
    Ok(Cost {
        instance: nothing,
        one,
        session: many.saturating_sub(one) / further,
        memory: last.used.memory,
        fuel: last.used.fuel,
        effects: last.verdict.effects.len(),
    })
}

/// What a call takes, and the last answer.
fn median(policy: &Policy, events: &[Event]) -> Result<(Duration, Evaluated), String> {
    let begun = Instant::now();
    let mut took = Vec::new();
    loop {
        let answer = ask(policy, events)?;
        took.push(answer.used.wall);
        if took.len() >= CALLS || (took.len() >= 3 && begun.elapsed() >= MEASURE) {
            took.sort();
            return Ok((took[took.len() / 2], answer));
        }
    }
}

fn ask(policy: &Policy, events: &[Event]) -> Result<Evaluated, String> {
    let sessions = events.iter().flat_map(|event| match event {
        Event::Resync { sessions, .. } => sessions.as_slice(),
        _ => &[],
    });
    let known: BTreeMap<SessionKey, SessionView> =
        sessions.map(|view| (view.key, view.clone())).collect();
    let call = Call {
        context: Context {
            now: Timestamp::from_millis(NOW),
            sequence: 1,
            seed: 7,
            dry_run: true,
            workspace_revision: 1,
        },
        events,
        workspace: Arc::new(known),
        state: StateSnapshot::default(),
    };
    policy
        .evaluate(call)
        .map_err(|failed| format!("{}: {}", failed.fault.kind.as_str(), failed.fault.message))
}

/// What is not the same the second time.
fn differs(policy: &Policy, config: &str) -> Option<String> {
    let other = match Policy::configure(policy.module(), config, Limits::default()) {
        Ok(other) => other,
        Err(error) => {
            return Some(format!(
                "the second time, the policy refuses its configuration: {error}"
            ));
        }
    };
    if other.subscriptions() != policy.subscriptions() {
        return Some("the second time, the policy subscribes to other events".into());
    }
    let events = [resync(sample(50))];
    let same = match (ask(policy, &events), ask(&other, &events)) {
        (Ok(one), Ok(other)) => {
            one.verdict == other.verdict
                && one.state_writes == other.state_writes
                && one.log == other.log
                && one.used.fuel == other.used.fuel
        }
        (Err(one), Err(other)) => one == other,
        _ => false,
    };
    (!same).then(|| "the second time, the policy answers the same call differently".into())
}

fn resync(sessions: Vec<SessionView>) -> Event {
    Event::Resync {
        reason: ResyncReason::ColdStart,
        sessions,
        last: true,
    }
}

/// 2026-03-02T12:00:00Z.
const NOW: u64 = 1_772_452_800_000;
const HOUR: u64 = 3_600_000;

/// Made-up sessions: half of them active, some near their end, with common labels.
fn sample(count: usize) -> Vec<SessionView> {
    let one = |n: usize| {
        let number = u32::try_from(n).unwrap_or(u32::MAX);
        let active = n % 2 == 1;
        let ends = NOW + u64::from(number % 60 + 1) * HOUR / 60;
        let word = ["auto", "work", "production"][n % 3];
        let facts = SessionFacts {
            id: SessionId::new(&format!("sample-{n:04}")),
            name: format!("sample-{n:04}"),
            session_type: SessionType::AwsIamRoleChained,
            status: if active {
                Status::Active
            } else {
                Status::Inactive
            },
            region: Some("eu-west-1".into()),
            started_at: active.then(|| Timestamp::from_millis(ends - HOUR)),
            expires_at: active.then(|| Timestamp::from_millis(ends)),
            named_profile: Some(format!("sample-{n:04}")),
            account: Some("123456789012".into()),
            role: Some("arn:aws:iam::123456789012:role/deploy".into()),
            chained_to: None,
            labels: [(word.to_owned(), String::new())].into(),
            last_error: None,
            failures: 0,
            last_use: None,
            reason: None,
            revision: Revision(1),
        };
        SessionView {
            key: SessionKey(number),
            parent: None,
            facts: Arc::new(facts),
        }
    };
    (0..count).map(one).collect()
}
