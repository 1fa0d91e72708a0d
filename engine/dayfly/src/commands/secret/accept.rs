//! `dayfly secret accept`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{locking, paths};

use crate::consent;
use crate::terminal::print;

/// Accept the vault although it is missing or older than the one last seen on this machine: after a
/// restore, or on another machine.
///
/// Shows what is older and asks for confirmation.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly secret accept\n  dayfly secret accept --yes")]
pub(crate) struct Args {
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let witness = locking::witness(&home)?;
    let look = witness.look();
    if look.doubts.is_empty() {
        print("the vault is the newest one seen on this machine\n");
        return Ok(Exit::Done);
    }
    let lines = look.doubts.iter();
    let text: String = lines
        .map(|doubt| format!("{}\n", sanitize(&witness.say(doubt))))
        .collect();
    print(&text);
    consent::ask("Accept the vault as it is now?", args.yes, "--yes")?;
    witness
        .accept_vault()
        .map_err(|e| CliError::failed(e.to_string()))?;
    print("accepted the vault as it is now\n");
    Ok(Exit::Done)
}
