//! One writer at a time, across processes: a lock file beside the Workspace.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::disk::{DiskError, owner};

/// How long another process may hold the lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// Held until dropped. The file stays: removing it would let two processes hold two locks.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The lock file of a Workspace.
pub(crate) fn path_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    target.with_file_name(name)
}

impl Lock {
    /// Waits for the lock, though not forever.
    pub(crate) fn take(target: &Path) -> Result<Self, DiskError> {
        let path = path_of(target);
        let io = |source| DiskError::Io {
            operation: "lock",
            path: path.clone(),
            source,
        };
        let file = owner::open_lock(&path).map_err(io)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(e)) => return Err(io(e)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    let seconds = PATIENCE.as_secs();
                    return Err(DiskError::Locked { path, seconds });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }
}
