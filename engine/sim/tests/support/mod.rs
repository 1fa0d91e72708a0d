//! The machine: carries effects out on real files, and has things happen by chance.

mod checks;
mod deeds;
mod met;
mod mishaps;
mod places;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_chain::{Chain, CredentialsFile, Deliver, EncryptedStore, Order, Target};
use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::delivery::Delivery;
use dayfly_core::effect::{Effect, OperationId};
use dayfly_core::grant::{Grant, Selector};
use dayfly_core::input::{
    CommandId, Entry, Input, ManualOverride, PersistedStatus, RecoveredCredentials,
};
use dayfly_core::placement::Placement;
use dayfly_core::policy::{Actions, EntryName, EvaluationId, Event, SessionFilter, Subscription};
use dayfly_core::random::Random;
use dayfly_core::session::{Failure, Lease, Session, SessionId};
use dayfly_core::settings::Settings;
use dayfly_core::state::State;
use dayfly_core::step::step;
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials, Vault};
use dayfly_workspace::{Loaded, WorkspaceFile};

pub(crate) use met::Met;
use mishaps::Mishaps;
use places::Places;

/// What is not Dayfly's in the credentials file, and stays.
const FOREIGN: &str = "# mine\n[mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = m\n";

pub(crate) struct Machine {
    told: bool,
    folder: tempfile::TempDir,
    state: State,
    now: Timestamp,
    random: Random,
    chain: Chain,
    /// Looks at the same files, and never changes them: a chain takes what it finds for what it knows.
    observer: Chain,
    file: WorkspaceFile,
    /// Whether the Workspace file was edited since it was last looked at.
    dirty: bool,
    /// States that are to be written into the Workspace file.
    states: BTreeMap<SessionId, PersistedStatus>,
    /// Outlives a crash, as its file does.
    words: BTreeMap<SessionId, ManualOverride>,
    to_chain: VecDeque<Effect>,
    to_provider: Vec<(OperationId, SessionId)>,
    /// Credentials that wait to be published.
    aside: BTreeMap<OperationId, Arc<TemporaryCredentials>>,
    questions: Vec<(EntryName, EvaluationId, Vec<Event>)>,
    commands: BTreeMap<CommandId, bool>,
    issued: u64,
    foreign_edits: u64,
    faults: bool,
    /// Effects that are still carried out before the machine crashes.
    fuse: Option<u64>,
    /// What else goes wrong; none: only what the walks began with, so that old seeds stay what they were.
    mishaps: Option<Mishaps>,
    /// What goes wrong with the places of the chain; none: all are well, as with what the walks began with.
    places: Option<Places>,
    /// Credentials that are in force.
    held: BTreeMap<SessionId, Arc<TemporaryCredentials>>,
    pub(crate) met: Met,
}

impl Machine {
    pub(crate) fn new(seed: u64, told: bool, mishaps: bool, places: bool) -> Self {
        // In memory where there is such a disk: nothing here is about its speed.
        let shared = std::path::Path::new("/dev/shm");
        let mut builder = tempfile::Builder::new();
        builder.prefix("dayfly-machine-");
        let folder = if shared.is_dir() {
            builder.tempdir_in(shared)
        } else {
            builder.tempdir()
        };
        let folder = folder.unwrap();
        let credentials = folder.path().join("credentials");
        std::fs::write(&credentials, FOREIGN).unwrap();
        let places = places.then(|| Places::new(seed));
        let (chain, file) = open(&folder, places.as_ref());
        let (observer, _) = open(&folder, places.as_ref());
        let mut machine = Self {
            told,
            folder,
            state: State::new(settings(), seed),
            now: Timestamp::from_millis(1_800_000_000_000),
            random: Random::new(seed ^ 0x006d_6163_6869_6e65),
            chain,
            observer,
            file,
            dirty: false,
            states: BTreeMap::new(),
            words: BTreeMap::new(),
            to_chain: VecDeque::new(),
            to_provider: Vec::new(),
            aside: BTreeMap::new(),
            questions: Vec::new(),
            commands: BTreeMap::new(),
            issued: 0,
            foreign_edits: 0,
            faults: true,
            fuse: None,
            mishaps: mishaps.then(|| Mishaps::new(seed)),
            places,
            held: BTreeMap::new(),
            met: Met::default(),
        };
        machine.write_workspace(&deeds::first());
        machine.boot();
        machine
    }

