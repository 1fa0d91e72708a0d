//! The engine: one task that owns the state.
//!
//! Every input comes through one queue of messages, `step` decides, and workers carry the
//! effects out. The task itself never waits for a disk, a cloud or a guest.

mod boot;
mod deferred_orders;
mod delivery;
mod perform;
mod reporting;
mod shutdown;
mod sources;
mod watched;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_chain::Chain;
use dayfly_core::effect::{Cause, JournalEntry, JournalEvent};
use dayfly_core::input::{CommandId, Input, Order, UserInput};
use dayfly_core::policy::{EntryName, EvaluationId, Fault, Severity, Verdict};
use dayfly_core::session::SessionId;
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use dayfly_policy::{Compiler, Evaluated, Failed, StateSnapshot, StateWrite};
use dayfly_providers::azure::{AzureSecrets, AzureTokens};
use dayfly_providers::{Limiter, LongLivedKeys, Providers};
use dayfly_vault::private_file;
use dayfly_workspace::{Rejected, Watch, Workspace};
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::delivery::Deliveries;
pub use self::sources::{sso_integration, sso_settings};
use crate::active_problems::ActiveProblems;
use crate::azure::AzureInForce;
use crate::chain_worker::ChainWorker;
use crate::clock::{self, Clocks, TimerEvent, WallClockTimer};
use crate::config::{Aws, Config, Imds};
use crate::config_worker::{ConfigWorker, Configured};
use crate::credential_cache::CredentialCache;
use crate::entries::Prepared;
use crate::evaluators::Evaluators;
use crate::handle::Handle;
use crate::home::Home;
use crate::input_brokers::InputBrokers;
use crate::journal::Journal;
use crate::message::{Ask, Message, OrderError, Ordered};
use crate::persistent_state::PersistentState;
use crate::provider_calls::Issuing;
use crate::recording::Recording;
use crate::report::{ProblemReport, StandingReport};
use crate::sign_ins::SignIns;
use crate::watching::Watching;
use crate::workspace_worker::{self, WorkspaceReloaded, WorkspaceWorker};

pub use crate::configured::Policies;

/// Messages that wait for the engine; senders wait beyond that.
const MESSAGES: usize = 1_024;
/// What to do where no configuration was known at the start.
const MEND: &str = "mend dayfly.toml, then restart Dayfly";
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
    #[error("another Dayfly works on {}", home.display())]
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
        let desks = InputBrokers::new(&options.keys, &messages);
        let secrets = Arc::clone(&options.azure_secrets);
        let azure = crate::azure::tokens(&held, options.home.folder(), secrets);
        let handle = Handle {
            input_brokers: desks.clone(),
            credential_cache: Arc::clone(&held),
            azure: Arc::clone(&azure.0),
            messages: messages.clone(),
            notes: notes.clone(),
        };
        let runtime = tokio::runtime::Handle::current();
        let booting = tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            EngineLoop::boot(options, messages, notes, held, desks, azure)
        });
        let mut running = booting.await.map_err(std::io::Error::other)??;
        let imds = running.imds.subscribe();
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

/// A policy entry in force.
#[derive(Debug)]
struct InForce {
    prepared: Prepared,
    state: StateSnapshot,
}

struct EngineLoop {
    home: Home,
    /// Names this run in the journal and the recording.
    run: String,
    started: Timestamp,
    state: State,
    alarm: WallClockTimer,
    clocks: Clocks,
    messages: mpsc::Sender<Message>,
    notes: broadcast::Sender<Arc<JournalEntry>>,
    recorded: Vec<JournalEntry>,
    /// What the policy wrote with the answer that the core looks at just now.
    uncommitted: Option<(EvaluationId, Vec<StateWrite>)>,
    /// Whether policies were asked that the engine is about to stop.
    awaits_policies: bool,
    config: Config,
    imds: watch::Sender<Option<Imds>>,
    keys: Arc<dyn LongLivedKeys>,
    desks: InputBrokers,
    azure: Arc<AzureTokens>,
    azure_in_force: Arc<AzureInForce>,
    /// How much clouds were called; outlives the providers.
    limiter: Limiter,
    providers: Arc<Providers>,
    sign_ins: SignIns,
    workspace: Option<Arc<Workspace>>,
    rejected: Option<Rejected>,
    entries: BTreeMap<EntryName, InForce>,
    troubles: BTreeMap<String, (String, Option<String>)>,
    /// What workers tell of theirs.
    troubles_told: ActiveProblems,
    /// Credentials that are in the chain.
    held: Arc<CredentialCache>,
    deliveries: Deliveries,
    evaluating: usize,
    commands: BTreeMap<CommandId, (SessionId, Answer)>,
    next_command: u64,
    /// Orders that wait until the Workspace file was looked at.
    tickets: BTreeMap<u64, (String, Order, Answer)>,
    quiet: Vec<oneshot::Sender<()>>,
    /// What was asked before the policies were in force.
    early: Vec<Ask>,
    /// When a stop among that waits no longer.
    stops_go_at: Option<tokio::time::Instant>,
    configured: bool,
    /// Why nothing is started, renewed or published: no configuration was ever in force.
    suspended: Option<String>,
    halting: bool,
    // Workers, in the order in which they are to end; the lock is the last.
    issuing: Issuing,
    evaluators: Evaluators,
    recording: Option<Recording>,
    workspace_watch: Option<Watch>,
    watching: Option<Watching>,
    config_worker: ConfigWorker,
    chain: ChainWorker,
    workspace_worker: WorkspaceWorker,
    memory: PersistentState,
    journal: Journal,
    _lock: private_file::Lock,
}

