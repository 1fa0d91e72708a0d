//! `dayfly secret remove`

use dayfly_control::protocol::not_found;
use dayfly_dialog::{CliError, Code, Exit, sanitize};
use dayfly_host::{paths, vault, workspace};
use dayfly_providers::TOTP_SEED;
use dayfly_vault::ACCESS_KEY;

use crate::terminal::print;

/// Remove the access key of a session, or the seed of its MFA device, from the vault. Credentials
/// from that key stay valid until they expire or the session is stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly secret remove main\n  dayfly secret remove main --totp"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name; or the whole id of a removed session; or
    /// the name of the secret in `dayfly secret list --json`.
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
            CliError::new(Code::NotFound, format!("session {asked} has no MFA device"))
                .hint("`dayfly secret list` lists all stored secrets")
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
        let message = format!("the vault has no {}", what.trim_start_matches("the "));
        return Err(CliError::new(Code::NotFound, message)
            .hint("`dayfly secret list` lists all stored secrets"));
    }
    print(&format!("removed {what}\n"));
    Ok(Exit::Done)
}
