//! `dayfly integration login`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, workspace};

use crate::integrations::{Found, azure_login, find, sso_login};

/// Sign in to an integration. Sessions that waited for it are tried again.
///
/// Without --device a browser is opened and comes back to this machine. Where none can be opened,
/// a code is shown, to be entered in a browser anywhere. A person signs in to Azure by a code
/// always; the secret or certificate of an application is read from the standard input, and tried
/// out before it is kept in the vault.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly integration login corp\n  dayfly integration login corp --device    # on a server, over SSH\n  dayfly integration login app < secret.txt"
)]
pub(crate) struct Args {
    /// A name, an id, or the beginning of one.
    integration: String,
    /// Show a code to be entered in a browser on any device.
    #[arg(long)]
    device: bool,
    /// Open no browser but print the address to open.
    #[arg(long)]
    no_browser: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let found = find(&workspace, &args.integration)?;
    let how = sso_login::How {
        device: args.device,
        open: !args.no_browser,
    };
    match &found {
        Found::Sso(integration) => sso_login::run(&home, integration, how),
        Found::Azure(one) => azure_login::run(&home, &workspace, &one.id, how.open),
    }
}
