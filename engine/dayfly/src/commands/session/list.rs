//! `dayfly session list`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, reports, workspace};
use dayfly_runtime::clock;
use dayfly_views::sessions;

use crate::terminal::{print, print_json};

/// List the sessions in the Workspace and their status.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly session list\n  dayfly session list --json")]
pub(crate) struct Args {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let report = reports::of(&home)?;
    if report.engine.is_none() && report.sessions.is_empty() {
        // Nothing to list may be for a reason.
        workspace::require(&home)?;
    }
    if args.json {
        return print_json(&report.sessions);
    }
    print(&sessions::table(&report.sessions, clock::now()));
    Ok(Exit::Done)
}
