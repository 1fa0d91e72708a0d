//! `dayfly session list`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, reports, workspace};
use dayfly_runtime::clock;
use dayfly_views::sessions;

use super::wanted::{NONE_FITS, Wanted};
use crate::terminal::{print, print_json};

/// List the sessions in the Workspace and their status.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly session list\n  dayfly session list prod --status active\n  dayfly session list --role '*admin*' --label team=blue\n  dayfly session list --ends-within 15m --json"
)]
pub(crate) struct Args {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    wanted: Wanted,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let mut report = reports::of(&home)?;
    if report.engine.is_none() && report.sessions.is_empty() {
        // Nothing to list may be for a reason.
        workspace::require(&home)?;
    }
    let some = !report.sessions.is_empty();
    args.wanted.apply(&home, &mut report.sessions)?;
    if args.json {
        return print_json(&report.sessions);
    }
    if some && report.sessions.is_empty() {
        print(NONE_FITS);
        return Ok(Exit::Done);
    }
    print(&sessions::table(&report.sessions, clock::now()));
    Ok(Exit::Done)
}
