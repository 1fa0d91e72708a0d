//! `dayfly policy accept`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{locking, paths};
use dayfly_vault::Ask;

use crate::consent;
use crate::terminal::print;

/// Take dayfly.lock as it is, although it is older than one that was seen here: after a restore, on
/// another branch, or after a version was taken back elsewhere.
///
/// Until then guard rails that it holds to an older module stay closed. Shows what is older, and asks.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly policy accept\n  dayfly policy accept --yes")]
pub(crate) struct Args {
    /// Take it without asking.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let lock = locking::load(&home)?;
    let witness = locking::witness(&home)?;
    let look = witness.look();
    let older = look.older(&lock);
    if older.is_empty() && !look.lost {
        print("dayfly.lock holds no entry to anything older than was seen here\n");
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for (entry, problem) in &older {
        text += &format!("{}: {}\n", sanitize(entry), sanitize(problem));
    }
    if look.lost {
        text += &format!(
            "{} cannot be read, so it is not known what was seen here; dayfly.lock holds {} entries now\n",
            home.seen().display(),
            lock.modules().len()
        );
    }
    print(&text);
    consent::ask(
        "Take dayfly.lock as it is, with these older modules?",
        args.yes,
        "--yes",
    )?;
    witness
        .written(&lock, Ask::Person)
        .map_err(|e| CliError::failed(e.to_string()))?;
    print("dayfly.lock counts as it is now, here and in a running Dayfly\n");
    Ok(Exit::Done)
}
