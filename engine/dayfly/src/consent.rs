//! Has a person say yes.

use std::io::IsTerminal as _;

use dayfly_dialog::{CliError, Code};
use dayfly_sharing::talk::Talk;

use crate::terminal;

/// Asks on the terminal; where nobody can be asked, it takes the option named.
pub(crate) fn ask(question: &str, given: bool, option: &str) -> Result<(), CliError> {
    if given {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let message = format!(
            "{question} The standard input is not a terminal, so Dayfly cannot ask; nothing was \
             changed"
        );
        return Err(
            CliError::new(Code::Refused, message).hint(format!("to confirm, pass {option}"))
        );
    }
    terminal::ask(&format!("{question} [y/N] "));
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    let yes = read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes");
    if yes {
        return Ok(());
    }
    Err(CliError::new(Code::Refused, "nothing was changed"))
}

/// How the commands that share policies tell and ask.
pub(crate) const TALK: Talk<'static> = Talk {
    say: &terminal::print,
    agree: &ask,
};