    #[expect(clippy::print_stdout, reason = "for who looks at one walk")]
    fn say(&self, what: impl FnOnce() -> String) {
        if self.told {
            println!("{} {}", self.now, what());
        }
    }

    fn workspace_path(&self) -> PathBuf {
        self.folder.path().join("workspace.json")
    }

    fn credentials_path(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }

    /// What a start does: the chain is asked, then the Workspace is read, then the rules come.
    fn boot(&mut self) {
        self.forget();
        let found: Vec<RecoveredCredentials> = self.find();
        self.say(|| format!("boot, found {found:?}"));
        let words = self
            .words
            .iter()
            .map(|(id, word)| (id.clone(), word.clone()));
        let words = words.collect();
        self.input(Input::Boot { found, words });
        if self.mishaps.is_some() {
            self.boot_in_any_order();
        } else {
            self.look();
            self.input(Input::Policies(rules(0)));
        }
        self.boot_places();
    }

    /// The power fails: what is on the disk is all that is left.
    pub(crate) fn crash(&mut self) {
        self.say(|| "crash".to_owned());
        self.met.crashes += 1;
        self.fuse = None;
        let (chain, file) = open(&self.folder, self.places.as_ref());
        (self.chain, self.file) = (chain, file);
        self.state = State::new(settings(), self.random.up_to(u64::MAX - 1));
        self.states.clear();
        self.to_chain.clear();
        self.to_provider.clear();
        self.aside.clear();
        self.questions.clear();
        // Who waited for an answer is told that the engine is gone.
        self.commands.clear();
        self.dirty = false;
        // The machine may have been off for a while.
        let off = Duration::from_secs(self.random.up_to(1) * self.random.up_to(900));
        self.now = self.now.plus(off);
        self.boot();
    }

