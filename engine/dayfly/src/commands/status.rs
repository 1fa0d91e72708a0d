//! `dayfly status`

use dayfly_dialog::{CliError, Exit, sanitize, time};
use dayfly_doctor::{certificates, disk};
use dayfly_host::{paths, reports};
use dayfly_runtime::clock;
use dayfly_runtime::report::{EngineReport, ProblemReport};
use dayfly_views::{policies, sessions};

use super::session::wanted::{NONE_FITS, Wanted};
use crate::terminal::{print, print_json};

/// Show the state of the engine, sessions and policies, and all problems.
///
/// The exit code is 0 if an engine is running without problems; 1 if there are problems, which are
/// listed under "problems" (the Workspace is missing or has an error, Dayfly cannot use the
/// configuration, a disk is full, a policy cannot be loaded); 3 if there are no problems but no
/// engine is running. Problems of a single session are shown, but do not change the exit code.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly status\n  dayfly status --json\n  dayfly status --status active --account 123456789012\n  dayfly status > /dev/null || dayfly doctor"
)]
pub(crate) struct Args {
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    wanted: Wanted,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let mut report = reports::of(&home)?;
    let full = disk::without_room(&home);
    report
        .problems
        .extend(full.into_iter().map(|message| ProblemReport {
            about: "disk".into(),
            message,
            hint: Some(disk::MAKE_ROOM.into()),
            warning: false,
        }));
    report.problems.extend(
        certificates::ending(&home)
            .into_iter()
            .map(|told| ProblemReport {
                about: "certificate".into(),
                message: told.message,
                hint: told.hint,
                warning: true,
            }),
    );
    let (headline, some) = (headline(&report), !report.sessions.is_empty());
    args.wanted.apply(&home, &mut report.sessions)?;
    if args.json {
        print_json(&report)?;
    } else {
        let none_fits = some && report.sessions.is_empty();
        print(&text(&report, &headline, none_fits));
    }
    Ok(exit(&report))
}

/// How the command ends.
fn exit(report: &EngineReport) -> Exit {
    if report.problems.iter().any(|problem| !problem.warning) {
        return Exit::Failed;
    }
    match report.engine {
        Some(_) => Exit::Done,
        None => Exit::NotFound,
    }
}

/// The report as a person reads it.
fn text(report: &EngineReport, headline: &str, none_fits: bool) -> String {
    let now = clock::now();
    let mut text = format!("{headline}\n{}\n\n", report.workspace.display());
    match none_fits {
        true => text += NONE_FITS,
        false => text += &sessions::table(&report.sessions, now),
    }
    if report.engine.as_ref().is_some_and(|engine| engine.loading) {
        text += "\nthe engine is loading the policies; they decide nothing before\n";
    }
    if !report.policies.is_empty() {
        text += &format!("\n{}", policies::table(&report.policies, &[]));
    }
    if !report.problems.is_empty() {
        text += "\nproblems:\n";
        for problem in &report.problems {
            text += &format!(
                "  {}: {}\n",
                sanitize(&problem.about),
                sanitize(&problem.message)
            );
            if let Some(hint) = &problem.hint {
                text += &format!("    {}\n", sanitize(hint));
            }
        }
    }
    let errors = report.sessions.iter().flat_map(|s| {
        let of_key = s.key.as_ref().and_then(|key| key.error.as_ref());
        let errors = s.error.iter().chain(of_key);
        errors.filter_map(move |error| Some((s, error.hint.as_ref()?)))
    });
    let hints: Vec<String> = errors
        .map(|(session, hint)| format!("  {}: {}\n", sanitize(&session.name), sanitize(hint)))
        .collect();
    if !hints.is_empty() {
        text += &format!("\nwhat to do:\n{}", hints.concat());
    }
    text
}

/// Whether an engine is running, and how many sessions are in which state.
fn headline(report: &EngineReport) -> String {
    let mut text = match &report.engine {
        Some(engine) => format!(
            "the engine is running (Dayfly {}, process {}, for {})",
            engine.version,
            engine.pid,
            time::span(clock::now().since(engine.since))
        ),
        None => "no engine is running; start one with `dayfly run`".to_owned(),
    };
    if !report.sessions.is_empty() {
        text += &format!(" · {}", sessions::summary(&report.sessions));
    }
    text
}
