//! One writer at a time, across processes: a lock on the Workspace file itself.
//!
//! There is no lock file, since the Workspace may stand in a folder of somebody else's, as where
//! it is a link to a file among dotfiles. What takes the place of a file that is locked has no
//! lock; whoever waited for the old one then waits for the new one.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::disk::{DiskError, folder_of, owner, temporary};

/// How long another process may hold the lock.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(5);
/// How old a temporary file is that no process can be writing any more.
const OLD: Duration = Duration::from_secs(3_600);

/// The lock, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock of the file that stands at `target`, though not forever.
    pub(crate) fn take(target: &Path) -> Result<Self, DiskError> {
        let io = |source| DiskError::Io {
            operation: "lock",
            path: target.to_owned(),
            source,
        };
        sweep(target);
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let file = owner::open(target).map_err(io)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, target).map_err(io)? => return Ok(Self { _file: file }),
                // Another took its place meanwhile.
                Ok(()) => {}
                Err(TryLockError::Error(e)) => return Err(io(e)),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
            if Instant::now() >= deadline {
                return Err(DiskError::Locked {
                    path: target.to_owned(),
                    seconds: TIMEOUT.as_secs(),
                });
            }
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (open, there) = (file.metadata()?, fs::symlink_metadata(path)?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Removes what processes that were killed, and versions that kept a lock file, left beside a
/// Workspace.
fn sweep(target: &Path) {
    let mut lock = target.file_name().unwrap_or_default().to_owned();
    lock.push(".lock");
    let lock = target.with_file_name(lock);
    // One of ours was always empty, and is locked as long as somebody needs it.
    let empty = fs::symlink_metadata(&lock).is_ok_and(|meta| meta.is_file() && meta.len() == 0);
    if empty && owner::open(&lock).is_ok_and(|file| file.try_lock().is_ok()) {
        let _ = fs::remove_file(&lock);
    }
    let (start, end) = temporary(target);
    let entries = fs::read_dir(folder_of(target)).into_iter().flatten();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| {
            let between = name.strip_prefix(&start).and_then(|n| n.strip_suffix(end));
            between.is_some_and(|part| {
                part.len() == 6 && part.bytes().all(|b| b.is_ascii_alphanumeric())
            })
        });
        if ours && is_old(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether nobody changed the file, or its name, for long.
fn is_old(path: &PathBuf) -> bool {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return false;
    };
    meta.is_file()
        && owner::changed(&meta).is_some_and(|at| {
            SystemTime::now()
                .duration_since(at)
                .is_ok_and(|age| age > OLD)
        })
}
