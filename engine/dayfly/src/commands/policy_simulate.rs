//! `dayfly policy simulate`

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dayfly_core::policy::Outcome as Ended;
use dayfly_sim::{Outcome, Rule, Scenario};
use serde_json::json;

use crate::commands::{print, print_json};
use crate::exit::Exit;
use crate::policies::{self, Loaded};
use crate::scenario::{self, File};
use crate::show::chart::chart;
use crate::show::time::{self, parse_span};
use crate::trouble::Trouble;
use crate::{engine, locate};

/// Try the configured policies on a week in seconds: virtual time, a made-up cloud, the same rules.
///
/// Nothing real is touched. A scenario file says what goes wrong and what people do; without one it
/// is a week in which nothing does.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy simulate\n  dayfly policy simulate outage.toml --for 2d\n  dayfly policy simulate --sessions 1000\n\nA scenario:\n  begin = \"2026-03-02T00:00:00Z\"\n  [[outage]]\n  from = \"tue 09:00\"\n  to = \"tue 11:00\"\n  [[event]]\n  at = \"30h\"\n  session = \"deploy\"\n  do = \"stop\"\n  for = \"2h\""
)]
pub(crate) struct Args {
    /// The scenario.
    scenario: Option<PathBuf>,
    /// How long it takes: 12h, 7d.
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    span: Option<Duration>,
    /// So many made-up sessions instead of those of the Workspace.
    #[arg(long, value_name = "NUMBER")]
    sessions: Option<usize>,
    /// Decides jitter and latencies.
    #[arg(long)]
    seed: Option<u64>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let file = match &args.scenario {
        Some(path) => File::load(path)?,
        None => File::default(),
    };
    let mut scenario = match args.sessions {
        Some(count) => file.on(scenario::made_up(count), None)?,
        None => file.scenario(&*engine::require(&home)?)?,
    };
    scenario.span = args.span.unwrap_or(scenario.span);
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    let rules = rules(&home)?;
    let begun = Instant::now();
    let shows = std::io::stderr().is_terminal() && !args.json;
    let outcome = dayfly_sim::run(&scenario, &rules, |passed| {
        if shows {
            progress(&format!(
                "\r{} of {} ",
                time::span(passed),
                time::span(scenario.span)
            ));
        }
    });
    if shows {
        progress("\r\x1b[K");
    }
    if args.json {
        return print_json(&as_json(&outcome));
    }
    print(&chart(&scenario, &outcome));
    print(&figures(&scenario, &outcome, begun.elapsed()));
    Ok(Exit::Done)
}

#[expect(clippy::print_stderr, reason = "progress is for a person who waits")]
fn progress(text: &str) {
    eprint!("{text}");
}

/// The configured policies, all of which have to be right.
pub(crate) fn rules(home: &dayfly_runtime::Home) -> Result<Vec<Rule>, Trouble> {
    let Loaded { entries, problems } = policies::load(home)?;
    if let Some(problem) = problems.first() {
        return Err(Trouble::failed(problem.to_string()));
    }
    let rules = entries.into_iter().map(|prepared| Rule {
        entry: prepared.entry,
        policy: prepared.policy,
    });
    Ok(rules.collect())
}

fn figures(scenario: &Scenario, outcome: &Outcome, took: Duration) -> String {
    let count = |ended| outcome.ended.get(&ended).copied().unwrap_or(0);
    let turns: u64 = outcome.tracks.values().map(|t| u64::from(t.turns)).sum();
    let rows = [
        ("sessions", scenario.sessions.len().to_string()),
        ("started", count(Ended::Started).to_string()),
        ("rotated", count(Ended::Rotated).to_string()),
        ("stopped", count(Ended::Stopped).to_string()),
        ("ended unrenewed", count(Ended::Expired).to_string()),
        ("failed attempts", count(Ended::Failed).to_string()),
        (
            "calls",
            format!(
                "{}, at most {} in a minute, {} throttled",
                outcome.calls, outcome.calls_per_minute_max, outcome.throttled
            ),
        ),
        (
            "without credentials",
            format!(
                "{} while the cloud was up, {} while it was down or the machine asleep",
                time::span(outcome.gap_while_up),
                time::span(outcome.gap_while_down)
            ),
        ),
        ("turns on and off", turns.to_string()),
        (
            "evaluations",
            format!(
                "{}, of which {} failed",
                outcome.evaluations, outcome.faults
            ),
        ),
        (
            "simulated",
            format!(
                "{} in {:.1} s",
                time::span(scenario.span),
                took.as_secs_f64()
            ),
        ),
    ];
    let lines = rows
        .iter()
        .map(|(name, value)| format!("  {name:<21}{value}\n"));
    format!("\n{}", lines.collect::<String>())
}

fn as_json(outcome: &Outcome) -> serde_json::Value {
    let count = |ended| outcome.ended.get(&ended).copied().unwrap_or(0);
    let tracks = outcome.tracks.iter().map(|(id, track)| {
        let statuses = track.statuses.iter();
        json!({
            "id": id,
            "name": track.name,
            "statuses": statuses
                .map(|(at, status)| json!({ "at": dayfly_runtime::report::moment(*at), "status": status }))
                .collect::<Vec<_>>(),
            "failures": track.failures.len(),
        })
    });
    json!({
        "started": count(Ended::Started),
        "rotated": count(Ended::Rotated),
        "stopped": count(Ended::Stopped),
        "expired": count(Ended::Expired),
        "failed": count(Ended::Failed),
        "calls": outcome.calls,
        "callsPerMinuteMax": outcome.calls_per_minute_max,
        "throttled": outcome.throttled,
        "gapSecondsWhileUp": outcome.gap_while_up.as_secs_f64(),
        "gapSecondsWhileDown": outcome.gap_while_down.as_secs_f64(),
        "evaluations": outcome.evaluations,
        "faults": outcome.faults,
        "sessions": tracks.collect::<Vec<_>>(),
    })
}
