//! How an engine starts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use dayfly_chain::{Chain, ChainError, FoundAll};
use dayfly_core::delivery::Place;
use dayfly_core::effect::JournalEntry;
use dayfly_core::input::{Input, RecoveredCredentials};
use dayfly_core::placement::{ChangedPlace, PublicationPlace};
use dayfly_core::session::SessionId;
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_providers::azure::AzureTokens;
use dayfly_workspace::{Backend, WorkspaceFile};
use tokio::sync::{broadcast, mpsc, watch};

use super::callers::Callers;
use super::chain_changes::Deliveries;
use super::cloud_access::CloudAccess;
use super::engine_loop::{EngineLoop, MEND};
use super::long_lived::LongLived;
use super::opened::Opened;
use super::policy_entries::PolicyEntries;
use super::records::Records;
use super::sources::{limiter, providers};
use super::workers::Workers;
use super::{EngineError, Options};
use crate::azure::AzureInForce;
use crate::chain_worker::KEPT;
use crate::clock::{self, Clocks};
use crate::config::{Config, RecordingSettings};
use crate::configured::Policies;
use crate::credential_cache::CredentialCache;
use crate::destinations;
use crate::home::Home;
use crate::input_brokers::InputBrokers;
use crate::message::Message;
use crate::provider_calls::Issuing;
use crate::recording::Recording;
use crate::rolling_files::Keep;
use crate::workspace_worker::WorkspaceReloaded;

/// What troubles of the recording are about.
const RECORDING: &str = "recording";

impl EngineLoop {
    /// Everything that may wait for a disk, before the task begins.
    pub(super) fn boot(
        options: Options,
        messages: mpsc::Sender<Message>,
        notes: broadcast::Sender<Arc<JournalEntry>>,
        held: Arc<CredentialCache>,
        input_brokers: InputBrokers,
        (azure, azure_in_force): (Arc<AzureTokens>, Arc<AzureInForce>),
    ) -> Result<Self, EngineError> {
        let mut opened = Opened::of(&options)?;
        input_brokers.configure(&opened.config);
        held.set_default_region(opened.config.aws.default_region.clone());
        azure_in_force.set(opened.config.azure.clone());
        let found = options.chain.observe();
        let left = match opened.suspended {
            Some(_) => Vec::new(),
            None => options.chain.leave(),
        };
        let destinations = Self::destinations(&options.home, &options.chain, &left);
        let files = options.chain.targets();
        let files = files.map(|t| (t.place(), t.path().to_owned())).collect();
        let keys = Arc::clone(&options.keys);
        let looked_after = options.policies == Policies::All;
        let file = Arc::new(WorkspaceFile::at(&options.home.workspace()));
        let forgot = opened.forgot.take();
        let (workers, sign_ins) = Workers::start(options, &opened, Arc::clone(&file), &messages)?;
        let limiter = limiter(&opened.config);
        let cloud = CloudAccess {
            providers: providers(
                &opened.config,
                None,
                &keys,
                &input_brokers,
                &azure,
                &limiter,
            )
            .0,
            limiter,
            azure,
            azure_in_force,
            sign_ins,
            keys,
            input_brokers,
            imds: watch::channel(opened.config.imds.clone()).0,
        };
        let records = Records::new(notes, opened.troubles_told.clone());
        let deliveries = Deliveries::new(files);
        let mut this = Self::of(opened, workers, cloud, deliveries, messages, records, held);
        this.keys.looked_after = looked_after;
        this.find_interrupted_rotations();
        if let Some(problem) = forgot {
            let hint = "Dayfly no longer knows which sessions you started or stopped yourself; run \
                        those commands again";
            this.trouble("state", Some((problem, Some(hint.into()))));
        }
        this.tell_start(left, destinations);
        if this.watching.is_some() {
            this.watch_workspace();
        }
        this.begin(found, &file);
        Ok(this)
    }

    /// An engine that knows of no session yet.
    fn of(
        opened: Opened,
        workers: Workers,
        cloud: CloudAccess,
        deliveries: Deliveries,
        messages: mpsc::Sender<Message>,
        records: Records,
        held: Arc<CredentialCache>,
    ) -> Self {
        let settings = Settings {
            announces: workers.watching.is_some(),
            ..opened.config.settings()
        };
        Self {
            started: clock::now(),
            run: opened.run,
            state: State::new(settings, uuid::Uuid::new_v4().as_u64_pair().0),
            alarm: workers.alarm,
            clocks: Clocks::now(),
            evaluators: workers.evaluators,
            recording: None,
            chain: workers.chain,
            cloud,
            config: Config {
                // Begun when the entries are there.
                recording: RecordingSettings::default(),
                ..opened.config
            },
            messages,
            records,
            callers: Callers::default(),
            policies: PolicyEntries::default(),
            workspace: None,
            rejected: None,
            held,
            deliveries,
            keys: LongLived::default(),
            suspended: opened.suspended,
            halting: false,
            issuing: Issuing::default(),
            workspace_watch: None,
            watching: workers.watching,
            config_worker: workers.config,
            layer_worker: workers.layers,
            layers: BTreeMap::new(),
            workspace_worker: workers.workspace,
            memory: opened.memory,
            journal: opened.journal,
            home: opened.home,
            _lock: opened.lock,
        }
    }

