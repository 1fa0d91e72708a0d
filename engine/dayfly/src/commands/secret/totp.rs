//! `dayfly secret set --totp`

use std::io::IsTerminal as _;

use dayfly_core::session::Session;
use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{orders, vault};
use dayfly_providers::{TOTP_SEED, Totp};
use dayfly_runtime::Home;
use dayfly_vault::SecretString;
use dayfly_workspace::Workspace;

use crate::prompt;
use crate::terminal::print;

/// The longest input, in bytes.
const INPUT: usize = 4 << 10;

/// Keeps the seed of a session's MFA device.
pub(crate) fn set(home: &Home, workspace: &Workspace, session: &Session) -> Result<Exit, CliError> {
    let name = sanitize(&session.name);
    let device = session.mfa_device().ok_or_else(|| {
        CliError::usage(format!("session {name} has no MFA device")).hint(format!(
            "set one with `dayfly session edit {} --mfa-device ARN`",
            shell_word(&session.name)
        ))
    })?;
    let text = seed()?;
    let totp = Totp::parse(text.expose()).map_err(|error| {
        CliError::usage(format!("this is not the seed of an MFA device: {error}"))
            .hint("AWS shows the seed once, beside the QR code, when you create the device")
    })?;
    vault::open(home)?
        .set(&format!("{TOTP_SEED}{device}"), &totp.to_text())
        .map_err(|e| CliError::failed(e.to_string()))?;
    let users = users(workspace, device);
    print(&format!(
        "stored the seed of {}, for {}\n",
        sanitize(device),
        users.join(", ")
    ));
    // What waits for a code of it need not wait any more; where no engine runs, nothing waits.
    for entry in workspace.sessions() {
        if entry.session.mfa_device() == Some(device) {
            orders::tell_attended(home, &entry.session.id);
        }
    }
    Ok(Exit::Done)
}

/// Names of the sessions whose device this is.
pub(crate) fn users(workspace: &Workspace, device: &str) -> Vec<String> {
    let entries = workspace.sessions().iter();
    entries
        .filter(|entry| entry.session.mfa_device() == Some(device))
        .map(|entry| sanitize(&entry.session.name))
        .collect()
}

fn seed() -> Result<SecretString, CliError> {
    let failed = |e: std::io::Error| CliError::failed(format!("cannot read the seed: {e}"));
    if std::io::stdin().is_terminal() {
        let text = prompt::secret("Seed of the MFA device (not shown): ");
        return text.map_err(failed);
    }
    let text = crate::input::secret(INPUT).map_err(failed)?;
    Ok(SecretString::copy_of(text.expose().trim()))
}
