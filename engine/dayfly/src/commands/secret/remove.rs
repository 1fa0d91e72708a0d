//! `dayfly secret remove`

use std::collections::BTreeSet;

use dayfly_control::protocol::not_found;
use dayfly_core::session::{SessionId, SessionType};
use dayfly_dialog::{CliError, Code, Exit, sanitize};
use dayfly_host::{paths, vault, workspace};
use dayfly_import::sessions_with_lines;
use dayfly_integrations::aws_profiles;
use dayfly_providers::{KEY_PASSPHRASE, TOTP_SEED};
use dayfly_runtime::Home;
use dayfly_vault::ACCESS_KEY;

use crate::terminal::print;

/// Refuses where the key came out of a profile that gets it back with its lines.
fn refuse_only_copy(home: &Home, id: &SessionId) -> Result<(), CliError> {
    let files = aws_profiles(home)?;
    let taken_over = sessions_with_lines(&files, &BTreeSet::from([id]))
        .map_err(|e| CliError::failed(format!("{e}; nothing was removed")))?;
    if taken_over.is_empty() {
        return Ok(());
    }
    let message = format!(
        "`dayfly import` moved the access key of session {id} out of its profile, and only the vault has \
         it; nothing was removed"
    );
    Err(CliError::failed(message).hint(
        "`dayfly session remove` gives the key back to the profile; --force removes it for good",
    ))
}

/// Remove the access key or passphrase of a session, or the seed of its MFA device, from the vault. Credentials
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
    /// Remove an access key even where `dayfly import` moved it into the vault, and no other file has it.
    #[arg(long)]
    force: bool,
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
            .map(|entry| (entry.session.id.to_string(), entry.session.session_type()));
        let (id, kind) = known.map_or_else(
            || (args.session.clone(), None),
            |(id, kind)| (id, Some(kind)),
        );
        if kind == Some(SessionType::AwsRolesAnywhere) {
            return gone(
                &home,
                &format!("{KEY_PASSPHRASE}{id}"),
                &format!("the passphrase of {asked}"),
            );
        }
        if !args.force {
            refuse_only_copy(&home, &SessionId::new(&id))?;
        }
        let what = format!("the access key of {asked}");
        (format!("{ACCESS_KEY}{id}"), what)
    };
    gone(&home, &name, &what)
}

/// Removes a secret, and says so.
fn gone(home: &Home, name: &str, what: &str) -> Result<Exit, CliError> {
    let removed = vault::open(home)?
        .remove(name)
        .map_err(|e| CliError::failed(e.to_string()))?;
    if !removed {
        let message = format!("the vault has no {}", what.trim_start_matches("the "));
        return Err(CliError::new(Code::NotFound, message)
            .hint("`dayfly secret list` lists all stored secrets"));
    }
    print(&format!("removed {what}\n"));
    Ok(Exit::Done)
}
