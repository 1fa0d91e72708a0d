//! Why the Workspace was not edited, for a person who wrote flags and not lines.

use dayfly_dialog::CliError;
use dayfly_workspace::EditError;
use dayfly_workspace::splice::SpliceError;

/// Why the Workspace was not edited, for a person who wrote flags and not lines.
pub fn refused(error: EditError<SpliceError>) -> CliError {
    match &error {
        EditError::Refused { problems } => {
            let plain = problems.iter().map(|problem| match &problem.hint {
                Some(hint) => format!("{} ({hint})", problem.message),
                None => problem.message.clone(),
            });
            let lines: Vec<String> = plain.collect();
            CliError::usage(lines.join("\n  ")).hint("the Workspace is unchanged")
        }
        EditError::Change(error) => CliError::usage(error.to_string()),
        EditError::Write(_) => CliError::failed(error.to_string()),
    }
}
