//! `dayfly policy simulate`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_authoring::project::Project;
use dayfly_core::policy::Outcome as Ended;
use dayfly_core::session::Session;
use dayfly_dialog::time::{self, parse_span};
use dayfly_dialog::{CliError, Exit};
use dayfly_host::policies::{self, Loaded};
use dayfly_host::{paths, workspace};
use dayfly_scenario::chart::chart;
use dayfly_scenario::expect::voice;
use dayfly_scenario::file::{self, File};
use dayfly_scenario::svg::picture;
use dayfly_sim::{Outcome, Rule, Scenario};
use serde_json::json;

use crate::terminal::{self, print, print_json};

/// Simulate a week with the configured policies in seconds: virtual time, a simulated cloud, the
/// same rules.
///
/// The simulation touches nothing real. A scenario file lists what fails and what people do;
/// without one, it is a week without incidents. In the folder of a project (`dayfly policy new`),
/// the policies are those of its test/dayfly.toml, and the scenario is the first one in its test
/// folder.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy simulate\n  dayfly policy simulate outage.toml --for 2d\n  dayfly policy simulate --sessions 1000 --svg week.svg\n\nA scenario:\n  begin = \"2026-03-02T00:00:00Z\"\n  [[outage]]\n  from = \"tue 09:00\"\n  to = \"tue 11:00\"\n  [[event]]\n  at = \"30h\"\n  session = \"deploy\"\n  do = \"stop\"\n  for = \"2h\""
)]
pub(crate) struct Args {
    /// The scenario.
    scenario: Option<PathBuf>,
    /// The simulated time: 12h, 7d.
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    span: Option<Duration>,
    /// Simulate this number of made-up sessions instead of those in the Workspace.
    #[arg(long, value_name = "NUMBER")]
    sessions: Option<usize>,
    /// The seed for jitter and latencies.
    #[arg(long)]
    seed: Option<u64>,
    /// Also write a chart to this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// The sessions of the Workspace.
pub(crate) fn of_workspace(home: &dayfly_runtime::Home) -> Result<Vec<Arc<Session>>, CliError> {
    let workspace = workspace::require(home)?;
    let sessions = workspace.sessions().iter();
    Ok(sessions.map(|entry| Arc::clone(&entry.session)).collect())
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let project = Project::here()?;
    let home = match &project {
        Some(project) => project.trial(),
        None => paths::home()?,
    };
    let path = match (&args.scenario, &project) {
        (None, Some(project)) => project.scenarios()?.into_iter().next(),
        (named, _) => named.clone(),
    };
    let file = match &path {
        Some(path) => File::load(path)?,
        None => File::default(),
    };
    let sessions = match args.sessions.or(file.sessions) {
        Some(count) => dayfly_scenario::synthetic::made_up(count),
        None => of_workspace(&home)?,
    };
    let mut scenario = file.scenario(sessions).map_err(|trouble| match &path {
        Some(path) => trouble.about(&path.display().to_string()),
        None => trouble,
    })?;
    // Without sessions, policies may still have something to say of files and events.
    if scenario.sessions.is_empty() && scenario.deeds.is_empty() {
        return Err(
            CliError::usage("the Workspace has no session to simulate").hint(
                "add one with `dayfly session add`, or simulate made-up ones with --sessions 10",
            ),
        );
    }
    scenario.span = args.span.unwrap_or(scenario.span);
    if scenario.span.is_zero() {
        return Err(file::nothing_happens());
    }
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    let rules = rules(&home)?;
    let begun = Instant::now();
    let shows = terminal::errors_are_seen() && !args.json;
    let outcome = dayfly_sim::run(&scenario, &rules, |passed| {
        if shows {
            terminal::progress(&format!(
                "{} of {} ",
                time::span(passed),
                time::span(scenario.span)
            ));
        }
    });
    if shows {
        terminal::end_progress();
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, picture(&scenario, &outcome)).map_err(|e| {
            CliError::failed(format!("Dayfly cannot write {}: {e}", path.display()))
        })?;
    }
    if args.json {
        return print_json(&as_json(&outcome));
    }
    print(&chart(&scenario, &outcome, columns()));
    print(&figures(&scenario, &outcome, begun.elapsed()));
    Ok(Exit::Done)
}

/// How wide the terminal is, where there is one.
fn columns() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    said.filter(|columns| *columns > 0)
        .or_else(terminal::columns)
}

/// The configured policies, all of which have to be right.
pub(crate) fn rules(home: &dayfly_runtime::Home) -> Result<Vec<Rule>, CliError> {
    let Loaded { entries, problems } = policies::load(home)?;
    if let Some(problem) = problems.first() {
        return Err(CliError::failed(problem.to_string()));
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
    let flaps: u64 = outcome.tracks.values().map(|t| u64::from(t.flaps)).sum();
    let rows = [
        ("sessions", scenario.sessions.len().to_string()),
        ("started", count(Ended::Started).to_string()),
        ("rotated", count(Ended::Rotated).to_string()),
        ("stopped", count(Ended::Stopped).to_string()),
        ("expired unrenewed", count(Ended::Expired).to_string()),
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
        (
            "status changes",
            format!("{turns}, {flaps} starts within ten minutes of a stop"),
        ),
        ("commands refused", outcome.refused.len().to_string()),
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
            "flaps": track.flaps,
            "decisions": track.decisions.iter().map(|decision| json!({
                "at": dayfly_runtime::report::moment(decision.at),
                "action": decision.action,
                "by": voice(&decision.by),
                "code": decision.why.code,
                "why": decision.why.message,
            })).collect::<Vec<_>>(),
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
        "notices": outcome.notices.iter().map(|(at, text)| json!({
            "at": dayfly_runtime::report::moment(*at),
            "text": text,
        })).collect::<Vec<_>>(),
        "refused": outcome.refused.iter().map(|refused| json!({
            "at": dayfly_runtime::report::moment(refused.at),
            "session": refused.session,
            "by": refused.by,
            "why": refused.why,
        })).collect::<Vec<_>>(),
        "sessions": tracks.collect::<Vec<_>>(),
    })
}
