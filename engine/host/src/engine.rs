//! An engine in this process: what it is built of, and how it does one thing for a command and ends.

use std::sync::Arc;
use std::time::Duration;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_dialog::CliError;
use dayfly_runtime::report::EngineReport;
use dayfly_runtime::{Engine, EngineError, Handle, Home, Options, Policies, Witness};
use dayfly_vault::Vault;
use tokio::runtime::Runtime;

use crate::{chain, policies};

/// How an engine on this home is to work.
pub fn options(
    home: &Home,
    policies: Policies,
    watching: bool,
    patience: Duration,
    vault: Vault,
) -> Result<Options, CliError> {
    Ok(Options {
        home: home.clone(),
        chain: chain::at_start(home, &vault)?,
        azure_secrets: Arc::new(vault.clone()),
        witness: Some(Witness::new(home, vault.clone())),
        keys: Arc::new(vault),
        policies,
        compiler: policies::compiler(),
        watching,
        patience,
    })
}

/// Why an engine does not start, for a person.
pub fn not_started(error: EngineError, home: &Home) -> CliError {
    match error {
        EngineError::Taken { .. } => {
            let report = client::ask::<EngineReport>(home, &Request::Report {});
            let pid = report
                .and_then(Result::ok)
                .and_then(|r| r.engine)
                .map(|engine| format!(" (process {})", engine.pid));
            let message = format!("{error}{}", pid.unwrap_or_default());
            CliError::failed(message)
                .hint("one engine per home is enough; `dayfly status` shows what it does")
        }
        other => CliError::failed(other.to_string()),
    }
}

/// What calls that wait for each other run on: one thread, this one.
pub fn plain_runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| cannot_start(&e))
}

/// What an engine or a server runs on: so many threads beside this one; none: as many as the machine has.
pub fn threads(count: impl Into<Option<usize>>) -> Result<Runtime, CliError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(count) = count.into() {
        builder.worker_threads(count);
    }
    builder.enable_all().build().map_err(|e| cannot_start(&e))
}

fn cannot_start(error: &std::io::Error) -> CliError {
    CliError::failed(format!("cannot start: {error}"))
}

/// Has an engine in this process do one thing and end; none where another one works on this home, for
/// which it waits `patience`. What comes of it behind the answer may take as long as `quiet` says.
pub(crate) fn for_one_task<T>(
    home: &Home,
    vault: Vault,
    patience: Duration,
    quiet: Duration,
    work: impl AsyncFnOnce(&Handle) -> T,
) -> Result<Option<T>, CliError> {
    let runtime = threads(2)?;
    runtime.block_on(async {
        let options = options(home, Policies::GuardRails, false, patience, vault)?;
        let engine = match Engine::start(options).await {
            Ok(engine) => engine,
            Err(EngineError::Taken { .. }) => return Ok(None),
            Err(error) => return Err(not_started(error, home)),
        };
        let handle = engine.handle().clone();
        let outcome = work(&handle).await;
        let quiet = tokio::time::timeout(quiet, handle.quiet()).await;
        handle.halt().await;
        drop((handle, quiet));
        let ended = engine.ended().await;
        ended.map_err(|e| CliError::failed(e.to_string()))?;
        Ok(Some(outcome))
    })
}
