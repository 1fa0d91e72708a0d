//! `dayfly service uninstall`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_service::manager;

use super::Which;
use crate::terminal::print;

/// End the service and remove it. Your sessions, secrets and credentials stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly service uninstall")]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let service = args.which.service()?;
    let manager = manager();
    if manager.is_installed(&service)? {
        manager.reachable(&service)?;
    }
    let name = sanitize(&service.name);
    if !manager.uninstall(&service)? {
        print(&format!("{name}: not installed\n"));
        return Ok(Exit::Done);
    }
    print(&format!(
        "{name}: removed; published credentials stay in place until they expire\n"
    ));
    Ok(Exit::Done)
}