type Answer = oneshot::Sender<Result<Ordered, OrderError>>;

impl EngineLoop {
    async fn run(&mut self, mut incoming: mpsc::Receiver<Message>) {
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
                () = due(self.stops_go_at) => self.let_stops_go(),
                // Taken below.
                () = self.troubles_told.changed() => {}
            }
            self.flush();
            if self.halting {
                break;
            }
            self.answer_quiet();
        }
        self.part(&mut incoming).await;
    }

    fn rang(&mut self, rang: std::io::Result<TimerEvent>) {
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

    fn take(&mut self, message: Message) {
        match message {
            Message::Looked(looked) => self.looked(looked),
            Message::WorkspaceIdle => {}
            Message::StatesTrouble(problem) => {
                let hint = "the states in the file are behind; Dayfly goes on and tries again";
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
            Message::Delivered {
                purpose,
                result,
                left,
            } => self.delivered(purpose, result, left),
            Message::PlaceChecked { place, check } => self.place_checked(place, check),
            Message::Answered(what) => self.enter(Input::Attended(what)),
            Message::SignIns(stand) => self.enter(Input::SignIns(stand)),
            Message::Used(session) => self.enter(Input::Used { session }),
            Message::TurnedAway { door, why, count } => {
                self.note(JournalEvent::TurnedAway { door, why, count });
            }
            Message::Watched { seen, to } => self.enter(Input::Watched { seen, to }),
            Message::Trouble { about, message } => {
                self.trouble(&about, message.map(|m| (m, None)));
            }
            Message::Ask(ask) => self.ask(ask),
        }
    }

    fn looked(&mut self, looked: WorkspaceReloaded) {
        if let Some((workspace, change)) = looked.change {
            let of = |w: &Workspace| {
                let region = w.default_region().map(str::to_owned);
                (region, w.aws_sso_integrations().to_vec())
            };
            let before = self.workspace.as_deref().map(of);
            let said = self.workspace.as_ref().is_none_or(|w| w.says_delivery());
            let realign = said || workspace.says_delivery();
            let after = Some(of(&workspace));
            self.tell_problems(&workspace);
            self.held.set_workspace(Arc::clone(&workspace));
            self.desks.locate(&workspace);
            self.workspace = Some(workspace);
            if before != after {
                self.provide();
            }
            self.enter(Input::Workspace(change));
            if realign {
                self.tell_wanted_deliveries();
            }
        }
        self.rejected = looked.rejected;
        let problem = self.rejected.as_ref().map(|rejected| {
            let first = rejected.problems.first();
            let message = first.map(|p| ProblemReport::of_workspace(p).message);
            let hint = if self.workspace.is_some() {
                "mend the file; until then its last good version stays in force"
            } else {
                "mend the file; until then no session is touched"
            };
            (message.unwrap_or_default(), Some(hint.to_owned()))
        });
        self.trouble("workspace", problem);
        for ticket in looked.tickets {
            if let Some((asked, order, answer)) = self.tickets.remove(&ticket) {
                self.order(&asked, order, answer);
            }
        }
    }

    /// Tells what is wrong with single sessions, once; a report has all of it.
    fn tell_problems(&mut self, workspace: &Workspace) {
        let known = self
            .workspace
            .as_deref()
            .map_or(&[][..], Workspace::problems);
        let new = workspace.problems().iter().filter(|p| !known.contains(p));
        let new: Vec<ProblemReport> = new.map(ProblemReport::of_workspace).collect();
        for problem in new {
            self.note(JournalEvent::Trouble {
                about: problem.about,
                message: problem.message,
                hint: problem.hint,
            });
        }
    }

    fn order(&mut self, asked: &str, order: Order, answer: Answer) {
        let Some(workspace) = &self.workspace else {
            let problems = workspace_worker::problems(None, self.rejected.as_ref());
            let _ = answer.send(Err(OrderError::NoWorkspace(problems)));
            return;
        };
        let session = match workspace.resolve(asked) {
            Ok(entry) => entry.session.id.clone(),
            Err(error) => {
                let _ = answer.send(Err(error.into()));
                return;
            }
        };
        self.command(session, order, answer);
    }

    /// Gives an order to the core.
    fn command(&mut self, session: SessionId, order: Order, answer: Answer) {
        if matches!(order, Order::Do { .. }) {
            self.desks.mfa.wanted(&session);
        }
        self.next_command += 1;
        let id = CommandId(self.next_command);
        self.commands.insert(id, (session.clone(), answer));
        self.enter(Input::Command { id, session, order });
    }

    fn configured(&mut self, configured: Configured) {
        self.configured = true;
        let mut about: Vec<String> = self
            .troubles
            .keys()
            .filter(|about| about.starts_with("policy "))
            .cloned()
            .collect();
        match configured.config {
            Ok(config) => {
                self.trouble("config", None);
                let files = |aws: &Aws| (aws.credentials_file.clone(), aws.config_file.clone());
                let (before, after) = (files(&self.config.aws), files(&config.aws));
                let problem = (after != before).then(|| {
                    let message = "credentials-file or config-file of [aws] changed".to_owned();
                    (message, Some("restart Dayfly to apply it".to_owned()))
                });
                self.trouble("shared-files-setting", problem);
                self.imds.send_if_modified(|imds| {
                    let other = *imds != config.imds;
                    imds.clone_from(&config.imds);
                    other
                });
                let anew = config.aws != self.config.aws;
                self.azure_in_force.set(config.azure.clone());
                let calls = config.engine.calls_in_flight;
                self.limiter.set(config.providers.limits(), calls);
                self.enter(Input::Settings(Settings {
                    announces: self.state.settings.announces,
                    ..config.settings()
                }));
                self.desks.configure(&config);
                self.record(config.recording);
                self.config = config;
                (
                    self.config.aws.credentials_file,
                    self.config.aws.config_file,
                ) = before;
                let region = self.config.aws.default_region.clone();
                self.held.set_default_region(region);
                if anew {
                    self.provide();
                }
                self.tell_wanted_deliveries();
            }
            Err(error) => {
                let mut error = error;
                let hint = error.hint.take();
                let hint = hint.unwrap_or_else(|| {
                    if configured.known {
                        "mend the file; until then its last good version stays in force".into()
                    } else {
                        "mend the file, then restart Dayfly; until then nothing is started or renewed, \
                         as there may be guard rails in it"
                            .into()
                    }
                });
                self.trouble("config", Some((error.to_string(), Some(hint))));
            }
        }
        for mut problem in configured.problems {
            let name = format!("policy {}", problem.entry);
            about.retain(|a| *a != name);
            let hint = problem.hint.take();
            self.trouble(&name, Some((problem.to_string(), hint)));
        }
        for mended in about {
            self.trouble(&mended, None);
        }
        let mut entries = BTreeMap::new();
        let mut fresh = BTreeSet::new();
        for prepared in configured.entries {
            let name = prepared.entry.name.clone();
            let known = self.entries.remove(&name);
            if known.as_ref().map(|k| &k.prepared.entry) != Some(&prepared.entry) {
                fresh.insert(name.clone());
            }
            let state = match known {
                Some(known) => known.state,
                None => {
                    let (state, problem) = self.memory.state(&name);
                    if let Some(problem) = problem {
                        let hint = "the policy begins with nothing remembered".to_owned();
                        self.trouble(&format!("state of {name}"), Some((problem, Some(hint))));
                    }
                    state
                }
            };
            entries.insert(name, InForce { prepared, state });
        }
        self.entries = entries;
        let all = self.entries.values().map(|e| e.prepared.entry.clone());
        let all = all.chain(configured.closed).collect();
        self.enter(Input::Policies(all));
        self.watch_files(&fresh);
        self.stops_go_at = None;
        for ask in std::mem::take(&mut self.early) {
            self.ask(ask);
        }
    }

    /// An order is carried out once the Workspace file was looked at.
    fn take_order(&mut self, asked: String, order: Order, answer: Answer) {
        self.next_command += 1;
        let ticket = self.next_command;
        self.tickets.insert(ticket, (asked, order, answer));
        self.workspace_worker.look(ticket);
    }

    fn evaluated(
        &mut self,
        entry: EntryName,
        evaluation: EvaluationId,
        result: Result<Evaluated, Failed>,
    ) {
        self.evaluating = self.evaluating.saturating_sub(1);
        let (log, writes, result): (_, _, Result<Verdict, Fault>) = match result {
            Ok(evaluated) => (evaluated.log, evaluated.state_writes, Ok(evaluated.verdict)),
            Err(failed) => (failed.log, Vec::new(), Err(failed.fault)),
        };
        for line in log.lines {
            self.note(JournalEvent::Said {
                entry: entry.clone(),
                severity: line.severity,
                text: line.message,
            });
        }
        if log.dropped > 0 {
            self.note(JournalEvent::Said {
                entry: entry.clone(),
                severity: Severity::Warning,
                text: format!("({} more lines were dropped)", log.dropped),
            });
        }
        self.uncommitted = Some((evaluation, writes));
        self.enter(Input::Evaluated {
            entry,
            evaluation,
            result,
        });
        self.uncommitted = None;
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            // Guard rails have to be in force before anything is done, and rules before they hear of
            // anything.
            Ask::Order { .. } | Ask::Emit { .. } | Ask::Enable { .. } if !self.configured => {
                self.keep_early(ask);
            }
            Ask::Order {
                asked,
                order,
                answer,
            } => self.take_order(asked, order, answer),
            Ask::Report(answer) => {
                let _ = answer.send(self.report());
            }
            Ask::Standing { session, answer } => {
                let stands = self.state.proposals_for(&session, clock::now());
                let _ = answer.send(stands.iter().map(StandingReport::from).collect());
            }
            Ask::Enable { entry, answer } => {
                let name = EntryName::new(&entry);
                let known = self.entries.contains_key(&name);
                if known {
                    self.enter(Input::Enable(name));
                }
                let _ = answer.send(known);
            }
            Ask::Emit { name, data, answer } => {
                self.enter(Input::Custom { name, data });
                let _ = answer.send(());
            }
            Ask::Attended { what, answer } => {
                if let UserInput::SignIn(id) = &what {
                    // Somebody else may have signed in.
                    self.azure.drop_held(id);
                }
                self.enter(Input::Attended(what));
                let _ = answer.send(());
            }
            Ask::Quiet(answer) => self.quiet.push(answer),
            Ask::Halt => self.halting = true,
        }
    }

    fn is_quiet(&self) -> bool {
        self.configured
            && self.evaluating == 0
            && self.state.queue().next().is_none()
            && self.issuing.is_empty()
            && self.deliveries.is_idle()
            && self.state.aligning().next().is_none()
            && self.tickets.is_empty()
            && self.workspace_worker.is_idle()
            && self.config_worker.is_idle()
            && self.watching.as_ref().is_none_or(Watching::is_idle)
    }

    fn answer_quiet(&mut self) {
        if !self.quiet.is_empty() && self.is_quiet() {
            for answer in self.quiet.drain(..) {
                let _ = answer.send(());
            }
        }
    }

    /// One step and all that comes of it at once.
    fn enter(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in step(&mut self.state, clock::now(), input) {
                inputs.extend(self.perform(effect));
            }
        }
    }

    /// What the policy wrote with the answer that has just come is what its entry remembers.
    fn commit(&mut self, entry: &EntryName, evaluation: EvaluationId) {
        let written = self.uncommitted.take_if(|(of, _)| *of == evaluation);
        let Some((_, writes)) = written.filter(|(_, writes)| !writes.is_empty()) else {
            return;
        };
        if let Some(in_force) = self.entries.get_mut(entry) {
            in_force.state.apply(writes);
            self.memory.keep_state(entry, &in_force.state);
        }
    }

    /// What entries remember of a session goes with it.
    fn forget(&mut self, session: &SessionId) {
        for (name, in_force) in &mut self.entries {
            let before = in_force.state.bytes();
            in_force.state.forget(session);
            if in_force.state.bytes() != before {
                self.memory.keep_state(name, &in_force.state);
            }
        }
    }

    /// Records something that the core does not know of.
    fn note(&mut self, what: JournalEvent) {
        self.recorded.push(JournalEntry {
            at: clock::now(),
            cause: Cause::default(),
            what,
        });
    }

    fn trouble(&mut self, about: &str, problem: Option<(String, Option<String>)>) {
        match problem {
            Some(problem) if self.troubles.get(about) != Some(&problem) => {
                self.note(JournalEvent::Trouble {
                    about: about.to_owned(),
                    message: problem.0.clone(),
                    hint: problem.1.clone(),
                });
                self.troubles.insert(about.to_owned(), problem);
            }
            Some(_) => {}
            None => {
                if self.troubles.remove(about).is_some() {
                    let about = about.to_owned();
                    self.note(JournalEvent::Mended { about });
                }
            }
        }
    }

    /// Hands what was recorded to the journal and to who listens.
    fn flush(&mut self) {
        for (about, problem) in self.troubles_told.take() {
            self.trouble(about, problem.map(|problem| (problem, None)));
        }
        if self.recorded.is_empty() {
            return;
        }
        let recorded = std::mem::take(&mut self.recorded);
        if self.notes.receiver_count() > 0 {
            for note in &recorded {
                let _ = self.notes.send(Arc::new(note.clone()));
            }
        }
        self.journal.write(recorded);
    }
}

/// Waits for a moment; for ever where there is none.
async fn due(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
