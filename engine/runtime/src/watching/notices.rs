//! The system's notices of changes in folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::work::{Dirty, Work};
use crate::mailbox::Mailbox;

/// How often folders are looked at of which the system gives no notices.
pub(super) const POLL: Duration = Duration::from_secs(5);

/// Folders that are under watch, and those that cannot be.
pub(super) struct Notices {
    watcher: Option<RecommendedWatcher>,
    work: Arc<Mailbox<Work>>,
    /// One watch a folder, whatever paths lead to it: the first is that of the watch.
    folders: BTreeMap<(u64, u64), Vec<PathBuf>>,
    identities: Arc<Mutex<BTreeMap<PathBuf, (u64, u64)>>>,
    /// Folders that are looked at from time to time, and why.
    polled: BTreeMap<PathBuf, String>,
}

impl Notices {
    pub(super) fn new(work: Arc<Mailbox<Work>>) -> Self {
        Self {
            watcher: None,
            work,
            folders: BTreeMap::new(),
            identities: Arc::default(),
            polled: BTreeMap::new(),
        }
    }

    /// Watches a folder. Notices that come from now on have it looked at.
    pub(super) fn watch(&mut self, folder: &Path, identity: (u64, u64)) {
        if let Some(paths) = self.folders.get_mut(&identity)
            && identity != (0, 0)
        {
            if !paths.iter().any(|path| path == folder) {
                paths.push(folder.to_owned());
            }
            self.remember(folder, identity);
            return;
        }
        self.remember(folder, identity);
        match self.begin(folder) {
            Ok(()) => {
                self.polled.remove(folder);
                self.folders.insert(identity, vec![folder.to_owned()]);
            }
            // It went in this very moment; its own folder's watch tells.
            Err(Refusal::Gone) => {
                self.forget(folder);
            }
            Err(Refusal::Reason(reason)) => {
                self.polled.insert(folder.to_owned(), reason);
            }
        }
    }

    /// Watches a folder no more.
    pub(super) fn unwatch(&mut self, folder: &Path) {
        self.polled.remove(folder);
        let Some(identity) = self.forget(folder) else {
            return;
        };
        let Some(paths) = self.folders.get_mut(&identity) else {
            return;
        };
        let first = paths.first().is_some_and(|path| path == folder);
        paths.retain(|path| path != folder);
        let others = paths.clone();
        if !first {
            return;
        }
        self.folders.remove(&identity);
        if let Some(watcher) = &mut self.watcher {
            // It may be gone together with its watch.
            let _ = watcher.unwatch(folder);
        }
        for other in others {
            self.watch(&other, identity);
        }
    }

    /// Whether the folder is under watch, or is looked at from time to time, as this one.
    pub(super) fn has(&self, folder: &Path, identity: (u64, u64)) -> bool {
        self.lock().get(folder) == Some(&identity)
    }

    /// Other paths that lead to the same folder.
    pub(super) fn aliases(&self, folder: &Path) -> Vec<PathBuf> {
        let identity = self.lock().get(folder).copied();
        let paths = identity.and_then(|identity| self.folders.get(&identity));
        let paths = paths.map_or(&[][..], Vec::as_slice);
        let others = paths.iter().filter(|path| *path != folder);
        others.cloned().collect()
    }

    /// Whether any folder has to be looked at from time to time.
    pub(super) fn polls(&self) -> bool {
        !self.polled.is_empty()
    }

    /// Those folders. Each is tried to be watched once more.
    pub(super) fn take_polled(&mut self) -> Dirty {
        let mut dirty = Dirty::default();
        let mut hopeless = false;
        for folder in self.polled.keys().cloned().collect::<Vec<_>>() {
            dirty.folder(folder.clone());
            let identity = self.lock().get(&folder).copied();
            if !hopeless && let Some(identity) = identity {
                self.watch(&folder, identity);
                hopeless = self.polled.contains_key(&folder);
            }
        }
        dirty
    }

