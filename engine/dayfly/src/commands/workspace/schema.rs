//! `dayfly workspace schema`

use dayfly_dialog::{CliError, Exit};

use crate::terminal::print_json;

/// Print the JSON Schema of the Workspace file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly workspace schema > workspace.schema.json")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<Exit, CliError> {
    print_json(&dayfly_workspace::schema())
}
