//! The tree of commands.

mod workspace_schema;
mod workspace_validate;

use clap::{Parser, Subcommand};

use crate::exit::Exit;

/// Keeps temporary cloud credentials alive exactly as long as rules say they should be.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Dayfly {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at the Workspace file.
    #[command(subcommand)]
    Workspace(Workspace),
}

#[derive(Debug, Subcommand)]
enum Workspace {
    Validate(workspace_validate::Args),
    Schema(workspace_schema::Args),
}

impl Dayfly {
    /// Does what the command line says.
    pub(crate) fn run(self) -> Exit {
        match self.command {
            Command::Workspace(Workspace::Validate(args)) => workspace_validate::run(&args),
            Command::Workspace(Workspace::Schema(args)) => workspace_schema::run(&args),
        }
    }
}
