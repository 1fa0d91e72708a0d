//! `dayfly shell init`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::paths;

use crate::shell::Shell;
use crate::shell::script::script;
use crate::terminal::print_data;

/// Print what a shell needs for `dayfly use`: a function, and completion of commands and names.
///
/// Before each prompt the function also brings AWS_SESSION_EXPIRATION up to date, which prompts
/// such as starship show, if the shell uses a session.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eval \"$(dayfly shell init bash)\"          # in ~/.bashrc\n  eval \"$(dayfly shell init zsh)\"           # in ~/.zshrc, behind compinit\n  dayfly shell init fish | source           # in ~/.config/fish/config.fish\n  dayfly shell init powershell | Out-String | Invoke-Expression    # in $PROFILE"
)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let program = paths::program()?;
    print_data(script(args.shell, &program)?.as_bytes());
    Ok(Exit::Done)
}
