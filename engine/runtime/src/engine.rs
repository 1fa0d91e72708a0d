//! The engine: one task that owns the state.
//!
//! Every input comes through one queue of [`Message`]s, `step` decides, and workers carry the
//! effects out. The task itself never waits for a disk, a cloud or a guest.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use dayfly_chain::{Change, CredentialsFile, Publication, Target};
use dayfly_core::effect::{Cause, Effect, Happening, Note, OperationId};
use dayfly_core::input::{CommandId, Found, Input, Order, Projection};
use dayfly_core::policy::{
    Context, EntryName, EvaluationId, Event, Fault, FaultKind, Severity, Verdict,
};
use dayfly_core::session::{ErrorKind, Failure, SessionId, Status};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use dayfly_policy::{CodeCache, Evaluated, Failed, Host, HostConfig, StateSnapshot};
use dayfly_providers::{AwsSettings, LongLivedKeys, Providers, ProvidersConfig};
use dayfly_vault::{TemporaryCredentials, private_file};
use dayfly_workspace::{Backend, Rejected, Watch, Workspace, WorkspaceFile};
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::chain_worker::{ChainWorker, Job};
use crate::clock::{self, Alarm, Rang};
use crate::config::Config;
use crate::config_worker::{ConfigWorker, Configured};
use crate::entries::Prepared;
use crate::evaluators::{Evaluators, Question};
use crate::granted::Granted;
use crate::home::Home;
use crate::issuing::Issuing;
use crate::journal::{Journal, Keep};
use crate::memory::{Memory, with_cause};
use crate::message::{Ask, Handle, Message, OrderError, Ordered};
use crate::report::{EngineFacts, EngineReport, PolicyReport, ProblemReport, SessionReport};
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
    /// The credentials file, where the configuration names none.
    pub credentials_file: PathBuf,
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
        let handle = Handle {
            messages: messages.clone(),
            notes: notes.clone(),
        };
        let runtime = tokio::runtime::Handle::current();
        let booting = tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            Loop::boot(options, messages, notes)
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
    held: BTreeMap<SessionId, Arc<TemporaryCredentials>>,
    /// Credentials that wait to be published.
    aside: BTreeMap<OperationId, Arc<TemporaryCredentials>>,
    delivering: BTreeMap<OperationId, Delivery>,
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
    /// Everything that may wait for a disk, before the task begins.
    fn boot(
        options: Options,
        messages: mpsc::Sender<Message>,
        notes: broadcast::Sender<Arc<Note>>,
    ) -> Result<Self, EngineError> {
        let home = options.home;
        let lock = take_lock(&home, options.patience)?;
        let config = Config::load(&home.config()).unwrap_or_default();
        let chain_path = config.aws.credentials_file.clone();
        let target: Arc<dyn Target> = Arc::new(CredentialsFile::new(
            chain_path.unwrap_or(options.credentials_file),
        ));
        let file = Arc::new(WorkspaceFile::at(&home.workspace()));
        let run = uuid::Uuid::new_v4().simple().to_string();
        let journal = Journal::open(
            home.journal(),
            &run[..12],
            Keep::megabytes(config.engine.journal_megabytes),
            trouble(&messages, "journal"),
        )?;
        let tell = trouble(&messages, "state");
        let (memory, forgot) = Memory::open(&home, move |problem| tell(Some(problem)))?;
        let host = Host::new(HostConfig {
            cache: CodeCache::open(&home.code()).ok(),
            ..HostConfig::default()
        })?;
        let parallel = match config.engine.evaluations_in_flight {
            0 => available_parallelism().map_or(2, |n| n.get().min(16)),
            n => n.min(64),
        };
        let workspace_worker = WorkspaceWorker::start(Arc::clone(&file), messages.clone())?;
        let config_worker = ConfigWorker::start(
            home.config(),
            host,
            options.policies,
            options.watching,
            messages.clone(),
        )?;
        let observed = target.observe();
        let settings = Settings {
            issuing_max: config.engine.calls_in_flight.clamp(1, 1_000),
            faults_max: config.engine.faults_max.max(1),
            ..Settings::default()
        };
        let mut this = Self {
            started: clock::now(),
            state: State::new(settings, uuid::Uuid::new_v4().as_u64_pair().0),
            alarm: Alarm::new()?,
            evaluators: Evaluators::start(parallel, &messages)?,
            chain: ChainWorker::start(target, messages.clone())?,
            providers: providers(&config, None, &options.keys),
            keys: options.keys,
            config,
            messages,
            notes,
            recorded: Vec::new(),
            workspace: None,
            rejected: None,
            entries: BTreeMap::new(),
            troubles: BTreeMap::new(),
            held: BTreeMap::new(),
            aside: BTreeMap::new(),
            delivering: BTreeMap::new(),
            evaluating: 0,
            commands: BTreeMap::new(),
            next_command: 0,
            tickets: BTreeMap::new(),
            quiet: Vec::new(),
            early: Vec::new(),
            configured: false,
            halting: false,
            issuing: Issuing::default(),
            workspace_watch: None,
            config_worker,
            workspace_worker,
            memory,
            journal,
            home,
            _lock: lock,
        };
        if let Some(problem) = forgot {
            let hint = "what you had started or stopped yourself is forgotten; say it again";
            this.trouble("state", Some((problem, Some(hint.into()))));
        }
        if options.watching {
            this.watch_workspace();
        }
        let mut found = Vec::new();
        match observed {
            Ok(observed) => {
                for one in observed {
                    found.push(Found {
                        session: one.session.clone(),
                        profile: Some(one.profile),
                        lease: one.credentials.lease,
                    });
                    this.held.insert(one.session, Arc::new(one.credentials));
                }
            }
            Err(error) => {
                this.trouble("credentials-file", Some((error.to_string(), error.hint())));
            }
        }
        let words = this.memory.words();
        this.enter(Input::Boot { found, words });
        // What the file says is there before anybody can ask.
        this.look_now(&file);
        this.config_worker.read();
        this.flush();
        Ok(this)
    }

    fn watch_workspace(&mut self) {
        let nudge = self.workspace_worker.nudge();
        match dayfly_workspace::watch(&self.home.workspace(), move || nudge.nudge()) {
            Ok(watch) => {
                if let Backend::Polling { reason } = watch.backend() {
                    let message =
                        format!("the Workspace file is looked at every two seconds: {reason}");
                    self.trouble("workspace-watch", Some((message, None)));
                }
                self.workspace_watch = Some(watch);
            }
            Err(error) => {
                let hint = "edits are noticed only when you give a command; restart Dayfly";
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
        self.looked(Looked {
            change: looked.0,
            rejected: looked.1,
            tickets: Vec::new(),
        });
    }

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
            Message::Delivered { operation, result } => self.delivered(operation, result),
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
            let after = region(&workspace);
            self.workspace = Some(workspace);
            if before != after {
                self.providers = providers(&self.config, after.as_deref(), &self.keys);
            }
            self.enter(Input::Workspace(change));
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
                if config.aws.credentials_file != self.config.aws.credentials_file {
                    let message = "another credentials file was configured".to_owned();
                    let hint = "restart Dayfly to have it used".to_owned();
                    self.trouble("credentials-file-setting", Some((message, Some(hint))));
                }
                if config.aws != self.config.aws || config.engine != self.config.engine {
                    let region = self.workspace.as_ref().and_then(|w| w.default_region());
                    self.providers = providers(&config, region, &self.keys);
                    self.state.settings.issuing_max = config.engine.calls_in_flight.clamp(1, 1_000);
                    self.state.settings.faults_max = config.engine.faults_max.max(1);
                }
                let credentials_file = self.config.aws.credentials_file.clone();
                self.config = config;
                self.config.aws.credentials_file = credentials_file;
            }
            Err(error) => {
                let mut error = error;
                let hint = error.hint.take();
                let hint = hint.unwrap_or_else(|| {
                    "mend the file; until then its last good version stays in force".into()
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
        let all = all.collect();
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

    fn delivered(&mut self, operation: OperationId, result: Result<(), Failure>) {
        let delivery = self.delivering.remove(&operation);
        let credentials = self.aside.remove(&operation);
        if result.is_ok() {
            match delivery {
                Some(Delivery::Publish { session, displaced }) => {
                    for gone in displaced {
                        self.held.remove(&gone);
                    }
                    if let Some(credentials) = credentials {
                        self.held.insert(session, credentials);
                    }
                }
                Some(Delivery::Retract { session }) => {
                    self.held.remove(&session);
                }
                None => {}
            }
        }
        self.enter(Input::Delivered { operation, result });
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

    /// Has an effect carried out. What fails at once comes back as an input.
    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Evaluate {
                entry,
                evaluation,
                generation,
                context,
                events,
            } => self.evaluate(entry, evaluation, generation, context, events),
            Effect::Issue {
                operation,
                session,
                parent,
                attempt: _,
            } => self.issue(operation, &session, parent.as_ref()),
            Effect::Publish {
                operation,
                session,
                profile,
                displaced,
            } => self.publish(operation, session, profile, displaced),
            Effect::Retract { operation, session } => {
                let change = Change::Retract {
                    session: session.clone(),
                };
                let delivery = Delivery::Retract { session };
                self.delivering.insert(operation, delivery);
                self.chain.send(Job {
                    operation,
                    change: Some(change),
                });
                None
            }
            Effect::Cancel { operation } => {
                self.issuing.cancel(operation);
                None
            }
            Effect::Discard { operation } => {
                self.aside.remove(&operation);
                None
            }
            Effect::Project {
                session,
                projection,
            } => {
                self.workspace_worker.write(session, projection);
                None
            }
            Effect::Remember { session, word } => {
                self.memory.remember(session, word);
                None
            }
            Effect::Reply { command, reply } => {
                if let Some((session, answer)) = self.commands.remove(&command) {
                    let session = self.state.session(&session).map(SessionReport::of);
                    let _ = answer.send(Ok(Ordered { reply, session }));
                }
                None
            }
            Effect::Record(note) => {
                self.recorded(note);
                None
            }
        }
    }

    fn evaluate(
        &mut self,
        entry: EntryName,
        evaluation: EvaluationId,
        generation: u64,
        context: Context,
        events: Vec<Event>,
    ) -> Option<Input> {
        let in_force = self.entries.get(&entry);
        let Some(in_force) = in_force.filter(|e| e.prepared.entry.generation == generation) else {
            let fault = Fault {
                kind: FaultKind::Host,
                message: "the policy entry is not in force any more".into(),
            };
            return Some(Input::Evaluated {
                entry,
                evaluation,
                result: Err(fault),
            });
        };
        let workspace = Granted {
            views: self.state.views().clone(),
            sessions: in_force.prepared.entry.grant.sessions.clone(),
        };
        self.evaluating += 1;
        self.evaluators.ask(Question {
            entry,
            evaluation,
            policy: in_force.prepared.policy.clone(),
            context,
            events,
            workspace: Arc::new(workspace),
            state: in_force.state.clone(),
        });
        None
    }

    fn issue(
        &mut self,
        operation: OperationId,
        session: &SessionId,
        parent: Option<&SessionId>,
    ) -> Option<Input> {
        let failed = |kind, message: &str| {
            let result = Err(Failure::new(kind, message));
            Some(Input::Issued { operation, result })
        };
        let Some(tracked) = self.state.session(session) else {
            return failed(ErrorKind::Other, "the session is gone");
        };
        let parent = match parent {
            Some(id) => match self.held.get(id) {
                Some(credentials) => Some(Arc::clone(credentials)),
                None => {
                    let message = "the session that it is chained to has no credentials";
                    return failed(ErrorKind::Parent, message);
                }
            },
            None => None,
        };
        self.issuing.begin(
            operation,
            Arc::clone(&self.providers),
            Arc::clone(&tracked.session),
            parent,
            clock::now(),
            self.messages.clone(),
        );
        None
    }

    fn publish(
        &mut self,
        operation: OperationId,
        session: SessionId,
        profile: Option<String>,
        displaced: Vec<SessionId>,
    ) -> Option<Input> {
        let known = self.state.session(&session).map(|t| &t.session);
        let (Some(known), Some(credentials)) = (known, self.aside.get(&operation)) else {
            let message = "the credentials that were to be published are gone";
            let result = Err(Failure::new(ErrorKind::Other, message));
            return Some(Input::Delivered { operation, result });
        };
        let default = self.workspace.as_ref().and_then(|w| w.default_region());
        let region = known.region.as_deref().or(default).map(str::to_owned);
        let change = profile.map(|profile| {
            Change::Publish(Publication {
                session: session.clone(),
                session_name: known.name.clone(),
                profile,
                credentials: Arc::clone(credentials),
                displaced: displaced.clone(),
                region,
            })
        });
        self.delivering
            .insert(operation, Delivery::Publish { session, displaced });
        self.chain.send(Job { operation, change });
        None
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

    fn report(&self) -> EngineReport {
        let mut problems: Vec<ProblemReport> = self
            .troubles
            .iter()
            .filter(|(about, _)| *about != "workspace")
            .map(|(about, (message, hint))| ProblemReport {
                about: about.clone(),
                message: message.clone(),
                hint: hint.clone(),
            })
            .collect();
        let of_workspace =
            workspace_worker::problems(self.workspace.as_deref(), self.rejected.as_ref());
        problems.extend(of_workspace.iter().map(ProblemReport::of_workspace));
        // What is done about it is said once, with the first.
        if let Some((_, consequence)) = self.troubles.get("workspace")
            && let Some(first) = problems.iter_mut().find(|p| p.about == "workspace")
        {
            let hints = [first.hint.take(), consequence.clone()];
            first.hint = Some(hints.into_iter().flatten().collect::<Vec<_>>().join("; "));
        }
        let mut sessions: Vec<SessionReport> = self
            .state
            .sessions()
            .filter(|(_, tracked)| tracked.present)
            .map(|(_, tracked)| SessionReport::of(tracked))
            .collect();
        sessions.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let policies = self.state.entries().filter_map(|(name, tracking)| {
            let in_force = self.entries.get(name)?;
            Some(PolicyReport::of(tracking, &in_force.prepared))
        });
        EngineReport {
            engine: Some(EngineFacts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                since: self.started,
            }),
            workspace: self.home.workspace(),
            problems,
            sessions,
            policies: policies.collect(),
        }
    }

    /// Ends what is under way: changes of the chain are waited for, calls of providers are
    /// abandoned, and the Workspace says what the chain holds.
    async fn part(&mut self, incoming: &mut mpsc::Receiver<Message>) {
        self.issuing = Issuing::default();
        let deadline = tokio::time::Instant::now() + PARTING;
        while !self.delivering.is_empty() {
            let next = tokio::time::timeout_at(deadline, incoming.recv()).await;
            match next {
                Ok(Some(Message::Delivered { operation, result })) => {
                    self.delivered(operation, result);
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
                problem: with_cause(&other),
            },
        })
}

fn trouble(
    messages: &mpsc::Sender<Message>,
    about: &'static str,
) -> impl Fn(Option<String>) + Send + 'static + use<> {
    let messages = messages.clone();
    move |message| {
        // Not worth waiting for: the engine may wait for the one who tells this.
        let about = about.to_owned();
        let _ = messages.try_send(Message::Trouble { about, message });
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
