//! `dayfly credential-process`

use std::path::{Path, PathBuf};

use dayfly_dialog::{CliError, Exit};

use crate::control::client;
use crate::export::direct;
use crate::{paths, terminal};

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
    let text = match client::credentials(&home, session) {
        Some(answer) => answer?,
        None => {
            // No person is waited for inside a request.
            crate::vault_access::ask_nobody();
            direct::credentials(&home, session)?
        }
    };
    terminal::print_answer(&text)
        .map_err(|e| CliError::failed(format!("cannot be printed: {e}")))?;
    Ok(Exit::Done)
}