    fn input(&mut self, input: Input) {
        self.say(|| format!("input {input:?}"));
        let effects = step(&mut self.state, self.now, input);
        self.judge(&effects);
        for effect in effects {
            if let Some(left) = &mut self.fuse {
                if *left == 0 {
                    // What the step wanted beyond this never happens.
                    self.fuse = None;
                    return self.crash();
                }
                *left -= 1;
            }
            self.say(|| format!("  {effect:?}"));
            self.perform(effect);
        }
        self.check();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Evaluate {
                entry,
                evaluation,
                events,
                ..
            } => self.questions.push((entry, evaluation, events)),
            Effect::Issue {
                operation, session, ..
            } => self.to_provider.push((operation, session)),
            Effect::Align { ref session, .. } => {
                let twice = self
                    .to_chain
                    .iter()
                    .any(|e| matches!(e, Effect::Align { session: other, .. } if other == session));
                assert!(!twice, "{session} is aligned twice");
                self.met.alignments += 1;
                self.to_chain.push_back(effect);
            }
            Effect::Publish { .. } | Effect::Retract { .. } | Effect::ClearLeftover { .. } => {
                self.to_chain.push_back(effect);
            }
            Effect::Cancel { operation } => {
                self.to_provider.retain(|(other, _)| *other != operation);
                self.aside.remove(&operation);
            }
            Effect::Discard { operation } => {
                self.aside.remove(&operation);
            }
            Effect::Project {
                session,
                projection,
            } => {
                self.states.insert(session, projection);
            }
            Effect::Remember { session, word } => match word {
                Some(word) => {
                    self.words.insert(session, word);
                }
                None => {
                    self.words.remove(&session);
                }
            },
            Effect::Reply { command, .. } => {
                if let Some(answered) = self.commands.get_mut(&command) {
                    assert!(!*answered, "one answer a command");
                    *answered = true;
                }
            }
            // No session here has a rule for its long-lived key.
            Effect::LookAtKey { .. }
            | Effect::RotateKey { .. }
            | Effect::TellDelivery { .. }
            | Effect::TellLeftover { .. }
            | Effect::CommitPolicyState { .. }
            | Effect::ForgetSession { .. }
            | Effect::AwaitPolicies
            | Effect::Record(_) => {}
        }
    }

    /// The Workspace is read, and what changed is told.
    fn look(&mut self) {
        self.dirty = false;
        if let Ok(Loaded::Changed { difference, .. }) = self.file.load() {
            self.input(Input::Workspace(difference));
        }
    }

    /// What waits to be written into the Workspace is written.
    fn project(&mut self) {
        let states = std::mem::take(&mut self.states);
        self.say(|| format!("write states {states:?}"));
        let Ok(written) = self.file.project(&states) else {
            // Somebody saved half of it; once it is mended it is written.
            self.states = states;
            return;
        };
        self.met.writes += u64::from(written.wrote);
        if !written.deferred.is_empty() {
            self.met.deferred += 1;
            self.look();
        }
    }

    /// The chain does the next thing that it was asked for, and answers.
    fn chain_works(&mut self) {
        let Some(effect) = self.to_chain.pop_front() else {
            return;
        };
        if let Effect::Publish { session, .. } | Effect::Retract { session, .. } = &effect {
            self.met.late_answers += u64::from(self.state.is_overdue(session));
        }
        match effect {
            Effect::Publish {
                operation,
                session,
                profile,
                displaced,
                delivery,
            } => {
                let credentials = self.aside.remove(&operation);
                let credentials = credentials.expect("credentials that were issued");
                let order = deliver(&session, profile, displaced.clone(), &credentials, delivery);
                let result = self.change(order);
                if result.is_ok() {
                    self.held.retain(|id, _| !displaced.contains(id));
                    self.held.insert(session, credentials);
                }
                self.answer(Input::Delivered { operation, result });
            }
            Effect::Retract { operation, session } => {
                let order = Order::Retract {
                    session: session.clone(),
                };
                let result = self.change(order);
                if result.is_err() {
                    let places = self.chain.stands(&session);
                    self.input(Input::StillInForce { session, places });
                }
                self.answer(Input::Delivered { operation, result });
            }
            Effect::Align {
                session,
                profile,
                delivery,
            } => {
                let credentials = Arc::clone(&self.held[&session]);
                let order = deliver(&session, profile, Vec::new(), &credentials, delivery);
                let result = self.apply(order);
                self.answer(Input::Aligned { session, result });
            }
            Effect::ClearLeftover { session } => {
                let order = Order::Retract {
                    session: session.clone(),
                };
                self.met.cleared += 1;
                let result = self.apply(order).map(drop);
                self.answer(Input::LeftoverCleared { session, result });
            }
            _ => unreachable!("only these go to the chain"),
        }
    }

    /// A change that the disk may refuse; then it refuses before anything is changed.
    fn change(&mut self, order: Order) -> Result<Placement, Failure> {
        self.failure().map_or_else(|| self.apply(order), Err)
    }

    fn apply(&mut self, order: Order) -> Result<Placement, Failure> {
        let changed: Vec<SessionId> = match &order {
            Order::Publish(deliver) => {
                let displaced = deliver.displaced.iter().cloned();
                displaced.chain([deliver.session.clone()]).collect()
            }
            Order::Retract { session } => vec![session.clone()],
        };
        let mut applied = self.chain.apply(&[order]);
        if applied.results.first().is_some_and(Result::is_ok) {
            changed.iter().for_each(|session| self.changed(session));
        }
        self.met.rewrites += 1;
        let result = applied.results.remove(0);
        result.map(Placement::from).map_err(|e| e.to_failure())
    }

    /// The file is changed, and the core is told, or nobody is.
    fn answer(&mut self, input: Input) {
        if self.faults && self.random.up_to(40) == 0 {
            self.met.crashes_after_a_change += 1;
            return self.crash();
        }
        self.input(input);
    }

    fn provider_answers(&mut self) {
        let at = usize::try_from(self.random.up_to(self.to_provider.len() as u64 - 1)).unwrap();
        let (operation, session) = self.to_provider.remove(at);
        let result = match self.failure() {
            Some(failure) => Err(failure),
            None => {
                let lifetime = Duration::from_secs(1 + self.random.up_to(900));
                if self.places.is_some() {
                    // Earlier credentials may still be somewhere, and are told apart by this.
                    self.now = self.now.plus(Duration::from_millis(1));
                }
                let lease = Lease {
                    issued_at: self.now,
                    expires_at: Some(self.now.plus(lifetime)),
                };
                self.issued += 1;
                let credentials = TemporaryCredentials {
                    lease,
                    material: Material::Aws {
                        access_key_id: format!("ASIA{:016}", self.issued),
                        secret_access_key: format!("secret-of-{session}").into(),
                        session_token: Some(format!("token-{}", self.issued).into()),
                        region: None,
                    },
                };
                self.aside.insert(operation, Arc::new(credentials));
                Ok(lease)
            }
        };
        self.input(Input::Issued { operation, result });
    }

    /// What the credentials file holds, as a start finds it and takes it.
    fn find(&mut self) -> Vec<RecoveredCredentials> {
        let all = self.chain.observe().sessions.into_iter();
        self.held = all
            .map(|(session, found)| (session, Arc::new(found.credentials)))
            .collect();
        self.found()
    }

    /// What the credentials file holds, as a start would find it.
    fn found(&self) -> Vec<RecoveredCredentials> {
        let all = self.observer.observe();
        assert!(all.problems.is_empty(), "{:?}", all.problems);
        let one = |(session, found): (SessionId, dayfly_chain::Found)| RecoveredCredentials {
            session,
            profile: found.profile,
            lease: found.credentials.lease,
            in_force: found.in_force,
        };
        all.sessions.into_iter().map(one).collect()
    }

    fn session(&self, id: &SessionId) -> Option<Arc<Session>> {
        self.state.session(id).map(|t| Arc::clone(&t.session))
    }
}

