//! The threads that work for an engine.

use std::sync::Arc;
use std::thread::available_parallelism;

use dayfly_policy::{CodeCache, Host, HostConfig};
use dayfly_workspace::WorkspaceFile;
use tokio::sync::mpsc;

use super::opened::Opened;
use super::{EngineError, Options};
use crate::chain_worker::ChainWorker;
use crate::clock::WallClockTimer;
use crate::config::Config;
use crate::config_worker::ConfigWorker;
use crate::evaluators::Evaluators;
use crate::home::Home;
use crate::layer_worker::LayerWorker;
use crate::message::Message;
use crate::sign_ins::SignIns;
use crate::watching::{Secrets, Watching};
use crate::workspace_worker::WorkspaceWorker;

/// What works for an engine beside its own task.
pub(super) struct Workers {
    pub(super) alarm: WallClockTimer,
    pub(super) evaluators: Evaluators,
    /// None where no files are watched.
    pub(super) watching: Option<Watching>,
    pub(super) config: ConfigWorker,
    /// None where no files are watched.
    pub(super) layers: Option<LayerWorker>,
    pub(super) chain: ChainWorker,
    pub(super) workspace: WorkspaceWorker,
}

impl Workers {
    /// Starts them; sign-ins are followed beside.
    pub(super) fn start(
        options: Options,
        opened: &Opened,
        file: Arc<WorkspaceFile>,
        messages: &mpsc::Sender<Message>,
    ) -> Result<(Self, SignIns), EngineError> {
        let (home, config) = (&opened.home, &opened.config);
        let host = Host::new(HostConfig {
            cache: CodeCache::open(&home.code()).ok(),
            compiler: options.compiler,
            ..HostConfig::default()
        })?;
        let workspace = WorkspaceWorker::start(file, messages.clone())?;
        let config_worker = ConfigWorker::start(
            (home.config(), home.last_config()),
            options.witness,
            home.recording(),
            host,
            options.policies,
            options.watching,
            messages.clone(),
        )?;
        let watching = match options.watching {
            true => Some(Watching::start(messages.clone(), secrets(home, config))?),
            false => None,
        };
        let layers = match options.watching {
            true => Some(LayerWorker::start(
                home.folder().to_owned(),
                messages.clone(),
            )?),
            false => None,
        };
        let workers = Self {
            alarm: WallClockTimer::new()?,
            evaluators: Evaluators::start(evaluations(config), messages)?,
            watching,
            config: config_worker,
            layers,
            chain: ChainWorker::start(options.chain, messages.clone())?,
            workspace,
        };
        let sign_ins = SignIns::start(
            options.watching.then(|| messages.clone()),
            opened.troubles_told.clone(),
        )?;
        Ok((workers, sign_ins))
    }
}

/// How many policies work at the same time.
fn evaluations(config: &Config) -> usize {
    match config.engine.evaluations_in_flight {
        0 => available_parallelism().map_or(2, |n| n.get().min(16)),
        n => n.min(64),
    }
}

/// The files of which no policy is told anything.
fn secrets(home: &Home, config: &Config) -> Secrets {
    let folder = home.folder();
    let own = [
        home.state().to_owned(),
        home.vault(),
        home.vault_key(),
        home.wrapped_vault_key(),
        home.config(),
        home.workspace(),
        folder.join("dayfly.lock"),
        folder.join("policies"),
    ];
    Secrets::of_user(own.into_iter().chain(config.aws.credentials_file.clone()))
}
