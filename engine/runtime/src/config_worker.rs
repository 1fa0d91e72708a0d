//! Reads the configuration when it, or a component that it names, changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dayfly_core::arbitration::Tier;
use dayfly_core::grant::Selector;
use dayfly_core::input::Entry;
use dayfly_core::policy::EntryName;
use dayfly_policy::Host;
use dayfly_store::TrustedStore;
use dayfly_vault::private_file;
use dayfly_workspace::Watch;
use tokio::sync::mpsc;

use crate::config::{self, Config, ConfigError, ModuleSource, PolicySettings};
pub(crate) use crate::configured::Configured;
use crate::configured::Policies;
use crate::entries::{self, EntryProblem, Loader, Prepared};
use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::recording;
use crate::seen::Witness;

/// The thread that reads the configuration and loads components.
#[derive(Debug)]
pub(crate) struct ConfigWorker {
    work: Arc<Mailbox<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ConfigWorker {
    pub(crate) fn start(
        (path, record): (PathBuf, PathBuf),
        witness: Option<Witness>,
        recording: PathBuf,
        host: Host,
        policies: Policies,
        watching: bool,
        answers: mpsc::Sender<Message>,
    ) -> std::io::Result<Self> {
        let work = Arc::new(Mailbox::new());
        let incoming = Arc::clone(&work);
        let thread = thread::Builder::new()
            .name("dayfly-config".into())
            .spawn(move || {
                let mut reader = Reader {
                    // One that is gone at the start is missed too.
                    seen: record.exists(),
                    path,
                    record,
                    witness,
                    suspicions: Vec::new(),
                    unrecorded: None,
                    text: String::new(),
                    loader: Loader::new(host),
                    recording,
                    policies,
                    known: false,
                    good: BTreeMap::new(),
                    closed: Vec::new(),
                    problems: Vec::new(),
                    guards: BTreeSet::new(),
                    modules: Vec::new(),
                    pause: Box::new(|| thread::sleep(SETTLING)),
                    watches: BTreeMap::new(),
                };
                while incoming.take().is_some() {
                    let mut configured = reader.read();
                    // What changed before the watch began is read once more.
                    while watching && reader.watch(&incoming) {
                        configured = reader.read();
                    }
                    incoming.done();
                    let record = ("configuration record", reader.unrecorded.clone());
                    let mut told = reader.suspicions.iter().cloned().chain([record]);
                    let gone = told.any(|(about, message)| {
                        let about = about.to_owned();
                        let trouble = Message::Trouble { about, message };
                        answers.blocking_send(trouble).is_err()
                    });
                    if gone {
                        break;
                    }
                    if answers
                        .blocking_send(Message::Configured(configured))
                        .is_err()
                    {
                        break;
                    }
                }
            })?;
        Ok(Self {
            work,
            thread: Some(thread),
        })
    }

    /// Reads the configuration, then says so.
    pub(crate) fn read(&self) {
        self.work.put(|()| {});
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.work.is_idle()
    }
}

impl Drop for ConfigWorker {
    fn drop(&mut self) {
        self.work.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How long a configuration without a guard rail that is in force has to stay the same …
const SETTLING: Duration = Duration::from_millis(300);
/// … and how often that is waited for.
const SETTLING_ROUNDS: u32 = 5;

struct Reader {
    path: PathBuf,
    loader: Loader,
    recording: PathBuf,
    policies: Policies,
    /// Where a copy of the configuration that is in force is kept.
    record: PathBuf,
    /// What was seen of the lock file and of the vault.
    witness: Option<Witness>,
    /// What is older than what was seen.
    suspicions: Vec<(&'static str, Option<String>)>,
    /// Why there is no such copy.
    unrecorded: Option<String>,
    /// The text that was read last.
    text: String,
    /// Whether the file was ever there.
    seen: bool,
    /// Whether a configuration could be read.
    known: bool,
    /// The last good form of each entry.
    good: BTreeMap<EntryName, Prepared>,
    /// What stands in for guard rails that have none. Like `good`, only a configuration that can be
    /// read replaces it: a mistake made later must not open what is closed.
    closed: Vec<Entry>,
    /// Why entries of the last configuration that could be read cannot be used.
    problems: Vec<EntryProblem>,
    /// The guard rails of that configuration.
    guards: BTreeSet<EntryName>,
    /// The files that it names components by.
    modules: Vec<PathBuf>,
    /// Waits while a file may be half-way saved.
    pause: Box<dyn FnMut() + Send>,
    watches: BTreeMap<PathBuf, Watch>,
}

impl Reader {
    /// The configuration; one that is removed while it is in force is missed, as there may have been guard
    /// rails in it.
    fn load(&mut self) -> Result<Config, ConfigError> {
        match Config::text(&self.path)? {
            Some(text) => {
                self.seen = true;
                let config = Config::parse(&self.path, &text)?;
                self.text = text;
                Ok(config)
            }
            None if self.seen => Err(ConfigError::gone(&self.path)),
            None => {
                self.text.clear();
                Config::parse(&self.path, "")
            }
        }
    }

    fn read(&mut self) -> Configured {
        let config = self.load_settled();
        if config.is_err() && !self.known {
            // An engine before this one may have had one in force.
            if let Ok(Some(last)) = Config::recorded(&self.path, &self.record) {
                self.known = true;
                self.take(&last);
            }
        }
        match &config {
            Ok(config) => {
                self.known = true;
                self.take(config);
                if self.seen {
                    self.unrecorded = config::record(&self.record, &self.text).err();
                }
            }
            // The last one that could be read stays in force, with all that stands in for its guard rails.
            Err(_) if self.known => {}
            // There may be guard rails in it.
            Err(error) => {
                self.closed = vec![entries::closed(
                    entries::CONFIGURATION,
                    Selector::default(),
                    &error.to_string(),
                )];
            }
        }
        let entries: Vec<Prepared> = self.good.values().cloned().collect();
        self.loader.keep(&entries);
        Configured {
            config,
            entries,
            closed: self.closed.clone(),
            known: self.known,
            problems: self.problems.clone(),
        }
    }

    /// The configuration. Where guard rails are missing from it, it has to stay the same for a moment:
    /// an editor or a shell that writes into the file empties it first.
    fn load_settled(&mut self) -> Result<Config, ConfigError> {
        let mut config = self.load();
        for _ in 0..SETTLING_ROUNDS {
            if !config
                .as_ref()
                .is_ok_and(|config| self.loses_guard_rail(config))
            {
                break;
            }
            (self.pause)();
            let again = self.load();
            if again == config {
                break;
            }
            config = again;
        }
        config
    }

    /// Whether a guard rail of the configuration in force is missing from this one.
    fn loses_guard_rail(&self, config: &Config) -> bool {
        let stays = |name: &EntryName| {
            let settings = config.policies.iter();
            let mut guards = settings.filter(|settings| settings.is_guard_rail());
            guards.any(|settings| EntryName::new(&settings.name) == *name)
        };
        !self.guards.iter().all(stays)
    }

    /// Puts a configuration in force that could be read.
    fn take(&mut self, config: &Config) {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut store = TrustedStore::open(folder, config.trust.clone());
        if let Some(witness) = &self.witness {
            self.suspicions = witness.watch(&mut store).into();
        }
        self.loader.hold_to(store);
        let archive = config.recording.enabled.then(|| {
            // Made here first, and private.
            let _ = private_file::create_folder(&self.recording);
            recording::modules(&self.recording)
        });
        self.loader.archive(archive);
        let guards = config.policies.iter().filter(|s| s.is_guard_rail());
        self.guards = guards.map(|s| EntryName::new(&s.name)).collect();
        let modules = config.policies.iter().filter_map(|p| match &p.module {
            ModuleSource::Path(path) => Some(path.clone()),
            ModuleSource::Builtin(_) | ModuleSource::Remote(_) => None,
        });
        self.modules = modules.collect();
        let mut earlier = std::mem::take(&mut self.good);
        self.closed.clear();
        self.problems.clear();
        for settings in &config.policies {
            if self.policies == Policies::GuardRails && !settings.is_guard_rail() {
                continue;
            }
            match self.loader.prepare(&self.path, settings) {
                Ok(prepared) => {
                    self.good.insert(prepared.entry.name.clone(), prepared);
                }
                Err(problem) => {
                    let earlier = earlier.remove(&EntryName::new(&settings.name));
                    self.without(settings, earlier, problem);
                }
            }
        }
    }

    /// An entry cannot be used as it is configured: its last good form stays in force, and a guard rail
    /// closes for the sessions that this form is not for.
    fn without(
        &mut self,
        settings: &PolicySettings,
        earlier: Option<Prepared>,
        mut problem: EntryProblem,
    ) {
        let guards = settings.is_guard_rail();
        // What was no guard rail before is no form of one.
        let earlier = earlier
            .filter(|_| !problem.untrusted)
            .filter(|earlier| !guards || is_guard_rail(&earlier.entry));
        let grant = settings.grant.as_ref();
        let wanted = grant.map(|g| g.sessions.clone()).unwrap_or_default();
        // Whoever is refused something is told what to do about it.
        let reason = match &problem.hint {
            Some(hint) => format!("{} ({hint})", problem.message),
            None => problem.message.clone(),
        };
        match earlier {
            Some(earlier) => {
                problem.message += "; its last valid version stays in force";
                let covered = earlier.entry.grant.sessions.clone();
                if guards && covered != wanted {
                    problem.message +=
                        ", and Dayfly starts and rotates none of the other sessions in its scope";
                    // No entry can be given such a name.
                    let name = format!("{} (as edited)", settings.name);
                    let beyond = entries::beyond(wanted, covered);
                    self.closed.push(entries::closed(&name, beyond, &reason));
                }
                self.good.insert(earlier.entry.name.clone(), earlier);
            }
            None if guards => {
                self.closed
                    .push(entries::closed(&settings.name, wanted, &reason));
                problem.message += "; because it is a guard rail, Dayfly starts and rotates none \
                                    of the sessions in its scope";
            }
            None => problem.message += "; it is not in force",
        }
        self.problems.push(problem);
    }

    /// Watches the configuration, and the components that the last one names that could be read;
    /// whether a watch is new.
    fn watch(&mut self, work: &Arc<Mailbox<()>>) -> bool {
        let mut begun = false;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut wanted = vec![self.path.clone(), TrustedStore::lock_file(folder)];
        wanted.extend(self.modules.iter().cloned());
        // Somebody may accept what is older.
        let suspicious = self.suspicions.iter().any(|(_, told)| told.is_some());
        let witness = self.witness.as_ref().filter(|_| suspicious);
        wanted.extend(witness.map(|witness| witness.record().to_owned()));
        self.watches.retain(|path, _| wanted.contains(path));
        for path in wanted {
            if !self.watches.contains_key(&path)
                && let Some(watch) = watch(&path, work)
            {
                self.watches.insert(path, watch);
                begun = true;
            }
        }
        begun
    }
}

fn watch(path: &Path, work: &Arc<Mailbox<()>>) -> Option<Watch> {
    let work = Arc::clone(work);
    dayfly_workspace::watch(path, move || work.put(|()| {})).ok()
}

/// Whether an entry is a guard rail that is not only recorded.
fn is_guard_rail(entry: &Entry) -> bool {
    entry.rank.tier == Tier::GuardRail && !entry.shadow
}

#[cfg(test)]
#[path = "config_worker_tests.rs"]
mod tests;
