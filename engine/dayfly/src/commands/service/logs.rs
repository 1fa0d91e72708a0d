//! `dayfly service logs`

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use dayfly_dialog::{CliError, Exit};
use dayfly_service::manager;

use super::Which;
use super::control::installed;

/// Show what the engine printed, as the service manager keeps it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly service logs\n  dayfly service logs --follow")]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// How many lines.
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 50)]
    lines: u32,
    /// Go on with the lines that come.
    #[arg(long, short)]
    follow: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let service = args.which.service()?;
    let manager = manager();
    installed(&*manager, &service)?;
    let command = manager.log_command(&service, args.lines, args.follow);
    let Some((program, words)) = command.split_first() else {
        return Ok(Exit::Done);
    };
    // Returns only where the system does not run it.
    let error = Command::new(program).args(words).exec();
    Err(CliError::failed(format!(
        "Dayfly cannot run {program}: {error}"
    )))
}