fn settings() -> Settings {
    Settings {
        issuing_max: 2,
        ..Settings::default()
    }
}

fn deliver(
    session: &SessionId,
    profile: Option<String>,
    displaced: Vec<SessionId>,
    credentials: &Arc<TemporaryCredentials>,
    delivery: Delivery,
) -> Order {
    Order::Publish(Box::new(Deliver {
        session: session.clone(),
        session_name: session.to_string(),
        profile,
        credentials: Arc::clone(credentials),
        displaced,
        region: None,
        delivery,
    }))
}

fn open(folder: &tempfile::TempDir, places: Option<&Places>) -> (Chain, WorkspaceFile) {
    let at = |name: &str| folder.path().join(name);
    let vault = Vault::new(at("vault"), at("key"));
    let targets = match places {
        Some(places) => places.targets(folder.path()),
        None => vec![Box::new(CredentialsFile::new(at("credentials"))) as Box<dyn Target>],
    };
    let kept = EncryptedStore::new(vault.beside(at("kept")));
    let chain = Chain::new(targets, kept).settling(Duration::ZERO);
    (chain, WorkspaceFile::at(&at("workspace.json")))
}

/// The policy entries, of which the last is a guard rail.
fn rules(generation: u64) -> Vec<Entry> {
    let rules = [
        ("a", Tier::Personal),
        ("b", Tier::Team),
        ("c", Tier::GuardRail),
    ];
    let rules = rules.map(|(name, tier)| Entry {
        generation,
        ..entry(name, tier)
    });
    rules.to_vec()
}

fn entry(name: &str, tier: Tier) -> Entry {
    Entry {
        name: EntryName::new(name),
        rank: Rank { tier, priority: 0 },
        shadow: false,
        grant: Grant {
            sessions: Selector::default(),
            actions: Actions::ALL,
            may_hold: true,
            ..Grant::default()
        },
        actions: Actions::ALL,
        may_hold: true,
        subscriptions: vec![Subscription::Sessions(SessionFilter::default())],
        schedules: Vec::new(),
        generation: 0,
        unusable: None,
    }
}
