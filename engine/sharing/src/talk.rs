//! How the person is told and asked while something of theirs is changed.

use dayfly_dialog::CliError;

/// What a command gives to what it has done.
#[derive(Clone, Copy)]
pub struct Talk<'a> {
    /// Tells the person.
    pub say: &'a (dyn Fn(&str) + Sync),
    /// Has the person agree: the question, whether an option of the command says yes already, and that
    /// option. That nobody agreed is an error.
    pub agree: &'a (dyn Fn(&str, bool, &str) -> Result<(), CliError> + Sync),
}
