//! `dayfly secret remove`

use dayfly_control::protocol::not_found;
use dayfly_dialog::{CliError, Code, Exit, sanitize};
use dayfly_host::{paths, vault, workspace};
use dayfly_providers::TOTP_SEED;
use dayfly_vault::ACCESS_KEY;

use crate::terminal::print;

/// Remove the access key of a session, or the seed of its MFA device, from the vault. Credentials that
/// were obtained with it stay until they end or the session is stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly secret remove main\n  dayfly secret remove main --totp"
)]
pub(crate) struct Args {
    /// An id, the beginning of one, or a unique name; or the whole id of one that is gone; or what
    /// `dayfly secret list --json` calls the secret.
    session: String,
    /// Remove the seed of the session's MFA device, for all sessions of that device.
    #[arg(long)]
    totp: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let asked = sanitize(&args.session);
    let (name, what) = if args.totp {
        let workspace = workspace::require(&home)?;
        let entry = workspace
            .resolve(&args.session)
            .map_err(|e| not_found(&e))?;
        let device = entry.session.mfa_device().ok_or_else(|| {
            CliError::new(Code::NotFound, format!("{asked} has no MFA device"))
                .hint("`dayfly secret list` shows all that is kept")
        })?;
        let what = format!("the seed of {}", sanitize(device));
        (format!("{TOTP_SEED}{device}"), what)
    } else if args.session.contains('/') {
        (args.session.clone(), asked.clone())
    } else {
        let workspace = workspace::load(&home).ok();
        let known = workspace
            .as_ref()
            .and_then(|w| w.resolve(&args.session).ok())
            .map(|entry| entry.session.id.to_string());
        let id = known.unwrap_or_else(|| args.session.clone());
        let what = format!("the access key of {asked}");
        (format!("{ACCESS_KEY}{id}"), what)
    };
    let removed = vault::open(&home)?
        .remove(&name)
        .map_err(|e| CliError::failed(e.to_string()))?;
    if !removed {
        let message = format!("no {} is kept", what.trim_start_matches("the "));
        return Err(CliError::new(Code::NotFound, message).hint("`dayfly secret list` shows all"));
    }
    print(&format!("{what} is removed\n"));
    Ok(Exit::Done)
}
