//! What an engine opens for itself alone before anything works.

use std::time::Duration;

use dayfly_chain::Chain;
use dayfly_vault::private_file;

use super::{EngineError, Options};
use crate::active_problems::ActiveProblems;
use crate::config::Config;
use crate::home::Home;
use crate::journal::Journal;
use crate::persistent_state::PersistentState;
use crate::rolling_files::Keep;

/// A home that no other engine works on, and what it keeps.
pub(super) struct Opened {
    pub(super) home: Home,
    /// Names this run in the journal and the recording.
    pub(super) run: String,
    pub(super) config: Config,
    /// Why nothing is started, renewed or published, where that is so.
    pub(super) suspended: Option<String>,
    pub(super) troubles_told: ActiveProblems,
    pub(super) memory: PersistentState,
    /// Why it is not known what sessions a person started or stopped, where that is so.
    pub(super) forgot: Option<String>,
    pub(super) journal: Journal,
    pub(super) lock: private_file::Lock,
}

impl Opened {
    pub(super) fn of(options: &Options) -> Result<Self, EngineError> {
        let home = &options.home;
        let lock = take_lock(home, options.patience)?;
        let (config, suspended) = known_config(home, &options.chain);
        let mut run = uuid::Uuid::new_v4().simple().to_string();
        run.truncate(12);
        let troubles_told = ActiveProblems::default();
        let keep = Keep::new(config.engine.journal_megabytes, config.engine.journal_days);
        let told = troubles_told.about("journal");
        let journal = Journal::open(home.journal(), &run, keep, told)?;
        let tell = troubles_told.about("state");
        let (memory, forgot) = PersistentState::open(home, tell)?;
        Ok(Self {
            home: home.clone(),
            run,
            config,
            suspended,
            troubles_told,
            memory,
            forgot,
            journal,
            lock,
        })
    }
}

/// The configuration that is known, and why nothing is started, renewed or published, where that is so.
fn known_config(home: &Home, chain: &Chain) -> (Config, Option<String>) {
    let (config, suspended) = match Config::at_start(home) {
        Ok(known) => (known.config, None),
        // There never was one: what it says of clouds and files is not known.
        Err(error) => (Config::default(), Some(error.to_string())),
    };
    let refused = chain.refuses().map(str::to_owned);
    (config, suspended.or(refused))
}

fn take_lock(home: &Home, patience: Duration) -> Result<private_file::Lock, EngineError> {
    use dayfly_vault::private_file::PrivateFileError;
    private_file::create_folder(home.state())
        .and_then(|()| private_file::lock(&home.lock(), patience))
        .map_err(|error| match error {
            PrivateFileError::Locked { .. } => EngineError::Taken {
                home: home.folder().to_owned(),
            },
            other => EngineError::State {
                path: home.state().to_owned(),
                problem: other.with_cause(),
            },
        })
}
