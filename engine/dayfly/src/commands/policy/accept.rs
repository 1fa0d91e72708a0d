//! `dayfly policy accept`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{locking, paths};
use dayfly_vault::Ask;

use crate::consent;
use crate::terminal::print;

/// Accept dayfly.lock although it is older than the one last seen on this machine: after a restore,
/// on another branch, or after somebody reverted a version.
///
/// Until then, guard rails that it locks to an older module refuse everything. Shows what is older
/// and asks for confirmation.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly policy accept\n  dayfly policy accept --yes")]
pub(crate) struct Args {
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let lock = locking::load(&home)?;
    let witness = locking::witness(&home)?;
    let look = witness.look();
    let older = look.all_older(&lock);
    if older.is_empty() && !look.lost {
        print("dayfly.lock is not older than the version last seen on this machine\n");
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for (about, problem) in &older {
        text += &format!("{}: {}\n", sanitize(about), sanitize(problem));
    }
    if look.lost {
        text += &format!(
            "Dayfly cannot read {}, so it does not know which dayfly.lock this machine last saw; \
             dayfly.lock has {} entries now\n",
            home.seen().display(),
            lock.modules().len()
        );
    }
    print(&text);
    consent::ask(
        "Accept dayfly.lock with these older policies and layers?",
        args.yes,
        "--yes",
    )?;
    witness
        .written(&lock, Ask::Person)
        .map_err(|e| CliError::failed(e.to_string()))?;
    print("accepted dayfly.lock as it is now, here and in a running engine\n");
    Ok(Exit::Done)
}
