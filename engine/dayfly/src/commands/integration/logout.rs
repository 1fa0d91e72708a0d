//! `dayfly integration logout`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, workspace};
use dayfly_integrations::{Found, azure_login, find, sso_login};

use crate::terminal::print;

/// End the sign-in to an integration, also for the AWS CLI and SDKs that share it.
///
/// Current credentials of sessions stay valid until they expire; `dayfly session stop` removes
/// them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly integration logout corp")]
pub(crate) struct Args {
    /// A name, an id, or the beginning of an id.
    integration: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let found = find(&workspace, &args.integration)?;
    let said = match &found {
        Found::Sso(integration) => sso_login::sign_out(&home, integration),
        Found::Azure(one) => azure_login::sign_out(&home, &workspace, &one.id),
    }?;
    print(&said);
    Ok(Exit::Done)
}
