//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::bounded::{self, Links};

/// Why a private file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The operating system refused.
    #[error("{path}: cannot {operation}", path = path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Something that is no file stands where the file should be.
    #[error("{path} is {kind}, not a regular file; move it away", path = path.display())]
    NotAFile {
        /// What is in the way.
        path: PathBuf,
        /// What it is, as "a folder".
        kind: &'static str,
    },
    /// Its bytes are no text.
    #[error("{path}:{line}:{column}: is not UTF-8 text; save it as UTF-8", path = path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first wrong byte, from 1.
        line: usize,
        /// Its character in the line, from 1.
        column: usize,
    },
    /// The file system took too long.
    #[error("{path} could not be read within {seconds} s; look at the file system that it is on", path = path.display())]
    Slow {
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A link whose target may not be written through it.
    #[error("{path} is a symbolic link that {problem}; {advice}", path = path.display())]
    UnsafeLink {
        /// The link.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Others could put another file in the place of this one.
    #[error("{path} can be written by others (mode {mode:o}), who could replace the files in it; run: chmod go-w {path}", path = path.display())]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The person took away the right to write.
    #[error("{path} is read-only (mode {mode:o}); to let it be written, run: chmod u+w {path}", path = path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is bigger than anything that belongs there.
    #[error("{path} has more than {limit} bytes; nothing of that size belongs there", path = path.display())]
    TooBig {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The file is mounted by itself, so it cannot be replaced in one step.
    #[error("{path} is a mount point, so it cannot be replaced in one step; mount its folder instead", path = .0.display())]
    Mounted(PathBuf),
    /// A link stands where the file should be.
    #[error("{path} is a symbolic link; put the file itself there", path = .0.display())]
    Link(PathBuf),
    /// Somebody else owns the file.
    #[error("{path} belongs to another user; remove it or give it to yourself with chown", path = .0.display())]
    Foreign(PathBuf),
    /// Root owns the file or link, as where a manager of dotfiles made it.
    #[error("{path} belongs to root, so Dayfly only reads it; leave the target that writes it out of `delivery` (of the session, the Workspace or dayfly.toml), or put a file of your own in its place", path = .0.display())]
    OfRoot(PathBuf),
    /// Somebody else owns what decides what Dayfly does.
    #[error("{path} belongs to user {owner}, who is neither you nor root; give it to yourself: chown \"$USER\" {path}", path = path.display())]
    NotYours {
        /// The file, folder or link.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
    },
    /// Somebody else may write to what decides what Dayfly does.
    #[error("others may write to {path} (mode {mode:o}), and so decide what Dayfly does; run: chmod {who}-w {path}", path = path.display())]
    Writable {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whose right is to be taken away, as chmod names them.
        who: &'static str,
    },
    /// Others may read the file.
    #[error("{path} can be read by others (mode {mode:o}); run: chmod 600 {path}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process kept the lock too long.
    #[error("{path} has been locked by another process for {seconds} s; try again when it is done", path = path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
}

impl PrivateFileError {
    /// It and what it came of, in one line.
    #[must_use]
    pub fn with_cause(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }
}

/// The name that a person knows a file by, in place of what its link leads to.
pub(crate) fn named(asked: &Path) -> impl Fn(PrivateFileError) -> PrivateFileError {
    let path = asked.to_owned();
    move |error| match error {
        PrivateFileError::NotAFile { kind, .. } => PrivateFileError::NotAFile {
            path: path.clone(),
            kind,
        },
        other => other,
    }
}

/// The error for a link whose target is missing.
pub(crate) fn leads_nowhere(link: &Path) -> PrivateFileError {
    PrivateFileError::UnsafeLink {
        path: link.to_owned(),
        problem: "leads to no file",
        advice: "create the file that it leads to, or remove the link",
    }
}

pub(crate) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> PrivateFileError {
    let path = path.to_owned();
    move |source| PrivateFileError::Io {
        operation,
        path,
        source,
    }
}

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