    /// Tells the core what is there, before anybody can ask.
    fn begin(&mut self, mut found: FoundAll, file: &WorkspaceFile) {
        let outdated = std::mem::take(&mut found.outdated);
        let (found, without_credentials) = self.find(found);
        let words = self.memory.words();
        self.enter(Input::Boot { found, words });
        for session in without_credentials {
            self.enter(Input::FoundLeftover { session });
        }
        for (session, place) in outdated {
            let place = PublicationPlace::At(place);
            self.enter(Input::PlaceChanged(ChangedPlace {
                place,
                file: self.deliveries.file(place),
                file_is_gone: false,
                lost: Vec::new(),
                strange: vec![session],
            }));
        }
        self.look_now(file);
        let found: Vec<_> = self.state.deliveries().map(|(id, _)| id.clone()).collect();
        for session in found {
            self.watch_places(&session);
        }
        self.config_worker.read();
        self.flush();
    }

    /// Records the files that credentials go into, and those that some are left in.
    fn destinations(
        home: &Home,
        chain: &Chain,
        left: &[(Place, PathBuf, ChainError)],
    ) -> Result<(), String> {
        let path = home.destinations();
        let now = chain.targets().map(|t| (t.place(), t.path().to_owned()));
        let before = match chain.refuses() {
            Some(_) => destinations::recorded(&path)?,
            None => left
                .iter()
                .map(|(place, file, _)| (*place, file.clone()))
                .collect(),
        };
        destinations::record(&path, now.chain(before))
    }

    /// Tells what the start could not do.
    fn tell_start(
        &mut self,
        left: Vec<(Place, PathBuf, ChainError)>,
        recorded: Result<(), String>,
    ) {
        if let Some(why) = self.suspended.clone() {
            let message = format!(
                "{why}; Dayfly knows no earlier configuration, so it starts, renews and publishes \
                 nothing"
            );
            self.trouble("suspended", Some((message, Some(MEND.into()))));
        }
        for (place, file, error) in left {
            let message = format!(
                "Dayfly could not remove credentials from {}: {error}",
                file.display()
            );
            let hint = error.hint();
            self.trouble(&format!("former {place}"), Some((message, hint)));
        }
        if let Err(problem) = recorded {
            let message = format!("Dayfly cannot record where it publishes credentials: {problem}");
            self.trouble("destinations", Some((message, None)));
        }
    }

    /// Takes what the chain holds for what is in force; and which sessions have a place there and no
    /// credentials.
    fn find(&mut self, all: FoundAll) -> (Vec<RecoveredCredentials>, Vec<SessionId>) {
        for (place, error) in all.problems {
            let hint = error.hint();
            self.trouble(place.as_str(), Some((error.to_string(), hint)));
        }
        if let Some(error) = all.unread {
            let hint = "sessions that are published in no file count as stopped; Dayfly starts \
                        them again when a program asks for them";
            self.trouble(KEPT, Some((error.to_string(), Some(hint.to_owned()))));
        }
        let mut found = Vec::new();
        for (session, one) in all.sessions {
            found.push(RecoveredCredentials {
                session: session.clone(),
                profile: one.profile,
                lease: one.credentials.lease,
                in_force: one.in_force,
            });
            self.held.put(session, Arc::new(one.credentials));
        }
        (found, all.without_credentials)
    }

    /// Begins to record evaluations, or ends it, as the configuration says.
    pub(super) fn record(&mut self, settings: RecordingSettings) {
        if settings == self.config.recording {
            return;
        }
        // The thread of the one before ends once the last question that knows it is answered.
        if let Some(before) = self.recording.take() {
            std::thread::spawn(move || drop(before));
        }
        self.trouble(RECORDING, None);
        if !settings.enabled {
            return;
        }
        let keep = Keep::new(settings.megabytes, settings.days);
        let tell = self.records.troubles_told.about(RECORDING);
        match Recording::start(self.home.recording(), &self.run, keep, tell) {
            Ok(recording) => self.recording = Some(recording),
            Err(error) => {
                let message = format!("Dayfly cannot record evaluations: {error}");
                self.trouble(RECORDING, Some((message, None)));
            }
        }
    }

    fn watch_workspace(&mut self) {
        let nudge = self.workspace_worker.nudge();
        match dayfly_workspace::watch(&self.home.workspace(), move || nudge.nudge()) {
            Ok(watch) => {
                if let Backend::Polling { reason } = watch.backend() {
                    let message =
                        format!("Dayfly checks the Workspace file every two seconds: {reason}");
                    self.trouble("workspace-watch", Some((message, None)));
                }
                self.workspace_watch = Some(watch);
            }
            Err(error) => {
                let hint = "Dayfly notices edits only when you run a command; restart the engine";
                self.trouble(
                    "workspace-watch",
                    Some((error.to_string(), Some(hint.into()))),
                );
            }
        }
    }

    fn look_now(&mut self, file: &WorkspaceFile) {
        let looked = match file.load() {
            Ok(dayfly_workspace::Loaded::Changed {
                workspace,
                difference,
            }) => (Some((workspace, difference)), None),
            Ok(dayfly_workspace::Loaded::Unchanged) => (None, None),
            Err(rejected) => (None, Some(rejected)),
        };
        self.looked(WorkspaceReloaded {
            change: looked.0,
            rejected: looked.1,
            tickets: Vec::new(),
        });
    }
}
