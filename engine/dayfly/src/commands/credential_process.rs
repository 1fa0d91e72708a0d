//! `dayfly credential-process`

use std::path::{Path, PathBuf};

use dayfly_control::client;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::{direct, paths, person};

use crate::terminal;

/// Print the credentials of a session in the format of a `credential_process` of cloud SDKs.
///
/// A running engine answers from memory. Dayfly gets missing credentials, unless a policy or your
/// own command forbids it; it does not wait for a person.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example, in ~/.aws/config (written by Dayfly itself where `delivery` says credential-process):\n  [profile dev]\n  credential_process = dayfly credential-process dev"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// The folder of the Workspace, instead of DAYFLY_HOME.
    #[arg(long, value_name = "FOLDER")]
    home: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    print(&args.session, args.home.as_deref())
}

/// Does it, without what other commands need: SDKs run this often.
pub(crate) fn print(session: &str, home: Option<&Path>) -> Result<Exit, CliError> {
    let home = match home {
        Some(folder) => paths::home_at(folder)?,
        None => paths::home()?,
    };
    let given = match client::credentials(&home, session) {
        Some(answer) => answer?,
        None => {
            // No person is waited for inside a request.
            person::ask_nobody();
            direct::credentials(&home, session)?
        }
    };
    terminal::print_answer(&given.process()?)
        .map_err(|e| CliError::failed(format!("cannot be printed: {e}")))?;
    Ok(Exit::Done)
}
