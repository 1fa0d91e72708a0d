//! The engine: one task that owns the state.
//!
//! Every input comes through one queue of messages, `step` decides, and workers carry the
//! effects out. The task itself never waits for a disk, a cloud or a guest.

mod boot;
mod callers;
mod chain_changes;
mod cloud_access;
mod configuration;
mod deferred_orders;
mod delivery;
mod engine_loop;
mod evaluations;
mod keys;
mod layers;
mod long_lived;
mod opened;
mod orders;
mod perform;
mod policy_entries;
mod records;
mod reporting;
mod shutdown;
mod sources;
mod watched;
mod workers;
mod workspace_changes;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_chain::Chain;
use dayfly_core::effect::JournalEntry;
use dayfly_policy::Compiler;
use dayfly_providers::LongLivedKeys;
use dayfly_providers::azure::AzureSecrets;
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use self::engine_loop::EngineLoop;
pub use self::sources::{login_settings, sso_integration, sso_settings};
use crate::config::Imds;
pub use crate::configured::Policies;
use crate::credential_cache::CredentialCache;
use crate::handle::Handle;
use crate::home::Home;
use crate::input_brokers::InputBrokers;

/// Messages that wait for the engine; senders wait beyond that.
const MESSAGES: usize = 1_024;
/// Lines that a slow listener may be behind.
const NOTES: usize = 8_192;

/// How an engine is to work.
pub struct Options {
    /// Where everything lies.
    pub home: Home,
    /// Where credentials are put for programs.
    pub chain: Chain,
    /// Long-lived keys.
    pub keys: Arc<dyn LongLivedKeys>,
    /// The long-lived secrets of Azure integrations.
    pub azure_secrets: Arc<dyn AzureSecrets>,
    /// What was seen of the lock file and of the vault; none: nothing is compared with it.
    pub witness: Option<crate::seen::Witness>,
    /// Which policy entries are in force.
    pub policies: Policies,
    /// Where policies are compiled.
    pub compiler: Compiler,
    /// Whether files are watched.
    pub watching: bool,
    /// How long to wait for another engine on this home to end.
    pub patience: Duration,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("home", &self.home)
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}

/// Why an engine does not start.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Another one works on this home.
    #[error("another engine is running on {}", home.display())]
    Taken {
        /// The home.
        home: PathBuf,
    },
    /// The folder for what the engine keeps cannot be used.
    #[error("cannot use {}: {problem}", path.display())]
    State {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The operating system refuses something.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// WebAssembly does not run here.
    #[error(transparent)]
    Host(#[from] dayfly_policy::host::HostError),
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    handle: Handle,
    notes: Option<broadcast::Receiver<Arc<JournalEntry>>>,
    imds: watch::Receiver<Option<Imds>>,
    task: JoinHandle<()>,
}

impl Engine {
    /// Starts an engine. What the chain holds is taken as the truth; the Workspace is read before
    /// this returns, the policies come in force soon after.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn start(options: Options) -> Result<Self, EngineError> {
        let (messages, incoming) = mpsc::channel(MESSAGES);
        let (notes, listener) = broadcast::channel(NOTES);
        let held = Arc::new(CredentialCache::default());
        let input_brokers = InputBrokers::new(&options.keys, &messages);
        let secrets = Arc::clone(&options.azure_secrets);
        let azure = crate::azure::tokens(&held, options.home.folder(), secrets);
        let handle = Handle {
            input_brokers: input_brokers.clone(),
            credential_cache: Arc::clone(&held),
            azure: Arc::clone(&azure.0),
            messages: messages.clone(),
            notes: notes.clone(),
        };
        let runtime = tokio::runtime::Handle::current();
        let booting = tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            EngineLoop::boot(options, messages, notes, held, input_brokers, azure)
        });
        let mut running = booting.await.map_err(std::io::Error::other)??;
        let imds = running.cloud.imds.subscribe();
        let task = tokio::spawn(async move {
            running.run(incoming).await;
            // Its workers are waited for.
            let _ = tokio::task::spawn_blocking(move || drop(running)).await;
        });
        Ok(Self {
            handle,
            notes: Some(listener),
            imds,
            task,
        })
    }

    /// Everything that is recorded from the start on; once. A reader that is too slow misses
    /// lines.
    pub fn listen(&mut self) -> Option<broadcast::Receiver<Arc<JournalEntry>>> {
        self.notes.take()
    }

    /// The metadata endpoint that is configured, now and whenever that changes.
    #[must_use]
    pub fn imds(&self) -> watch::Receiver<Option<Imds>> {
        self.imds.clone()
    }

    /// Talks to it.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until the engine has stopped, and everything that it had begun is on the disk.
    ///
    /// # Errors
    /// It did not stop by itself but broke.
    pub async fn ended(self) -> Result<(), EngineError> {
        drop((self.handle, self.notes));
        self.task
            .await
            .map_err(|e| EngineError::System(std::io::Error::other(e)))
    }
}
