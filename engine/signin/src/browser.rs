//! Sends the person's browser to an address that no command line may tell.

use std::process::{Command, Stdio};

use dayfly_dialog::CliError;
use dayfly_vault::SecretString;

use crate::handover::Handover;

/// The program that opens addresses: `$BROWSER`, or what the system has for it.
fn program() -> String {
    let usual = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let browser = std::env::var("BROWSER").ok();
    // By custom several, with colons.
    let first = browser.as_deref().and_then(|b| b.split(':').next());
    first.filter(|b| !b.is_empty()).unwrap_or(usual).to_owned()
}

/// Whether a browser may appear before the person: there is one, and a screen.
pub fn can_open() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("BROWSER") {
        return true;
    }
    // Over SSH it would open on a screen that nobody looks at.
    let remote = set("SSH_CONNECTION") || set("SSH_TTY");
    let screen = cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY");
    !remote && screen
}

/// Opens the address. It is handed over on loopback: a command line can be read by every user.
pub async fn open(address: &SecretString) -> Result<(), CliError> {
    let handover = Handover::start().await?;
    let program = program();
    let mut child = Command::new(&program)
        .arg(handover.address())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| CliError::failed(format!("no browser: Dayfly cannot run {program}: {e}")))?;
    let came = handover.serve(address.expose()).await;
    // One that goes on running is left alone.
    let _ = child.try_wait();
    if came {
        return Ok(());
    }
    Err(CliError::failed(format!(
        "{program} did not open the address within a minute"
    )))
}
