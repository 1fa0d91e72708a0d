//! Follows the layers of the Workspace: what of them was merged, and whether they say something else by now.
//!
//! Nothing is merged here, since nobody could look at it; and no registry is asked. `dayfly.lock` says what was
//! merged, and a layer that is a file or a folder of this machine is read when it changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dayfly_store::git::Commit;
use dayfly_store::lock::LockedLayer;
use dayfly_store::{ContentDigest, GitSource, Lock, Remote, TrustedStore};
use dayfly_workspace::layer_files;
use dayfly_workspace::layers::Layer;
use dayfly_workspace::{DEFAULT_LIMIT, Watch, watch, watch_folder};
use tokio::sync::mpsc;

use crate::config::{IncludeSettings, ModuleSource};
use crate::home::Home;
pub use crate::layers_seen::Standing;
use crate::layers_seen::{LayerNews, LayersSeen};
use crate::mailbox::Mailbox;
use crate::message::Message;

/// How long a layer that cannot be read has before that is told: an editor may be half-way through saving it.
const SETTLING: Duration = Duration::from_millis(300);

/// What is to be done: to look, at the layers of this configuration where it is another one.
#[derive(Debug, Default)]
struct Work {
    includes: Option<Vec<IncludeSettings>>,
}

/// The layers of a configuration that are not as they were merged, by name. Registries are not asked.
#[must_use]
pub fn standing(home: &Home, includes: &[IncludeSettings]) -> BTreeMap<String, Standing> {
    let mut follower = Follower::new(home.folder().to_owned(), Box::new(|| {}));
    follower.includes = includes.to_vec();
    follower.look().standing
}

