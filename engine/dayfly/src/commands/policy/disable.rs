//! `dayfly policy disable`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::paths;
use dayfly_sharing::config_edit::Edit;

use crate::terminal::print;

/// Disable a policy entry: it stays in the configuration, but Dayfly does not evaluate it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly policy disable keep-dev")]
pub(crate) struct Args {
    /// The entry.
    entry: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let (mut edit, _) = Edit::open(&home.config())?;
    edit.entry(&args.entry)?
        .insert("enabled", toml_edit::value(false));
    edit.save()?;
    print(&format!(
        "disabled {0}; `dayfly policy enable {0}` enables it again\n",
        args.entry
    ));
    Ok(Exit::Done)
}
