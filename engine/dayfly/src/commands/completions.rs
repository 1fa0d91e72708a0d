//! `dayfly completions`

use clap_complete::Shell;
use dayfly_dialog::{CliError, Exit};

use crate::terminal::print_data;

/// Print the completion script for a shell. It completes commands and options; `dayfly shell init`
/// also completes the names of your sessions.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly completions bash > ~/.local/share/bash-completion/completions/dayfly\n  dayfly completions fish > ~/.config/fish/completions/dayfly.fish"
)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

/// `tree` is what is completed.
pub(crate) fn run(args: &Args, mut tree: clap::Command) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut tree, "dayfly", &mut text);
    print_data(&text);
    Ok(Exit::Done)
}
