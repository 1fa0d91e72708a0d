//! `dayfly integration login`

use std::io::IsTerminal as _;

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, workspace};
use dayfly_integrations::{Found, azure_login, find, sso_login};
use dayfly_providers::azure::AzureCredential;
use dayfly_vault::SecretString;

use crate::terminal::print;
use crate::{input, prompt};

/// The longest secret or certificate, in bytes.
const INPUT: usize = 256 << 10;

/// Sign in to an integration. Dayfly tries sessions that waited for it again.
///
/// Without --device, Dayfly opens a browser on this machine. If it cannot, it shows a code for a
/// browser on any device. To sign in to Azure as a person, you always use a code. Dayfly reads the
/// secret or certificate of an application from the standard input, tries it, and stores it in the
/// vault.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly integration login corp\n  dayfly integration login corp --device    # on a server, over SSH\n  dayfly integration login app < secret.txt"
)]
pub(crate) struct Args {
    /// A name, an id, or the beginning of an id.
    integration: String,
    /// Show a code for a browser on any device.
    #[arg(long)]
    device: bool,
    /// Print the address instead of opening a browser.
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
        Found::Sso(integration) => sso_login::run(&home, integration, how, &print)?,
        Found::Azure(one) => {
            azure_login::run(&home, &workspace, &one.id, how.open, &print, given)?;
        }
    }
    Ok(Exit::Done)
}

/// What the person gives: on a terminal it is asked for, else it is the standard input.
fn given(credential: AzureCredential) -> Result<SecretString, CliError> {
    let input = std::io::stdin();
    let is_secret = credential == AzureCredential::ClientSecret;
    let text = if input.is_terminal() && is_secret {
        let text = prompt::secret("Client secret (not shown): ");
        text.map_err(|e| CliError::failed(format!("cannot read from the terminal: {e}")))?
    } else {
        if input.is_terminal() {
            print("Paste the certificate and its key as PEM, then end with Ctrl-D:\n");
        }
        let read = input::secret(INPUT);
        read.map_err(|e| CliError::failed(format!("cannot read the standard input: {e}")))?
    };
    let trimmed = SecretString::copy_of(text.expose().trim());
    if trimmed.expose().is_empty() {
        return Err(CliError::usage("the input is empty").hint(match is_secret {
            true => "give the client secret on the standard input",
            false => "give the certificate and its key as PEM on the standard input",
        }));
    }
    Ok(trimmed)
}
