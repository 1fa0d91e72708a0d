//! `dayfly emit`

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::paths;

/// Send a custom event to the policies that subscribe to it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly emit deploy-begins\n  dayfly emit branch-changed --data '{\"branch\": \"main\"}'"
)]
pub(crate) struct Args {
    /// The name.
    name: String,
    /// The data of the event, as JSON.
    #[arg(long, value_name = "JSON", default_value = "null", value_parser = parse)]
    data: serde_json::Value,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    if args.name.trim().is_empty() {
        return Err(CliError::usage("the name of the event is empty"));
    }
    let home = paths::home()?;
    let request = Request::Emit {
        name: args.name.clone(),
        data: args.data.clone(),
    };
    match client::ask::<serde_json::Value>(&home, &request) {
        Some(answer) => answer.map(|_| Exit::Done),
        None => Err(
            CliError::failed("no engine is running, so no policy receives the event")
                .hint("start one with `dayfly run`"),
        ),
    }
}

fn parse(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|e| format!("not valid JSON: {e}"))
}
