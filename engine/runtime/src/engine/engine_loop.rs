//! The task that owns the state: takes messages one by one, has the core decide, and has the effects
//! carried out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use dayfly_core::effect::JournalEvent;
use dayfly_core::input::Input;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use dayfly_vault::private_file;
use dayfly_workspace::{Rejected, Watch, Workspace};
use tokio::sync::mpsc;

use super::callers::Callers;
use super::chain_changes::Deliveries;
use super::cloud_access::CloudAccess;
use super::long_lived::LongLived;
use super::policy_entries::PolicyEntries;
use super::records::Records;
use crate::chain_worker::ChainWorker;
use crate::clock::{self, Clocks, TimerEvent, WallClockTimer};
use crate::config::Config;
use crate::config_worker::ConfigWorker;
use crate::credential_cache::CredentialCache;
use crate::evaluators::Evaluators;
use crate::home::Home;
use crate::journal::Journal;
use crate::layer_worker::LayerWorker;
use crate::layers_seen::Standing;
use crate::message::Message;
use crate::persistent_state::PersistentState;
use crate::provider_calls::Issuing;
use crate::recording::Recording;
use crate::watching::Watching;
use crate::workspace_worker::WorkspaceWorker;

/// What to do where no configuration was known at the start.
pub(super) const MEND: &str = "fix dayfly.toml, then restart the engine";

/// The engine's task.
pub(super) struct EngineLoop {
    pub(super) home: Home,
    /// Names this run in the journal and the recording.
    pub(super) run: String,
    pub(super) started: Timestamp,
    pub(super) state: State,
    pub(super) alarm: WallClockTimer,
    pub(super) clocks: Clocks,
    pub(super) messages: mpsc::Sender<Message>,
    pub(super) config: Config,
    pub(super) workspace: Option<Arc<Workspace>>,
    pub(super) rejected: Option<Rejected>,
    /// Layers that are not as they were merged.
    pub(super) layers: BTreeMap<String, Standing>,
    pub(super) cloud: CloudAccess,
    pub(super) policies: PolicyEntries,
    pub(super) records: Records,
    pub(super) callers: Callers,
    /// Credentials that are in the chain.
    pub(super) held: Arc<CredentialCache>,
    pub(super) deliveries: Deliveries,
    /// Which long-lived keys are looked after.
    pub(super) keys: LongLived,
    /// Why nothing is started, renewed or published: no configuration was ever in force.
    pub(super) suspended: Option<String>,
    pub(super) halting: bool,
    // Workers, in the order in which they are to end; the lock is the last.
    pub(super) issuing: Issuing,
    pub(super) evaluators: Evaluators,
    pub(super) recording: Option<Recording>,
    pub(super) workspace_watch: Option<Watch>,
    pub(super) watching: Option<Watching>,
    pub(super) layer_worker: Option<LayerWorker>,
    pub(super) config_worker: ConfigWorker,
    pub(super) chain: ChainWorker,
    pub(super) workspace_worker: WorkspaceWorker,
    pub(super) memory: PersistentState,
    pub(super) journal: Journal,
    pub(super) _lock: private_file::Lock,
}

impl EngineLoop {
    pub(super) async fn run(&mut self, mut incoming: mpsc::Receiver<Message>) {
        loop {
            // Whatever is due by a clock that jumped is due because it jumped.
            if let Some(jump) = self.clocks.look() {
                self.enter(Input::Resumed {
                    slept_ms: jump.slept_ms,
                    set_ms: jump.set_ms,
                });
                self.flush();
            }
            let wake = self.state.next_wake();
            if wake.is_some_and(|at| at <= clock::now()) {
                self.enter(Input::Tick);
                self.flush();
                continue;
            }
            tokio::select! {
                biased;
                message = incoming.recv() => {
                    // This task holds a sender, so there is always a message.
                    let Some(message) = message else { break };
                    self.take(message);
                    // What waits already is taken at once; each step is still its own.
                    for _ in 0..64 {
                        let Ok(message) = incoming.try_recv() else { break };
                        self.take(message);
                    }
                }
                rang = self.alarm.until(wake) => self.rang(rang),
                () = due(self.callers.stops_go_at) => self.let_stops_go(),
                // Taken below.
                () = self.records.troubles_told.changed() => {}
            }
            self.flush();
            if self.halting {
                break;
            }
            self.answer_quiet();
        }
        self.part(&mut incoming).await;
    }

    pub(super) fn rang(&mut self, rang: std::io::Result<TimerEvent>) {
        match rang {
            Ok(TimerEvent::Due) => self.enter(Input::Tick),
            // By how much is found out before the next wait.
            Ok(TimerEvent::Jumped) => {}
            // Without a timer the engine would sleep through ends of credentials.
            Err(error) => {
                self.trouble("clock", Some((error.to_string(), None)));
                self.halting = true;
            }
        }
    }

    pub(super) fn take(&mut self, message: Message) {
        match message {
            Message::Looked(looked) => self.looked(looked),
            Message::WorkspaceIdle => {}
            Message::StatesTrouble(problem) => {
                let hint = "the statuses in the file are out of date; Dayfly tries again";
                let problem = problem.map(|p| (p, Some(hint.to_owned())));
                self.trouble("workspace-states", problem);
            }
            Message::Configured(configured) => self.configured(configured),
            Message::Evaluated {
                entry,
                evaluation,
                result,
            } => self.evaluated(entry, evaluation, result),
            Message::Issued { operation, result } => {
                self.issuing.ended(operation);
                let result = result.map(|credentials| {
                    let lease = credentials.lease;
                    self.deliveries.keep(operation, credentials);
                    lease
                });
                self.enter(Input::Issued { operation, result });
            }
            Message::KeyAnswered {
                call,
                session,
                result,
            } => self.enter(Input::KeyAnswered {
                call,
                session,
                result,
            }),
            Message::Delivered {
                purpose,
                result,
                left,
            } => self.delivered(purpose, result, left),
            Message::PlaceChecked { place, check } => self.place_checked(place, check),
            Message::Answered(what) => self.enter(Input::Attended(what)),
            Message::SignIns(stand) => self.enter(Input::SignIns(stand)),
            Message::Used(session) => self.enter(Input::Used { session }),
            Message::TurnedAway {
                endpoint,
                why,
                count,
            } => {
                self.note(JournalEvent::TurnedAway {
                    endpoint,
                    why,
                    count,
                });
            }
            Message::Watched { seen, to } => self.enter(Input::Watched { seen, to }),
            Message::Layers(seen) => self.layers_seen(seen),
            Message::Trouble { about, message } => {
                self.trouble(&about, message.map(|m| (m, None)));
            }
            Message::Ask(ask) => self.ask(ask),
        }
    }

    /// One step and all that comes of it at once.
    pub(super) fn enter(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in step(&mut self.state, clock::now(), input) {
                inputs.extend(self.perform(effect));
            }
        }
    }

    /// Records something that the core does not know of.
    pub(super) fn note(&mut self, what: JournalEvent) {
        self.records.note(what);
    }

    pub(super) fn trouble(&mut self, about: &str, problem: Option<(String, Option<String>)>) {
        self.records.trouble(about, problem);
    }

    /// Hands what was recorded to the journal and to who listens.
    pub(super) fn flush(&mut self) {
        let recorded = self.records.take();
        if !recorded.is_empty() {
            self.journal.write(recorded);
        }
    }
}

/// Waits for a moment; for ever where there is none.
async fn due(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
