//! `dayfly workspace schema`

use crate::commands::print_json;
use crate::exit::Exit;
use crate::trouble::Trouble;

/// Print the JSON Schema of the Workspace file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly workspace schema > workspace.schema.json")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<Exit, Trouble> {
    print_json(&dayfly_workspace::schema())
}
