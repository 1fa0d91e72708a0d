//! `dayfly policy enable`

use crate::commands::print;
use crate::control::client;
use crate::control::protocol::Request;
use crate::exit::Exit;
use crate::locate;
use crate::trouble::Trouble;

/// Have a suspended policy entry asked again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly policy enable keep-dev")]
pub(crate) struct Args {
    /// The entry.
    entry: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let request = Request::Enable {
        entry: args.entry.clone(),
    };
    match client::ask::<serde_json::Value>(&home, &request) {
        Some(answer) => answer?,
        None => {
            return Err(
                Trouble::failed("no Dayfly runs here, so nothing is suspended")
                    .hint("`dayfly run` asks every policy afresh"),
            );
        }
    };
    print(&format!("{} is asked again\n", args.entry));
    Ok(Exit::Done)
}
