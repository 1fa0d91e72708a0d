//! Credentials without a running engine.

use std::time::{Duration, Instant};

use dayfly_chain::{CredentialsFile, Target as _};
use dayfly_core::session::SessionId;
use dayfly_runtime::{Engine, EngineError, Home, Policies, clock};
use dayfly_vault::TemporaryCredentials;
use zeroize::Zeroizing;

use super::process;
use crate::control::client;
use crate::control::protocol::{self, not_found};
use crate::engine;
use crate::trouble::Trouble;

/// How long a program waits for its credentials.
const PATIENCE: Duration = Duration::from_secs(100);
/// How long one of many callers waits before it looks whether another has obtained them.
const TURN: Duration = Duration::from_millis(100);

/// What `credential_process` is to print: from a running engine, from what is published, or
/// obtained by an engine in this process. Of many callers at once, in any number of processes,
/// one obtains and the others find what it obtained.
pub(crate) fn credentials(home: &Home, asked: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let workspace = engine::require(home)?;
    let session = &workspace.resolve(asked).map_err(|e| not_found(&e))?.session;
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = client::credentials(home, session.id.as_str()) {
            return answer;
        }
        if let Some(published) = published(home, &session.id)? {
            return print(&published);
        }
        match obtain(home, session.id.as_str())? {
            Some(text) => return Ok(text),
            None if Instant::now() < give_up => {}
            None => {
                let message = format!("another Dayfly works on {}", home.folder().display());
                return Err(Trouble::failed(message).hint("try again when it has ended"));
            }
        }
    }
}

/// Credentials that are in the credentials file and good.
fn published(home: &Home, session: &SessionId) -> Result<Option<TemporaryCredentials>, Trouble> {
    let observed = CredentialsFile::new(engine::credentials_file(home)?)
        .of_home(&home.word())
        .observe();
    let observed = observed.map_err(|e| Trouble::failed(e.to_string()).maybe_hint(e.hint()))?;
    let now = clock::now();
    let found = observed.into_iter().find(|one| one.session == *session);
    let good = found.map(|one| one.credentials);
    Ok(good.filter(|credentials| !credentials.lease.expired(now) && !credentials.lease.due(now)))
}

fn print(credentials: &TemporaryCredentials) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    process::of(credentials).map_err(|e| Trouble::failed(e.to_string()))
}

/// Obtains them in this process; none where another process is at it.
fn obtain(home: &Home, session: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Trouble::failed(format!("cannot start: {e}")))?;
    runtime.block_on(async {
        let vault = engine::vault(home);
        let options = engine::options(home, Policies::GuardRails, false, TURN, vault)?;
        let engine = match Engine::start(options).await {
            Ok(engine) => engine,
            Err(EngineError::Taken { .. }) => return Ok(None),
            Err(error) => return Err(engine::not_started(error, home)),
        };
        let handle = engine.handle().clone();
        let result = handle.credentials(session).await;
        let quiet = tokio::time::timeout(Duration::from_secs(30), handle.quiet()).await;
        handle.halt().await;
        drop((handle, quiet));
        let ended = engine.ended().await;
        ended.map_err(|e| Trouble::failed(e.to_string()))?;
        match result {
            Ok(issued) => print(&issued.credentials).map(Some),
            Err(why) => Err(protocol::unobtained(session, why)),
        }
    })
}
