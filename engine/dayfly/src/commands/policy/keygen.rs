//! `dayfly policy keygen`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, vault};
use dayfly_sharing::keys;

use crate::terminal::{self, print};

/// Create a signing key for policies in the vault, and print its public key.
///
/// It is an Ed25519 key in the format of minisign. People who trust you write the public key into
/// `[[trust]]` of their dayfly.toml. If a key of this name exists, Dayfly prints its public key.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly policy keygen\n  dayfly policy keygen team")]
pub(crate) struct Args {
    /// The name.
    #[arg(default_value = "default")]
    name: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let (public, new) = keys::generate(&vault::open(&home)?, &args.name)?;
    let said = if new {
        "is in the vault"
    } else {
        "already exists"
    };
    print(&format!("{public}\n"));
    // The standard output is the key alone.
    terminal::say(&format!(
        "the key {} {said}; to trust it for a source:\n\n  [[trust]]\n  source = \"oci://HOST/REPOSITORY*\"\n  keys = [\"{public}\"]",
        args.name
    ));
    Ok(Exit::Done)
}