/// The thread that follows the layers.
#[derive(Debug)]
pub(crate) struct LayerWorker {
    work: Arc<Mailbox<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl LayerWorker {
    /// Begins; there are no layers before somebody says which there are.
    pub(crate) fn start(folder: PathBuf, answers: mpsc::Sender<Message>) -> std::io::Result<Self> {
        let work: Arc<Mailbox<Work>> = Arc::new(Mailbox::new());
        let incoming = Arc::clone(&work);
        let mut follower = Follower::new(folder, Box::new(|| thread::sleep(SETTLING)));
        let thread = thread::Builder::new()
            .name("dayfly-layers".into())
            .spawn(move || {
                while let Some(work) = incoming.take() {
                    if let Some(includes) = work.includes {
                        follower.includes = includes;
                    }
                    // What changed before a watch began is seen by the look.
                    follower.watch(&incoming);
                    let seen = follower.look();
                    incoming.done();
                    if answers.blocking_send(Message::Layers(seen)).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self {
            work,
            thread: Some(thread),
        })
    }

    /// Follows the layers of this configuration.
    pub(crate) fn follow(&self, includes: &[IncludeSettings]) {
        let includes = includes.to_vec();
        self.work.put(|work| work.includes = Some(includes));
    }
}

impl Drop for LayerWorker {
    fn drop(&mut self) {
        self.work.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Layers as they were merged, by name.
type Locked = BTreeMap<String, LockedLayer>;

struct Follower {
    /// The folder of the configuration.
    folder: PathBuf,
    includes: Vec<IncludeSettings>,
    /// What was merged, as the lock file said when it could be read last; why it never could.
    locked: Result<Locked, String>,
    /// What sources said that differ from it.
    differ: BTreeMap<String, ContentDigest>,
    watches: BTreeMap<PathBuf, Watch>,
    /// Waits while a file may be half-way saved.
    pause: Box<dyn FnMut() + Send>,
}

impl Follower {
    fn new(folder: PathBuf, pause: Box<dyn FnMut() + Send>) -> Self {
        // What was merged before is no news; what is merged from now on is.
        let locked = locked(&folder);
        Self {
            folder,
            includes: Vec::new(),
            locked,
            differ: BTreeMap::new(),
            watches: BTreeMap::new(),
            pause,
        }
    }

    fn look(&mut self) -> LayersSeen {
        let mut seen = LayersSeen {
            merged: self.merges(),
            ..LayersSeen::default()
        };
        let locked = match &self.locked {
            Ok(locked) => locked.clone(),
            Err(problem) => {
                let unknown =
                    |one: &IncludeSettings| (one.name.clone(), Standing::Unknown(problem.clone()));
                seen.standing = self.includes.iter().map(unknown).collect();
                return seen;
            }
        };
        let mut differ = BTreeMap::new();
        for include in self.includes.clone() {
            let name = &include.name;
            let Some(locked) = locked.get(name) else {
                seen.standing.insert(name.clone(), Standing::Unmerged);
                continue;
            };
            match self.read(name, &include.source) {
                Ok(None) => {}
                Ok(Some(now)) => {
                    let digest = ContentDigest::of(now.text().as_bytes());
                    if digest == locked.digest {
                        continue;
                    }
                    if self.differ.get(name) != Some(&digest) {
                        seen.differ.push(LayerNews {
                            name: name.clone(),
                            source: include.source.to_string(),
                            version: now.version().map(str::to_owned),
                            sessions: self.kept(locked).sessions_until(&now),
                        });
                    }
                    differ.insert(name.clone(), digest);
                    seen.standing.insert(name.clone(), Standing::Differs);
                }
                Err(problem) => {
                    seen.standing
                        .insert(name.clone(), Standing::Unreadable(problem));
                }
            }
        }
        self.differ = differ;
        seen
    }

    /// What a layer of this machine says; where it cannot be read, once more after a while.
    fn read(&mut self, name: &str, source: &ModuleSource) -> Result<Option<Layer>, String> {
        match source {
            ModuleSource::Path(path) => {
                if let Ok(layer) = layer_files::read(name, path) {
                    return Ok(Some(layer));
                }
                (self.pause)();
                let again = layer_files::read(name, path);
                again.map(Some).map_err(|e| e.to_string())
            }
            ModuleSource::Remote(Remote::Git(git)) => committed(name, git).map(Some),
            ModuleSource::Remote(Remote::Oci(_)) | ModuleSource::Builtin(_) => Ok(None),
        }
    }

    /// What was merged since the last look. A lock file that cannot be read says nothing.
    fn merges(&mut self) -> Vec<LayerNews> {
        let Ok(now) = locked(&self.folder) else {
            return Vec::new();
        };
        // Where none could be read yet, it is not known what is news.
        let Ok(before) = std::mem::replace(&mut self.locked, Ok(now.clone())) else {
            return Vec::new();
        };
        let mut news = Vec::new();
        let gone = before.iter().filter(|(name, _)| !now.contains_key(*name));
        for (name, layer) in now.iter().chain(gone) {
            let (old, new) = (before.get(name), now.get(name));
            if old.map(|old| old.digest) == new.map(|new| new.digest) {
                continue;
            }
            let said =
                |layer: Option<&LockedLayer>| layer.map(|l| self.kept(l)).unwrap_or_default();
            news.push(LayerNews {
                name: name.clone(),
                source: layer.source.clone(),
                version: new.and_then(|new| new.version.clone()),
                sessions: said(old).sessions_until(&said(new)),
            });
        }
        news
    }

    /// What a layer said when it was merged. Where that is not kept, names are not known: only what is told
    /// hangs on it.
    fn kept(&self, locked: &LockedLayer) -> Layer {
        let store = TrustedStore::store(&self.folder);
        let bytes = store.get(&locked.digest).ok().flatten();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let layer = text.and_then(|text| Layer::parse(&locked.name, &text).ok());
        layer.unwrap_or_default()
    }

    /// Watches the lock file, and the layers that are files or folders of this machine.
    fn watch(&mut self, work: &Arc<Mailbox<Work>>) {
        let sources = self.includes.iter().map(|one| &one.source);
        let mut wanted: Vec<PathBuf> = sources.flat_map(places).collect();
        if !self.includes.is_empty() {
            wanted.push(TrustedStore::lock_file(&self.folder));
        }
        self.watches.retain(|path, _| wanted.contains(path));
        for path in wanted {
            if self.watches.contains_key(&path) {
                continue;
            }
            let work = Arc::clone(work);
            let nudge = move || work.put(|_| {});
            let begun = match path.is_dir() {
                true => watch_folder(&path, nudge),
                false => watch(&path, nudge),
            };
            if let Ok(begun) = begun {
                self.watches.insert(path, begun);
            }
        }
    }
}

/// What was merged, as the lock file says.
fn locked(folder: &Path) -> Result<Locked, String> {
    let lock = Lock::load(&TrustedStore::lock_file(folder)).map_err(|e| e.to_string())?;
    let layers = lock.layers().iter();
    Ok(layers
        .map(|layer| (layer.name.clone(), layer.clone()))
        .collect())
}

/// What is committed of a layer in a git checkout of this machine.
fn committed(name: &str, git: &GitSource) -> Result<Layer, String> {
    let commit = Commit::of(git).map_err(|e| e.to_string())?;
    let bytes = commit
        .read(None, DEFAULT_LIMIT)
        .map_err(|e| e.to_string())?;
    let refused = |problem: String| format!("{} is not a Workspace: {problem}", git.file);
    let text = String::from_utf8(bytes).map_err(|e| refused(e.utf8_error().to_string()))?;
    Layer::of_file(name, &text).map_err(|e| refused(e.to_string()))
}

/// Where it shows that a source changed.
fn places(source: &ModuleSource) -> Vec<PathBuf> {
    match source {
        ModuleSource::Path(path) => vec![path.clone()],
        ModuleSource::Remote(Remote::Git(git)) => {
            let own = git.folder.join(".git");
            let branch = git.revision.iter();
            let branch = branch.map(|branch| own.join("refs").join("heads").join(branch));
            // Each move of what is checked out stands there.
            branch.chain([own.join("logs").join("HEAD")]).collect()
        }
        ModuleSource::Remote(Remote::Oci(_)) | ModuleSource::Builtin(_) => Vec::new(),
    }
}

#[cfg(test)]
#[path = "layer_worker_tests.rs"]
mod tests;
