//! `dayfly policy enable`

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::paths;
use dayfly_sharing::config_edit::Edit;

use crate::terminal::print;

/// Have a disabled or a suspended policy entry asked again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly policy enable keep-dev")]
pub(crate) struct Args {
    /// The entry.
    entry: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let (mut edit, _) = Edit::open(&home.config())?;
    let entry = edit.entry(&args.entry)?;
    let disabled = entry.get("enabled").and_then(toml_edit::Item::as_bool) == Some(false);
    if disabled {
        entry.remove("enabled");
        edit.save()?;
        print(&format!("{} is enabled\n", args.entry));
        return Ok(Exit::Done);
    }
    let request = Request::Enable {
        entry: args.entry.clone(),
    };
    match client::ask::<serde_json::Value>(&home, &request) {
        Some(answer) => answer?,
        None => {
            // `dayfly run` asks every policy afresh.
            print(&format!("{} is enabled already\n", args.entry));
            return Ok(Exit::Done);
        }
    };
    print(&format!("{} is asked again\n", args.entry));
    Ok(Exit::Done)
}
