//! `dayfly policy remove`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{locking, paths};
use dayfly_sharing::config_edit::Edit;

use crate::terminal::print;

/// Remove a policy entry, or a bundle with all its entries, from the configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly policy remove stop-idle")]
pub(crate) struct Args {
    /// The entry, or the bundle.
    name: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let (mut edit, _) = Edit::open(&home.config())?;
    let mut lock = locking::load_to_write(&home)?;
    let of_bundle: Vec<String> = match lock.bundle(&args.name) {
        Some(bundle) => bundle.entries.clone(),
        None => Vec::new(),
    };
    if of_bundle.is_empty() {
        edit.remove(&args.name)?;
        lock.remove(&args.name);
    }
    for entry in &of_bundle {
        if edit.has(entry) {
            edit.remove(entry)?;
        }
        lock.remove(entry);
    }
    lock.remove_bundle(&args.name);
    // The entries go first: one without a line in the lock file would be refused.
    edit.save()?;
    locking::save(&home, &mut lock)?;
    print(&match of_bundle.is_empty() {
        true => format!("removed {}; its proposals no longer count\n", args.name),
        false => format!("removed {}, with {}\n", args.name, of_bundle.join(", ")),
    });
    Ok(Exit::Done)
}
