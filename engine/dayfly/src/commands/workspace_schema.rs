//! `dayfly workspace schema`

#![expect(clippy::print_stdout, reason = "this is what the command is for")]

use crate::exit::Exit;

/// Print the JSON Schema of the Workspace file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly workspace schema > workspace.schema.json")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Exit {
    println!("{:#}", dayfly_workspace::schema());
    Exit::Done
}
