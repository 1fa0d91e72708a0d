//! `dayfly secret set` for a session that signs with a private key: its passphrase, or the PIN of its token.

use std::io::IsTerminal as _;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::session::Session;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::vault;
use dayfly_providers::KEY_PASSPHRASE;
use dayfly_runtime::Home;
use dayfly_vault::SecretString;

use crate::prompt;
use crate::terminal::print;

/// The longest input, in bytes.
const INPUT: usize = 4 << 10;

/// Keeps the passphrase or PIN of a session.
pub(crate) fn set(home: &Home, session: &Session) -> Result<Exit, CliError> {
    let name = sanitize(&session.name);
    let failed = |e: std::io::Error| CliError::failed(format!("cannot read the passphrase: {e}"));
    let text = match std::io::stdin().is_terminal() {
        true => prompt::secret(&format!(
            "Passphrase or PIN of session {name} (not shown): "
        )),
        false => crate::input::secret(INPUT),
    };
    let text = text.map_err(failed)?;
    // Blanks may be part of it, the end of its line is not.
    let line = text.expose().trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.contains('\n') {
        return Err(CliError::usage("the passphrase is not one line")
            .hint("give one line: the passphrase of the private key, or the PIN of the token"));
    }
    vault::open(home)?
        .set(
            &format!("{KEY_PASSPHRASE}{}", session.id),
            &SecretString::copy_of(line),
        )
        .map_err(|e| CliError::failed(e.to_string()))?;
    print(&format!("stored the passphrase of session {name}\n"));
    // What waits for it need not wait any more; where no engine runs, nothing waits.
    let session = session.id.to_string();
    let _ = client::ask::<serde_json::Value>(home, &Request::Attended { session });
    Ok(Exit::Done)
}
