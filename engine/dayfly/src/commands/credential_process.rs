//! `dayfly credential-process`

use std::path::{Path, PathBuf};

use dayfly_control::client;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::{direct, paths, person};

use crate::terminal;

/// Print the credentials of a session as cloud SDKs ask a `credential_process` for them.
///
/// A running Dayfly answers from memory. Credentials that are missing are obtained, unless a policy
/// or your own word forbids it; nobody is waited for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example, in ~/.aws/config (written by Dayfly itself where `delivery` says credential-process):\n  [profile dev]\n  credential_process = dayfly credential-process dev"
)]
pub(crate) struct Args {
    /// An id, the beginning of one, or a unique name.
    session: String,
    /// The folder of the Workspace, before DAYFLY_HOME.
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