    /// What the person should know.
    pub(super) fn trouble(&self) -> Option<String> {
        let (folder, reason) = self.polled.first_key_value()?;
        let others = match self.polled.len() {
            1 => String::new(),
            n => format!(" and {} more folders", n - 1),
        };
        Some(format!(
            "Dayfly notices changes in {}{others} up to {} s late, because it must poll: {reason}",
            folder.display(),
            POLL.as_secs()
        ))
    }

    fn begin(&mut self, folder: &Path) -> Result<(), Refusal> {
        if let Some(reason) = dayfly_workspace::no_notices(folder) {
            return Err(Refusal::Reason(reason));
        }
        if self.watcher.is_none() {
            let (work, identities) = (Arc::clone(&self.work), Arc::clone(&self.identities));
            match notify::recommended_watcher(move |event| heard(&work, &identities, event)) {
                Ok(watcher) => self.watcher = Some(watcher),
                Err(error) => return Err(Refusal::of(&error)),
            }
        }
        let Some(watcher) = &mut self.watcher else {
            return Err(Refusal::Gone);
        };
        watcher
            .watch(folder, RecursiveMode::NonRecursive)
            .map_err(|error| Refusal::of(&error))
    }

    fn remember(&self, folder: &Path, identity: (u64, u64)) {
        self.lock().insert(folder.to_owned(), identity);
    }

    fn forget(&self, folder: &Path) -> Option<(u64, u64)> {
        self.lock().remove(folder)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, (u64, u64)>> {
        self.identities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

enum Refusal {
    Gone,
    Reason(String),
}

impl Refusal {
    fn of(error: &notify::Error) -> Self {
        match &error.kind {
            notify::ErrorKind::PathNotFound => Self::Gone,
            notify::ErrorKind::MaxFilesWatch => Self::Reason(format!(
                "the system allows this user only {} watches (fs.inotify.max_user_watches)",
                limit("max_user_watches")
            )),
            notify::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::Gone
            }
            notify::ErrorKind::Io(error) if error.raw_os_error() == Some(EMFILE) => {
                Self::Reason(format!(
                    "the system allows this user only {} programs that watch \
                     (fs.inotify.max_user_instances), or this program no more open files",
                    limit("max_user_instances")
                ))
            }
            _ => Self::Reason(format!("the system refused to watch: {error}")),
        }
    }
}

/// Source: errno.h of Linux and the BSDs.
const EMFILE: i32 = 24;

fn limit(name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}"));
    text.map_or_else(|_| "so many".into(), |text| text.trim().to_owned())
}

/// Says where to look. Runs on the thread of the system's notices.
fn heard(
    work: &Mailbox<Work>,
    identities: &Mutex<BTreeMap<PathBuf, (u64, u64)>>,
    event: notify::Result<Event>,
) {
    let Ok(event) = event else {
        // It may stand for a change that was missed.
        return work.put(|work| work.dirty.all = true);
    };
    if event.need_rescan() {
        return work.put(|work| work.dirty.all = true);
    }
    let is_change = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        // To read is no change; who looks reads.
        EventKind::Access(_) => false,
        _ => true,
    };
    if !is_change || event.paths.is_empty() {
        return;
    }
    let (mut own, mut within) = (Vec::new(), Vec::new());
    {
        let folders = identities.lock().unwrap_or_else(PoisonError::into_inner);
        for path in event.paths {
            if folders.contains_key(&path) {
                own.push(path.clone());
            }
            if let (Some(folder), Some(name)) = (path.parent(), path.file_name())
                && folders.contains_key(folder)
            {
                within.push((folder.to_owned(), name.to_owned()));
            }
        }
    }
    if own.is_empty() && within.is_empty() {
        return;
    }
    work.put(|work| {
        for folder in own {
            // It may be another one, or none, by now.
            if let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) {
                work.dirty.name(above.to_owned(), name.to_owned());
            }
        }
        for (folder, name) in within {
            work.dirty.name(folder, name);
        }
    });
}
