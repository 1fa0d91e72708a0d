//! The engine: one task that owns the state.
//!
//! Every input comes through one queue of messages, `step` decides, and workers carry the
//! effects out. The task itself never waits for a disk, a cloud or a guest.

mod boot;
mod delivery;
mod perform;
mod reporting;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_chain::Chain;
use dayfly_core::delivery::Delivery as Wanted;
use dayfly_core::effect::{Cause, Effect, Happening, Note, OperationId};
use dayfly_core::input::{CommandId, Input, Order, Projection};
use dayfly_core::policy::{EntryName, EvaluationId, Fault, Severity, Verdict};
use dayfly_core::session::{SessionId, Status};
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use dayfly_policy::{Evaluated, Failed, StateSnapshot};
use dayfly_providers::{AwsSettings, LongLivedKeys, Providers, ProvidersConfig};
use dayfly_vault::{TemporaryCredentials, private_file};
use dayfly_workspace::{Rejected, Watch, Workspace};
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use self::delivery::Standings;
use crate::chain_worker::ChainWorker;
use crate::clock::{self, Alarm, Rang};
use crate::config::{Aws, Config};
use crate::config_worker::{ConfigWorker, Configured};
use crate::entries::Prepared;
use crate::evaluators::Evaluators;
use crate::held::Held;
use crate::home::Home;
use crate::issuing::Issuing;
use crate::journal::Journal;
use crate::memory::Memory;
use crate::message::{Ask, Handle, Message, OrderError, Ordered};
use crate::report::{ProblemReport, StandingReport};
use crate::workspace_worker::{self, Looked, WorkspaceWorker};

/// Messages that wait for the engine; senders wait beyond that.
const MESSAGES: usize = 1_024;
/// Lines that a slow listener may be behind.
const NOTES: usize = 8_192;
/// How long changes of the chain that are under way may take when the engine stops.
const PARTING: Duration = Duration::from_secs(10);

/// Which policy entries are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policies {
    /// All that are configured.
    All,
    /// Guard rails only: for a single command of a person.
    GuardRails,
}

