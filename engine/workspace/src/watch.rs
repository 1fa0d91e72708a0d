//! Notices of changes to a file.
//!
//! The folder is watched, not the file, so that an editor's save by rename is noticed; and the
//! folder's own folder, so that the folder may go and come back. A notice is a level: it says that
//! the file should be looked at, and any number of changes may stand behind one.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::disk::folder_of;

/// How long after a notice further ones are gathered, while there are many.
const GATHER: Duration = Duration::from_millis(30);
/// The same for the first one after a pause: long enough for a program that writes a file in
/// place, too short to be felt.
const FIRST: Duration = Duration::from_millis(8);
/// How often the file is looked at where the system gives no notices.
const POLL: Duration = Duration::from_secs(2);

/// How changes are noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The operating system tells.
    Native,
    /// The file is looked at every two seconds, for this reason.
    Polling {
        /// Why the system's notices are of no use, a sentence without a full stop.
        reason: String,
    },
}

/// Why a file cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The path leads to no folder at all.
    #[error("cannot watch {path}: {source}")]
    Path {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// No thread could be started.
    #[error("cannot watch {path}: no thread: {source}")]
    Thread {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// A running watch; ends when dropped.
pub struct Watch {
    shared: Arc<Shared>,
    wake: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// How changes are noticed at present.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.shared.backend().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // Where the channel is full, the thread is about to wake anyway.
        let _ = self.wake.try_send(());
        if let Some(thread) = self.thread.take()
            // The callback itself may drop the watch.
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

struct Shared {
    stop: AtomicBool,
    backend: Mutex<Backend>,
    /// The file, and where links lead from it.
    files: Mutex<Vec<PathBuf>>,
    /// Whether everything in the folder of the file matters.
    whole_folder: bool,
    /// Whether a folder on the way came, went or got another name, so that a watch on its path
    /// may be a watch on something else.
    moved: AtomicBool,
}

impl Shared {
    fn backend(&self) -> MutexGuard<'_, Backend> {
        self.backend.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a notice can be about the file: it, or a folder that it stands in.
    fn concerns(&self, event: &Event) -> bool {
        let is_write = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            // Reading the file, as the owner of this watch does, is no change.
            EventKind::Access(_) => false,
            _ => true,
        };
        if event.need_rescan() || (event.paths.is_empty() && is_write) {
            return true;
        }
        let files = self.files();
        let beside = |path: &PathBuf, file: &PathBuf| path.parent() == file.parent();
        let on_the_way = |path: &PathBuf| {
            files
                .iter()
                .any(|file| file.starts_with(path) || (self.whole_folder && beside(path, file)))
        };
        if !is_write || !event.paths.iter().any(on_the_way) {
            return false;
        }
        let is_move = matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        if is_move
            && event
                .paths
                .iter()
                .any(|path| on_the_way(path) && !files.contains(path))
        {
            self.moved.store(true, Ordering::Release);
        }
        true
    }
}

/// Watches a file that need not be there yet. `on_dirty` is called on a thread of the watch, some
/// 8 ms after the first of one or more changes, and at most every 30 ms; it should note the fact and return. Changes that
/// happen after this function returned are noticed.
///
/// Where the system refuses to watch, or the file system (of a network, say) gives no notices,
/// the file is looked at every two seconds instead: see [`Watch::backend`].
///
/// # Errors
/// [`WatchError`] where the path cannot be made absolute or no thread can be started.
pub fn watch(path: &Path, on_dirty: impl Fn() + Send + 'static) -> Result<Watch, WatchError> {
    begin(path, false, None, on_dirty)
}

/// Watches all files in a folder, but not in folders below it, as [`watch`] does.
///
/// # Errors
/// As [`watch`].
pub fn watch_folder(
    path: &Path,
    on_dirty: impl Fn() + Send + 'static,
) -> Result<Watch, WatchError> {
    // Stands for all of them; nothing is called so.
    begin(&path.join("*"), true, None, on_dirty)
}

/// Watches as [`watch`] does, but looks at the file every two seconds from the start, for this reason: for
/// where it is known that notices do not come, though the system promises them.
///
/// # Errors
/// As [`watch`].
pub fn watch_by_polling(
    path: &Path,
    reason: &str,
    on_dirty: impl Fn() + Send + 'static,
) -> Result<Watch, WatchError> {
    begin(path, false, Some(reason.to_owned()), on_dirty)
}

fn begin(
    path: &Path,
    whole_folder: bool,
    no_notices: Option<String>,
    on_dirty: impl Fn() + Send + 'static,
) -> Result<Watch, WatchError> {
    let file = std::path::absolute(path).map_err(|source| WatchError::Path {
        path: path.to_owned(),
        source,
    })?;
    // One waiting notice is all that a level needs.
    let (wake, woken) = sync_channel(1);
    let shared = Arc::new(Shared {
        stop: AtomicBool::new(false),
        backend: Mutex::new(Backend::Native),
        files: Mutex::new(Vec::new()),
        whole_folder,
        moved: AtomicBool::new(false),
    });
    let mut guard = CallbackGuard {
        file: file.clone(),
        shared: Arc::clone(&shared),
        wake: wake.clone(),
        native: None,
        watched: Vec::new(),
        seen: FileStamp::of(&file, whole_folder),
    };
    guard.start(no_notices);
    let thread = thread::Builder::new()
        .name("dayfly-watch".to_owned())
        .spawn(move || guard.run(&woken, &on_dirty))
        .map_err(|source| WatchError::Thread { path: file, source })?;
    Ok(Watch {
        shared,
        wake,
        thread: Some(thread),
    })
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp(Option<(u64, Option<SystemTime>, u64)>);

impl FileStamp {
    fn of(path: &Path, whole_folder: bool) -> Self {
        if whole_folder {
            return Self::of_folder(folder_of(path));
        }
        let seen = fs::metadata(path).ok();
        Self(seen.map(|m| (m.len(), m.modified().ok(), identity(&m))))
    }

    /// The folder and what is in it: all lengths, and the latest time.
    fn of_folder(folder: &Path) -> Self {
        let Ok(own) = fs::metadata(folder) else {
            return Self(None);
        };
        let (mut length, mut latest) = (0_u64, own.modified().ok());
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for meta in entries.filter_map(|entry| fs::metadata(entry.path()).ok()) {
            length = length.wrapping_add(meta.len());
            latest = latest.max(meta.modified().ok());
        }
        Self(Some((length, latest, identity(&own))))
    }
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> u64 {
    0
}

/// What the thread of a watch has.
struct CallbackGuard {
    file: PathBuf,
    shared: Arc<Shared>,
    wake: SyncSender<()>,
    native: Option<RecommendedWatcher>,
    /// Folders under watch, and which folder each was.
    watched: Vec<(PathBuf, u64)>,
    seen: FileStamp,
}

impl CallbackGuard {
    fn start(&mut self, refused: Option<String>) {
        let deaf = || nearest(&self.file).and_then(no_notices);
        if let Some(reason) = refused.or_else(deaf) {
            self.poll(reason);
            return;
        }
        let (shared, wake) = (Arc::clone(&self.shared), self.wake.clone());
        let heard = move |event: notify::Result<Event>| {
            // An error may stand for a change that was missed.
            if event.is_ok_and(|event| !shared.concerns(&event)) {
                return;
            }
            let _ = wake.try_send(());
        };
        match notify::recommended_watcher(heard) {
            Ok(watcher) => {
                self.native = Some(watcher);
                self.arm();
            }
            Err(e) => self.poll(refusal(&e)),
        }
    }

    fn run(mut self, woken: &Receiver<()>, on_dirty: &dyn Fn()) {
        let mut told = None;
        loop {
            let polls = self.native.is_none();
            let notice = if polls {
                woken.recv_timeout(POLL)
            } else {
                woken.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            if self.shared.stop.load(Ordering::Acquire) {
                return;
            }
            match notice {
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let now = FileStamp::of(&self.file, self.shared.whole_folder);
                    if now == self.seen {
                        continue;
                    }
                    self.seen = now;
                }
                Ok(()) => {
                    let busy = told.is_some_and(|told: Instant| told.elapsed() < GATHER);
                    thread::sleep(if busy { GATHER } else { FIRST });
                    // What came meanwhile is answered by this call too; what comes later, again.
                    let _ = woken.try_recv();
                    if self.shared.stop.load(Ordering::Acquire) {
                        return;
                    }
                    if !polls {
                        self.arm();
                    }
                }
            }
            on_dirty();
            told = Some(Instant::now());
        }
    }

    /// Watches the folders that matter as they now are. Runs before the notice goes on, so that
    /// what happens afterwards is noticed and what happened before is seen by the reader.
    fn arm(&mut self) {
        let Some(watcher) = self.native.as_mut() else {
            return;
        };
        let mut files = vec![self.file.clone()];
        let behind = fs::canonicalize(&self.file).or_else(|_| {
            let folder = fs::canonicalize(folder_of(&self.file))?;
            Ok::<_, std::io::Error>(folder.join(self.file.file_name().unwrap_or_default()))
        });
        files.extend(behind.ok().filter(|real| *real != self.file));
        let wanted = folders(&files);
        *self.shared.files() = files;
        if self.shared.moved.swap(false, Ordering::AcqRel) {
            for (folder, _) in self.watched.drain(..) {
                let _ = watcher.unwatch(&folder);
            }
        }
        for (gone, _) in self.watched.iter().filter(|w| !wanted.contains(w)) {
            // It may be gone together with its watch.
            let _ = watcher.unwatch(gone);
        }
        let mut refused = None;
        let mut armed = Vec::new();
        for folder in wanted {
            if !self.watched.contains(&folder)
                && let Err(e) = watcher.watch(&folder.0, RecursiveMode::NonRecursive)
            {
                refused = Some(e);
                continue;
            }
            armed.push(folder);
        }
        let nearest_is_watched = armed
            .iter()
            .any(|(folder, _)| Some(folder.as_path()) == nearest(&self.file));
        self.watched = armed;
        match refused {
            // A folder that went in this very moment is noticed by its own folder's watch.
            Some(e)
                if !matches!(e.kind, notify::ErrorKind::PathNotFound) || !nearest_is_watched =>
            {
                self.poll(refusal(&e));
            }
            _ => {}
        }
    }

    fn poll(&mut self, reason: String) {
        *self.shared.backend() = Backend::Polling { reason };
        self.native = None;
        self.watched.clear();
        self.seen = FileStamp(None);
        // A change may have been missed on the way.
        let _ = self.wake.try_send(());
    }
}

fn refusal(error: &notify::Error) -> String {
    format!("the system refused to watch: {error}")
}

/// For each file the nearest folder that exists, and that one's folder.
fn folders(files: &[PathBuf]) -> Vec<(PathBuf, u64)> {
    let mut folders: Vec<(PathBuf, u64)> = Vec::new();
    for file in files {
        let Some(near) = nearest(file) else { continue };
        for folder in near.ancestors().take(2) {
            let identity = fs::metadata(folder).map_or(0, |m| identity(&m));
            if folders.iter().all(|(known, _)| known != folder) {
                folders.push((folder.to_owned(), identity));
            }
        }
    }
    folders
}

fn nearest(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).find(|folder| folder.is_dir())
}

/// Why the file system that this folder is on would give no notices of others' changes, where it
/// would not: a sentence without a full stop.
#[must_use]
pub fn no_notices(folder: &Path) -> Option<String> {
    deaf(folder)
}

#[cfg(target_os = "linux")]
fn deaf(folder: &Path) -> Option<String> {
    // Source: linux/magic.h, and the file systems' own headers.
    const REMOTE: [(u32, &str); 7] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0xFE53_4D42, "SMB2"),
        (0x0102_1997, "9P"),
        (0x6573_5546, "FUSE"),
        (0x00C3_6400, "Ceph"),
    ];
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    let (_, name) = REMOTE
        .iter()
        .find(|(magic, _)| i128::from(*magic) == i128::from(kind))?;
    Some(format!(
        "{} is on {name}, which sends no change notifications",
        folder.display()
    ))
}

#[cfg(not(target_os = "linux"))]
fn deaf(_: &Path) -> Option<String> {
    None
}
