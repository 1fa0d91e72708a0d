//! Reads the configuration when it, or a component that it names, changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use dayfly_core::arbitration::Tier;
use dayfly_core::grant::Selector;
use dayfly_core::input::Entry;
use dayfly_core::policy::EntryName;
use dayfly_policy::Host;
use dayfly_store::Shelf;
use dayfly_vault::private_file;
use dayfly_workspace::Watch;
use tokio::sync::mpsc;

use crate::config::{Config, ConfigError, ModuleSource};
use crate::engine::Policies;
use crate::entries::{self, EntryProblem, Loader, Prepared};
use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::recording;

/// What reading the configuration brought.
#[derive(Debug)]
pub(crate) struct Configured {
    /// The configuration that is now in force; none where the file cannot be used.
    pub(crate) config: Result<Config, ConfigError>,
    /// The entries that are to be in force: where one cannot be used, its last good form.
    pub(crate) entries: Vec<Prepared>,
    /// What stands in for guard rails that cannot be used and never could.
    pub(crate) closed: Vec<Entry>,
    /// Why entries cannot be used as they are configured.
    pub(crate) problems: Vec<EntryProblem>,
}

/// The thread that reads the configuration and loads components.
#[derive(Debug)]
pub(crate) struct ConfigWorker {
    work: Arc<Mailbox<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ConfigWorker {
    pub(crate) fn start(
        path: PathBuf,
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
                    path,
                    loader: Loader::new(host),
                    recording,
                    policies,
                    seen: false,
                    ever: false,
                    good: BTreeMap::new(),
                    watches: BTreeMap::new(),
                };
                while incoming.take().is_some() {
                    let mut configured = reader.read();
                    // What changed before the watch began is read once more.
                    if watching && reader.watch(&incoming) {
                        configured = reader.read();
                    }
                    incoming.done();
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

struct Reader {
    path: PathBuf,
    loader: Loader,
    recording: PathBuf,
    policies: Policies,
    /// Whether the file was ever there.
    seen: bool,
    /// Whether the configuration could ever be used.
    ever: bool,
    /// The last good form of each entry.
    good: BTreeMap<EntryName, Prepared>,
    watches: BTreeMap<PathBuf, Watch>,
}

impl Reader {
    /// The configuration; one that is removed while it is in force is missed, as there may have been guard
    /// rails in it.
    fn load(&mut self) -> Result<Config, ConfigError> {
        let there = self.path.try_exists().unwrap_or(true);
        if !there && self.seen {
            return Err(ConfigError {
                path: self.path.clone(),
                line: 0,
                column: 0,
                message: "the file is gone".into(),
                hint: Some(
                    "its last good version stays in force; an empty file is the configuration of somebody who \
                     wants none"
                        .into(),
                ),
            });
        }
        self.seen |= there;
        Config::load(&self.path)
    }

    fn read(&mut self) -> Configured {
        let config = self.load();
        let mut problems = Vec::new();
        let mut closed = Vec::new();
        self.ever |= config.is_ok();
        if let Err(error) = &config
            && !self.ever
        {
            // There may be guard rails in it.
            closed.push(entries::closed(
                "dayfly.toml",
                Selector::default(),
                &error.to_string(),
            ));
        }
        if let Ok(config) = &config {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            self.loader
                .hold_to(Shelf::open(folder, config.trust.clone()));
            let archive = config.recording.enabled.then(|| {
                // Made here first, and private.
                let _ = private_file::create_folder(&self.recording);
                recording::modules(&self.recording)
            });
            self.loader.archive(archive);
            let mut good = BTreeMap::new();
            for settings in &config.policies {
                let wanted = match self.policies {
                    Policies::All => true,
                    Policies::GuardRails => {
                        settings.rank.tier == Tier::GuardRail && !settings.shadow
                    }
                };
                if !wanted {
                    continue;
                }
                match self.loader.prepare(&self.path, settings) {
                    Ok(prepared) => {
                        good.insert(prepared.entry.name.clone(), prepared);
                    }
                    Err(mut problem) => {
                        let name = EntryName::new(&settings.name);
                        let earlier = self.good.remove(&name).filter(|_| !problem.untrusted);
                        if let Some(earlier) = earlier {
                            problem.message += "; its last good form stays in force";
                            good.insert(name, earlier);
                        } else if settings.rank.tier == Tier::GuardRail && !settings.shadow {
                            let sessions = settings.grant.as_ref().map(|g| g.sessions.clone());
                            let sessions = sessions.unwrap_or_default();
                            closed.push(entries::closed(
                                &settings.name,
                                sessions,
                                &problem.message,
                            ));
                            problem.message += "; as it is a guard rail, nothing that it is for is started or rotated";
                        } else {
                            problem.message += "; it is not in force";
                        }
                        problems.push(problem);
                    }
                }
            }
            self.good = good;
        }
        let entries: Vec<Prepared> = self.good.values().cloned().collect();
        self.loader.keep(&entries);
        Configured {
            config,
            entries,
            closed,
            problems,
        }
    }

    /// Watches the configuration and the components that it names; whether a watch is new.
    fn watch(&mut self, work: &Arc<Mailbox<()>>) -> bool {
        let mut begun = false;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut wanted = vec![self.path.clone(), Shelf::lock_file(folder)];
        if let Ok(config) = Config::load(&self.path) {
            wanted.extend(config.policies.into_iter().filter_map(|p| match p.module {
                ModuleSource::Path(path) => Some(path),
                ModuleSource::Builtin(_) | ModuleSource::Remote(_) => None,
            }));
        }
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
