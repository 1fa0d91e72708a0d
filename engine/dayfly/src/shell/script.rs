//! What `dayfly shell init` prints.

use std::path::Path;

use dayfly_core::text::is_hidden;
use dayfly_dialog::CliError;

use super::Shell;

/// The function and the completion of this program for a shell.
pub(crate) fn script(shell: Shell, program: &Path) -> Result<String, CliError> {
    let text = match shell {
        Shell::Bash => include_str!("init.bash"),
        Shell::Zsh => include_str!("init.zsh"),
        Shell::Fish => include_str!("init.fish"),
        Shell::Powershell => include_str!("init.ps1"),
    };
    let path = program.to_str().filter(|path| !path.chars().any(is_hidden));
    let path = path.ok_or_else(|| {
        let message = format!(
            "no shell can be told this path of Dayfly: {}",
            program.display()
        );
        CliError::failed(message).hint("move the program into a folder with a plain name")
    })?;
    Ok(text.replace("@PROGRAM@", &shell.quoted(path)))
}
