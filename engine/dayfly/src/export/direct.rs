//! Credentials without a running engine.

use std::time::{Duration, Instant};

use dayfly_core::input::Order;
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::{Handle, Home, clock};
use dayfly_vault::{TemporaryCredentials, Vault};
use zeroize::Zeroizing;

use super::process;
use crate::control::client;
use crate::control::protocol::{self, not_found};
use crate::engine;
use crate::sign_in::user_prompts;

/// How long a program waits for its credentials.
const PATIENCE: Duration = Duration::from_secs(100);
/// How long one of many callers waits before it looks whether another has obtained them.
const TURN: Duration = Duration::from_millis(100);
/// How long what comes of it behind the answer may take.
const QUIET: Duration = Duration::from_secs(30);

/// As [`with_vault`], with a vault of its own.
pub(crate) fn credentials(home: &Home, asked: &str) -> Result<Zeroizing<Vec<u8>>, CliError> {
    with_vault(home, &engine::vault(home)?, asked)
}

/// How often a person is asked for what the session, and those that it is chained to, need.
const ATTENDED: usize = 3;

/// The same as [`with_vault`] for a person's own command: what a person is needed for is asked
/// for at this terminal, where one sits there.
pub(crate) fn attended(
    home: &Home,
    vault: &Vault,
    asked: &str,
) -> Result<Zeroizing<Vec<u8>>, CliError> {
    for _ in 0..ATTENDED {
        match with_vault(home, vault, asked) {
            Err(trouble) if trouble.code == Code::NeedsPerson && user_prompts::somebody() => {
                engine::attend(home, asked, trouble)?;
            }
            answer => return answer,
        }
    }
    with_vault(home, vault, asked)
}

/// What `credential_process` is to print: from a running engine, from what is published or kept,
/// or obtained by an engine in this process. Of many callers at once, in any number of processes,
/// one obtains and the others find what it obtained. A vault that was opened once stays open, so
/// that nobody is asked for its passphrase a second time.
pub(crate) fn with_vault(
    home: &Home,
    vault: &Vault,
    asked: &str,
) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let workspace = engine::require(home)?;
    let session = &workspace.resolve(asked).map_err(|e| not_found(&e))?.session;
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = client::credentials(home, session.id.as_str()) {
            return answer;
        }
        let now = clock::now();
        let there = engine::chain(home, vault)?.find(&session.id);
        let there = there.filter(|credentials| !credentials.lease.expired(now));
        if let Some(fresh) = there.as_ref().filter(|there| !there.lease.due(now)) {
            return print(fresh);
        }
        match (obtain(home, vault, session.id.as_str()), there) {
            (Ok(Some(text)), _) => return Ok(text),
            // The last good ones serve until they end, also while another process renews them.
            (Ok(None) | Err(_), Some(good)) => return print(&good),
            (Err(trouble), None) => return Err(trouble),
            (Ok(None), None) if Instant::now() < give_up => {}
            (Ok(None), None) => {
                let message = format!("another Dayfly works on {}", home.folder().display());
                return Err(CliError::failed(message).hint("try again when it has ended"));
            }
        }
    }
}

fn print(credentials: &TemporaryCredentials) -> Result<Zeroizing<Vec<u8>>, CliError> {
    process::of(credentials)
}

/// Obtains them in this process; none where another process is at it.
fn obtain(
    home: &Home,
    vault: &Vault,
    session: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, CliError> {
    let obtained =
        engine::for_one_task(home, vault.clone(), TURN, QUIET, async |handle: &Handle| {
            let mut result = handle.credentials(session).await;
            if let Ok(issued) = &result
                && issued.credentials.lease.due(clock::now())
            {
                // This process ends, so renewal cannot go on behind the answer.
                let _ = handle.order(session, Order::Demand).await;
                result = handle.credentials(session).await;
            }
            result
        })?;
    match obtained {
        None => Ok(None),
        Some(Ok(issued)) => print(&issued.credentials).map(Some),
        Some(Err(why)) => Err(protocol::unobtained(session, why)),
    }
}
