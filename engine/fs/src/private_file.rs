//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::bounded::{self, Links};
use crate::error::io_error;

pub use crate::error::PrivateFileError;

/// The biggest private file that is read.
pub const LIMIT: u64 = 64 << 20;

/// Reads a private file without following a link; none where there is no file.
///
/// # Errors
/// The file is a link or no regular file, belongs to somebody else, can be read by others, is
/// bigger than [`LIMIT`], or cannot be read.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, PrivateFileError> {
    let Some((mut file, meta)) = bounded::open(path, Links::Refuse)? else {
        return Ok(None);
    };
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(PrivateFileError::Foreign(path.to_owned()));
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = bounded::read_all(&mut file, &meta, path, LIMIT)?;
    Ok(Some(std::mem::take(&mut *bytes)))
}

/// Replaces a file, or creates it, with mode 0600: a reader sees the old content or the
/// new, and after a crash one of the two is there.
///
/// # Errors
/// A link stands there, or the folder cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) {
        return Err(PrivateFileError::Link(path.to_owned()));
    }
    stage(path, bytes)?
        .persist(path)
        .map_err(|e| io_error("replace", path)(e.error))?;
    sync_folder(path)
}

/// Creates a file with mode 0600, whole or not at all; whether it did. What stands there
/// already, even a link, stays as it is.
///
/// # Errors
/// The folder cannot be written.
pub fn create(path: &Path, bytes: &[u8]) -> Result<bool, PrivateFileError> {
    match stage(path, bytes)?.persist_noclobber(path) {
        Ok(_) => sync_folder(path).map(|()| true),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(io_error("create", path)(e.error)),
    }
}

/// A new file in the folder of `path`, written to the disk.
fn stage(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, PrivateFileError> {
    let folder = folder_of(path);
    create_folder(folder)?;
    // A named temporary file is created with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io_error("write", path))?;
    file.write_all(bytes).map_err(io_error("write", path))?;
    file.as_file().sync_all().map_err(io_error("write", path))?;
    Ok(file)
}

fn sync_folder(path: &Path) -> Result<(), PrivateFileError> {
    let folder = folder_of(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(io_error("write", folder))
}

/// The folder of a file, also where the path is a bare name.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Creates a folder with mode 0700, and its parents, where they do not exist.
///
/// # Errors
/// The operating system refuses.
pub fn create_folder(folder: &Path) -> Result<(), PrivateFileError> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(io_error("create", folder))
}

/// A lock between processes, held until dropped.
#[derive(Debug)]
#[must_use]
pub struct Lock(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

/// Takes the lock that this file stands for, waiting at most so long.
///
/// # Errors
/// The deadline passed, or the file cannot be opened.
pub fn lock(path: &Path, deadline: Duration) -> Result<Lock, PrivateFileError> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    // Without NONBLOCK a pipe that stands there would keep us waiting.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    if let Ok(meta) = fs::symlink_metadata(path)
        && !meta.is_symlink()
    {
        bounded::require_file(path, &meta)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(io_error("open", path))?;
    let meta = file.metadata().map_err(io_error("look at", path))?;
    bounded::require_file(path, &meta)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock(file)),
            Err(fs::TryLockError::WouldBlock) if begun.elapsed() < deadline => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(fs::TryLockError::WouldBlock) => {
                let seconds = deadline.as_secs();
                return Err(PrivateFileError::Locked {
                    path: path.to_owned(),
                    seconds,
                });
            }
            Err(fs::TryLockError::Error(e)) => return Err(io_error("lock", path)(e)),
        }
    }
}
