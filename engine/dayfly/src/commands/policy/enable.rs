//! `dayfly policy enable`

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::paths;
use dayfly_sharing::config_edit::Edit;

use crate::terminal::print;

/// Enable a disabled or suspended policy entry again.
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
        print(&format!("enabled {}\n", args.entry));
        return Ok(Exit::Done);
    }
    let request = Request::Enable {
        entry: args.entry.clone(),
    };
    match client::ask::<serde_json::Value>(&home, &request) {
        Some(answer) => answer?,
        None => {
            // `dayfly run` asks every policy afresh.
            print(&format!("{} is already enabled\n", args.entry));
            return Ok(Exit::Done);
        }
    };
    print(&format!(
        "enabled {} again after its suspension\n",
        args.entry
    ));
    Ok(Exit::Done)
}