/// How an engine is to work.
pub struct Options {
    /// Where everything lies.
    pub home: Home,
    /// Where credentials are put for programs.
    pub chain: Chain,
    /// Long-lived keys.
    pub keys: Arc<dyn LongLivedKeys>,
    /// Which policy entries are in force.
    pub policies: Policies,
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
    notes: Option<broadcast::Receiver<Arc<Note>>>,
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
        let held = Arc::new(Held::default());
        let handle = Handle {
            held: Arc::clone(&held),
            messages: messages.clone(),
            notes: notes.clone(),
        };
        let runtime = tokio::runtime::Handle::current();
        let booting = tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            Loop::boot(options, messages, notes, held)
        });
        let mut running = booting.await.map_err(std::io::Error::other)??;
        let task = tokio::spawn(async move {
            running.run(incoming).await;
            // Its workers are waited for.
            let _ = tokio::task::spawn_blocking(move || drop(running)).await;
        });
        Ok(Self {
            handle,
            notes: Some(listener),
            task,
        })
    }

    /// Everything that is recorded from the start on; once. A reader that is too slow misses
    /// lines.
    pub fn listen(&mut self) -> Option<broadcast::Receiver<Arc<Note>>> {
        self.notes.take()
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

/// A change of the chain that is under way.
#[derive(Debug)]
enum Delivery {
    Publish {
        session: SessionId,
        displaced: Vec<SessionId>,
        wanted: Wanted,
    },
    Retract {
        session: SessionId,
    },
}

/// A policy entry in force.
#[derive(Debug)]
struct InForce {
    prepared: Prepared,
    state: StateSnapshot,
}

struct Loop {
    home: Home,
    started: Timestamp,
    state: State,
    alarm: Alarm,
    messages: mpsc::Sender<Message>,
    notes: broadcast::Sender<Arc<Note>>,
    recorded: Vec<Note>,
    config: Config,
    keys: Arc<dyn LongLivedKeys>,
    providers: Arc<Providers>,
    workspace: Option<Arc<Workspace>>,
    rejected: Option<Rejected>,
    entries: BTreeMap<EntryName, InForce>,
    troubles: BTreeMap<String, (String, Option<String>)>,
    /// Credentials that are in the chain.
    held: Arc<Held>,
    /// Credentials that wait to be published.
    aside: BTreeMap<OperationId, Arc<TemporaryCredentials>>,
    delivering: BTreeMap<OperationId, Delivery>,
    standings: Standings,
    evaluating: usize,
    commands: BTreeMap<CommandId, (SessionId, Answer)>,
    next_command: u64,
    /// Orders that wait until the Workspace file was looked at.
    tickets: BTreeMap<u64, (String, Order, Answer)>,
    quiet: Vec<oneshot::Sender<()>>,
    /// Orders that came before the policies were in force.
    early: Vec<Ask>,
    configured: bool,
    halting: bool,
    // Workers, in the order in which they are to end; the lock is the last.
    issuing: Issuing,
    evaluators: Evaluators,
    workspace_watch: Option<Watch>,
    config_worker: ConfigWorker,
    chain: ChainWorker,
    workspace_worker: WorkspaceWorker,
    memory: Memory,
    journal: Journal,
    _lock: private_file::Lock,
}

type Answer = oneshot::Sender<Result<Ordered, OrderError>>;

impl Loop {
    async fn run(&mut self, mut incoming: mpsc::Receiver<Message>) {
        loop {
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
                () = due(self.standings.again) => {
                    self.standings.again = None;
                    self.align();
                }
            }
            self.flush();
            if self.halting {
                break;
            }
            self.answer_quiet();
        }
        self.part(&mut incoming).await;
    }

    fn rang(&mut self, rang: std::io::Result<Rang>) {
        match rang {
            Ok(Rang::Due) => self.enter(Input::Tick),
            Ok(Rang::Jumped) => self.enter(Input::Resumed),
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
                    self.aside.insert(operation, credentials);
                    lease
                });
                self.enter(Input::Issued { operation, result });
            }
            Message::Delivered { purpose, result } => self.delivered(&purpose, result),
            Message::Used(session) => self.enter(Input::Used { session }),
            Message::Trouble { about, message } => {
                self.trouble(&about, message.map(|m| (m, None)));
            }
            Message::Ask(ask) => self.ask(ask),
        }
    }

    fn looked(&mut self, looked: Looked) {
        if let Some((workspace, change)) = looked.change {
            let region = |w: &Workspace| w.default_region().map(str::to_owned);
            let before = self.workspace.as_deref().and_then(region);
            let said = self.workspace.as_ref().is_none_or(|w| w.says_delivery());
            let realign = said || workspace.says_delivery();
            let after = region(&workspace);
            self.held.set_workspace(Arc::clone(&workspace));
            self.workspace = Some(workspace);
            if before != after {
                self.providers = providers(&self.config, after.as_deref(), &self.keys);
            }
            self.enter(Input::Workspace(change));
            if realign {
                self.align();
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
                    let message = "another credentials or config file was configured".to_owned();
                    (message, Some("restart Dayfly to have it used".to_owned()))
                });
                self.trouble("shared-files-setting", problem);
                if config.aws != self.config.aws || config.engine != self.config.engine {
                    let region = self.workspace.as_ref().and_then(|w| w.default_region());
                    self.providers = providers(&config, region, &self.keys);
                    self.state.settings.issuing_max = config.engine.calls_in_flight.clamp(1, 1_000);
                    self.state.settings.faults_max = config.engine.faults_max.max(1);
                }
                self.config = config;
                (
                    self.config.aws.credentials_file,
                    self.config.aws.config_file,
                ) = before;
                self.align();
            }
            Err(error) => {
                let mut error = error;
                let hint = error.hint.take();
                let hint = hint.unwrap_or_else(|| {
                    if configured.closed.is_empty() {
                        "mend the file; until then its last good version stays in force".into()
                    } else {
                        "mend the file; until then nothing is started or rotated, as there may be \
                         guard rails in it, but with --override REASON"
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
        for prepared in configured.entries {
            let name = prepared.entry.name.clone();
            let state = match self.entries.remove(&name) {
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
        for ask in std::mem::take(&mut self.early) {
            self.ask(ask);
        }
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
            self.note(Happening::Said {
                entry: entry.clone(),
                severity: line.severity,
                text: line.message,
            });
        }
        if log.dropped > 0 {
            self.note(Happening::Said {
                entry: entry.clone(),
                severity: Severity::Warning,
                text: format!("({} more lines were dropped)", log.dropped),
            });
        }
        let input = Input::Evaluated {
            entry: entry.clone(),
            evaluation,
            result,
        };
        let accepted = self.enter_watching(input, |note| {
            matches!(&note.what, Happening::Evaluated { evaluation: e, .. } if *e == evaluation)
        });
        if accepted
            && !writes.is_empty()
            && let Some(in_force) = self.entries.get_mut(&entry)
        {
            in_force.state.apply(writes);
            self.memory.keep_state(&entry, &in_force.state);
        }
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            // Guard rails have to be in force before anything is done.
            Ask::Order { .. } if !self.configured => self.early.push(ask),
            Ask::Order {
                asked,
                order,
                answer,
            } => {
                self.next_command += 1;
                let ticket = self.next_command;
                self.tickets.insert(ticket, (asked, order, answer));
                self.workspace_worker.look(ticket);
            }
            Ask::Report(answer) => {
                let _ = answer.send(self.report());
            }
            Ask::Standing { session, answer } => {
                let stands = self.state.stands(&session);
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
            Ask::Quiet(answer) => self.quiet.push(answer),
            Ask::Halt => self.halting = true,
        }
    }

    fn is_quiet(&self) -> bool {
        self.configured
            && self.evaluating == 0
            && self.issuing.is_empty()
            && self.delivering.is_empty()
            && !self.standings.is_aligning()
            && self.tickets.is_empty()
            && self.workspace_worker.is_idle()
            && self.config_worker.is_idle()
    }

    fn answer_quiet(&mut self) {
        if !self.quiet.is_empty() && self.is_quiet() {
            for answer in self.quiet.drain(..) {
                let _ = answer.send(());
            }
        }
    }

    fn enter(&mut self, input: Input) {
        self.enter_watching(input, |_| false);
    }

    /// One step and all that comes of it at once; whether a note of the first step was the one
    /// that is watched for.
    fn enter_watching(&mut self, input: Input, watched: impl Fn(&Note) -> bool) -> bool {
        let mut seen = false;
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in step(&mut self.state, clock::now(), input) {
                if let Effect::Record(note) = &effect {
                    seen |= watched(note);
                }
                inputs.extend(self.perform(effect));
            }
        }
        seen
    }

    fn recorded(&mut self, note: Note) {
        if let Happening::SessionEdited {
            session, fields, ..
        } = &note.what
            && fields.iter().any(|field| field == "removed")
        {
            for (name, in_force) in &mut self.entries {
                let before = in_force.state.bytes();
                in_force.state.forget(session);
                if in_force.state.bytes() != before {
                    self.memory.keep_state(name, &in_force.state);
                }
            }
        }
        self.recorded.push(note);
    }

    /// Records something that the core does not know of.
    fn note(&mut self, what: Happening) {
        self.recorded.push(Note {
            at: clock::now(),
            cause: Cause::default(),
            what,
        });
    }

    fn trouble(&mut self, about: &str, problem: Option<(String, Option<String>)>) {
        match problem {
            Some(problem) if self.troubles.get(about) != Some(&problem) => {
                self.note(Happening::Trouble {
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
                    self.note(Happening::Mended { about });
                }
            }
        }
    }

    /// Hands what was recorded to the journal and to who listens.
    fn flush(&mut self) {
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

    /// Ends what is under way: changes of the chain are waited for, calls of providers are
    /// abandoned, and the Workspace says what the chain holds.
    async fn part(&mut self, incoming: &mut mpsc::Receiver<Message>) {
        self.issuing = Issuing::default();
        let deadline = tokio::time::Instant::now() + PARTING;
        while !self.delivering.is_empty() {
            let next = tokio::time::timeout_at(deadline, incoming.recv()).await;
            match next {
                Ok(Some(Message::Delivered { purpose, result })) => {
                    self.delivered(&purpose, result);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        for (id, tracked) in self.state.sessions() {
            if tracked.present && tracked.phase.status() == Status::Pending {
                let lease = tracked.phase.lease();
                let projection = Projection {
                    status: if lease.is_some() {
                        Status::Active
                    } else {
                        Status::Inactive
                    },
                    start: lease.map(|l| l.issued_at),
                    expiration: lease.and_then(|l| l.expires_at),
                };
                self.workspace_worker.write(id.clone(), projection);
            }
        }
        self.note(Happening::Halted);
        self.flush();
        // Workers that still have something to say need not wait for somebody to hear it.
        incoming.close();
        while incoming.try_recv().is_ok() {}
    }
}

/// Waits for a moment; for ever where there is none.
async fn due(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn providers(
    config: &Config,
    workspace_region: Option<&str>,
    keys: &Arc<dyn LongLivedKeys>,
) -> Arc<Providers> {
    let usual = AwsSettings::default();
    let region = workspace_region
        .map(str::to_owned)
        .or_else(|| config.aws.default_region.clone());
    let aws = AwsSettings {
        default_region: region.unwrap_or(usual.default_region),
        sts_endpoint_url: config.aws.sts_endpoint_url.clone(),
        timeouts: usual.timeouts,
    };
    let settings = ProvidersConfig {
        aws,
        calls_in_flight_max: config.engine.calls_in_flight,
        ..ProvidersConfig::default()
    };
    Arc::new(Providers::new(settings, Arc::clone(keys)))
}
