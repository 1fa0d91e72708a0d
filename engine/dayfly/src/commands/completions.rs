//! `dayfly completions`

use clap::CommandFactory as _;
use clap_complete::Shell;
use dayfly_dialog::{CliError, Exit};

use crate::commands::Dayfly;
use crate::terminal::print_data;

/// Print the completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly completions bash > ~/.local/share/bash-completion/completions/dayfly\n  dayfly completions fish > ~/.config/fish/completions/dayfly.fish"
)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Dayfly::command(), "dayfly", &mut text);
    print_data(&text);
    Ok(Exit::Done)
}
