//! Credentials without a running engine.

use std::time::{Duration, Instant};

use dayfly_control::credentials::Given;
use dayfly_control::{client, protocol};
use dayfly_core::input::Order;
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::{Handle, Home, clock};
use dayfly_vault::Vault;

use crate::{chain, engine, orders, person, vault, workspace};

/// How long a program waits for its credentials.
const TIMEOUT: Duration = Duration::from_secs(100);
/// How long one of many callers waits before it looks whether another has obtained them.
const TURN: Duration = Duration::from_millis(100);
/// How long what comes of it behind the answer may take.
const QUIET: Duration = Duration::from_secs(30);

/// As [`with_vault`], with a vault of its own.
pub fn credentials(home: &Home, asked: &str) -> Result<Given, CliError> {
    with_vault(home, &vault::open(home)?, asked)
}

/// How often a person is asked for what the session, and those that it is chained to, need.
const ATTENDED: usize = 3;

/// The same as [`with_vault`] for a person's own command: what a person is needed for is asked
/// for at this terminal, where one sits there.
pub fn attended(home: &Home, vault: &Vault, asked: &str) -> Result<Given, CliError> {
    for _ in 0..ATTENDED {
        match with_vault(home, vault, asked) {
            Err(trouble) if trouble.code == Code::NeedsPerson && person::somebody() => {
                orders::attend(home, asked, trouble)?;
            }
            answer => return answer,
        }
    }
    with_vault(home, vault, asked)
}

/// The credentials of a session: from a running engine, from what is published or kept,
/// or obtained by an engine in this process. Of many callers at once, in any number of processes,
/// one obtains and the others find what it obtained. A vault that was opened once stays open, so
/// that nobody is asked for its passphrase a second time.
pub fn with_vault(home: &Home, vault: &Vault, asked: &str) -> Result<Given, CliError> {
    let known = workspace::require(home)?;
    let session = workspace::session(&known, asked)?;
    let give_up = Instant::now() + TIMEOUT;
    loop {
        if let Some(answer) = client::credentials(home, session.id.as_str()) {
            return answer;
        }
        let now = clock::now();
        let there = chain::open(home, vault)?.find(&session.id);
        let there = there.filter(|credentials| !credentials.lease.expired(now));
        if let Some(fresh) = there.as_ref().filter(|there| !there.lease.due(now)) {
            return Given::of(fresh);
        }
        match (obtain(home, vault, session.id.as_str()), there) {
            (Ok(Some(given)), _) => return Ok(given),
            // The last good ones serve until they end, also while another process renews them.
            (Ok(None) | Err(_), Some(good)) => return Given::of(&good),
            (Err(trouble), None) => return Err(trouble),
            (Ok(None), None) if Instant::now() < give_up => {}
            (Ok(None), None) => {
                let message = format!("another engine is running on {}", home.folder().display());
                return Err(CliError::failed(message).hint("try again when that command has ended"));
            }
        }
    }
}

/// Obtains them in this process; none where another process is at it.
fn obtain(home: &Home, vault: &Vault, session: &str) -> Result<Option<Given>, CliError> {
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
        Some(Ok(issued)) => Given::of(&issued.credentials).map(Some),
        Some(Err(why)) => Err(protocol::unobtained(session, why)),
    }
}
