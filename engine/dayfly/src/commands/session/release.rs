//! `dayfly session release`

use dayfly_control::protocol::SessionOrder;
use dayfly_dialog::{CliError, Exit};

use crate::commands::session::order as session_order;

/// Cancel your `start` or `stop` command: the policies decide again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly session release dev")]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// Print the session as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let order = SessionOrder {
        session: args.session.clone(),
        action: None,
        for_seconds: None,
        override_reason: None,
        reason: None,
    };
    session_order::carry_out(&order, args.json)
}
