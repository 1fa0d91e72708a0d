//! The file itself: reading it with care, and putting a new text in its place.
//!
//! A Workspace can name programs to run (`tokenCommand`), so a file that others can write to is
//! not read. The rule is the one of all that decides what Dayfly does: [`trusted`]. A link is
//! followed, and stays: the new text takes the place of the file that it leads to.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dayfly_fs::private_file::PrivateFileError;
use dayfly_fs::{bounded, trusted};
use tempfile::TempPath;

use crate::position::Walk;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// There is no such file.
    #[error("{path} does not exist")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is a folder, a pipe or the like.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// It is longer than is read.
    #[error("{path} has more than {limit} bytes")]
    TooBig {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// Its bytes are no text.
    #[error("{path} is not UTF-8 text: line {line}, column {column}")]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first wrong byte, from 1.
        line: u32,
        /// Its character in the line, from 1.
        column: u32,
    },
    /// It belongs to somebody else.
    #[error("{path} belongs to user {owner}, who is neither you nor root")]
    Foreign {
        /// The file, or the link that leads to it.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
    },
    /// Others may change it.
    #[error("other users can write to {path} (mode {mode:o})")]
    Open {
        /// The file, or a folder on the way to it.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whose right is to be taken away, as chmod names them.
        who: &'static str,
    },
    /// It cannot be used, for a reason that says what to do.
    #[error(transparent)]
    Unusable(PrivateFileError),
    /// The operating system refused.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried, as "read".
        operation: &'static str,
        /// The object of it.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("another process has been writing {path} for {seconds} s")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Others kept changing the file, so that no moment was left to write to it.
    #[error("other programs kept changing {path} while Dayfly tried to write it")]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

impl DiskError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some("create it with `dayfly init`".to_owned()),
            Self::NotText { .. } => Some("save it as UTF-8".to_owned()),
            Self::Foreign { path, .. } => Some(format!("take it over: {}", path.display())),
            Self::Open { path, who, .. } => Some(format!("chmod {who}-w {}", path.display())),
            Self::Locked { .. } | Self::Busy { .. } => Some("try again".to_owned()),
            Self::NotAFile { .. } | Self::TooBig { .. } | Self::Unusable(_) | Self::Io { .. } => {
                None
            }
        }
    }
}

impl From<PrivateFileError> for DiskError {
    fn from(error: PrivateFileError) -> Self {
        match error {
            PrivateFileError::NotYours { path, owner } => Self::Foreign { path, owner },
            PrivateFileError::Writable { path, mode, who } => Self::Open { path, mode, who },
            PrivateFileError::NotAFile { path, .. } => Self::NotAFile { path },
            PrivateFileError::TooBig { path, limit } => Self::TooBig { path, limit },
            PrivateFileError::Io {
                operation,
                path,
                source,
            } => io_error(operation, &path)(source),
            other => Self::Unusable(other),
        }
    }
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_owned();
    move |source| {
        if source.kind() == io::ErrorKind::NotFound {
            return DiskError::Missing { path };
        }
        DiskError::Io {
            operation,
            path,
            source,
        }
    }
}

/// A file as it was read.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) text: String,
    /// Where it stands, links resolved.
    pub(crate) target: PathBuf,
    metadata: Metadata,
}

fn missing(path: &Path) -> DiskError {
    DiskError::Missing {
        path: path.to_owned(),
    }
}

/// Where the file stands behind links.
pub(crate) fn target(path: &Path) -> Result<PathBuf, DiskError> {
    trusted::inspect(path)?.ok_or_else(|| missing(path))
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Base, DiskError> {
    let opened = trusted::open(path)?.ok_or_else(|| missing(path))?;
    let (target, metadata, mut file) = (opened.path, opened.meta, opened.file);
    let mut bytes = bounded::read_all(&mut file, &metadata, &target, limit)?;
    let bytes = std::mem::take(&mut *bytes);
    let text = String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(e.as_bytes().get(..good).unwrap_or_default());
        let (line, column) = Walk::new(&text).to(good);
        DiskError::NotText {
            path: target.clone(),
            line,
            column,
        }
    })?;
    Ok(Base {
        text,
        target,
        metadata,
    })
}

/// What came of the try to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    /// The new text stands there.
    Done,
    /// Somebody wrote since the file was read: theirs stands there, read it again.
    Disturbed,
}

/// Puts a new text in the place of the one that was read: written beside it, synced, swapped in
/// one step. What came out of the swap is compared with what was read; where it differs, it is
/// swapped back. So a save of an editor that knows nothing of our lock is not lost either.
pub(crate) fn swap(base: &Base, text: &str) -> Result<Swap, DiskError> {
    let temp = write_beside(&base.target, text, |file| owner::copy(file, &base.metadata))?;
    let done = match exchange(&temp, &base.target) {
        Ok(()) => {
            if holds(&temp, &base.text) {
                Swap::Done
            } else {
                put_back(&temp, &base.target, text)?;
                Swap::Disturbed
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Swap::Disturbed),
        // The file system cannot exchange: look, then rename.
        Err(_) if !holds(&base.target, &base.text) => Swap::Disturbed,
        Err(_) => {
            let target = &base.target;
            temp.persist(target)
                .map_err(|e| io_error("replace", target)(e.error))?;
            sync_folder(target)?;
            return Ok(Swap::Done);
        }
    };
    sync_folder(&base.target)?;
    Ok(done)
}

/// Makes a file that is not there yet; readable for its owner only.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), DiskError> {
    let temp = write_beside(path, text, |_| Ok(()))?;
    temp.persist_noclobber(path)
        .map_err(|e| io_error("create", path)(e.error))?;
    sync_folder(path)
}

fn write_beside(
    target: &Path,
    text: &str,
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> Result<TempPath, DiskError> {
    let folder = folder_of(target);
    let (start, end) = temporary(target);
    // The temporary file is 0600 from its first moment.
    let mut temp = tempfile::Builder::new()
        .prefix(&start)
        .suffix(end)
        .tempfile_in(folder)
        .map_err(io_error("write in", folder))?;
    let written = temp
        .write_all(text.as_bytes())
        .and_then(|()| prepare(temp.as_file()))
        .and_then(|()| temp.as_file().sync_all());
    written.map_err(io_error("write beside", target))?;
    Ok(temp.into_temp_path())
}

/// How the names of temporary files beside a Workspace begin and end.
pub(crate) fn temporary(target: &Path) -> (String, &'static str) {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    (format!(".{name}."), ".tmp")
}

fn put_back(temp: &Path, target: &Path, ours: &str) -> Result<(), DiskError> {
    exchange(temp, target).map_err(io_error("restore", target))?;
    if !holds(temp, ours) {
        // A third save came in between: the newest stays.
        exchange(temp, target).map_err(io_error("restore", target))?;
    }
    Ok(())
}

fn holds(path: &Path, text: &str) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|m| m.is_file());
    let limit = u64::try_from(text.len()).unwrap_or(u64::MAX);
    is_file && bounded::read(path, limit).is_ok_and(|now| now.as_deref() == Some(text.as_bytes()))
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a rename outlive a loss of power.
fn sync_folder(target: &Path) -> Result<(), DiskError> {
    if cfg!(unix) {
        let folder = folder_of(target);
        let synced = File::open(folder).and_then(|f| f.sync_all());
        synced.map_err(io_error("sync", folder))?;
    }
    Ok(())
}

#[cfg(unix)]
pub(crate) mod owner {
    //! Owners and modes, where files have them.

    use std::fs::{File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use rustix::fs::OFlags;

    fn flags(flags: OFlags) -> i32 {
        flags.bits().cast_signed()
    }

    /// Opens to read; neither follows a link nor waits for the other end of a pipe.
    pub(crate) fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
            .open(path)
    }

    /// When the file, its name or its mode was last changed.
    pub(crate) fn changed(metadata: &Metadata) -> Option<SystemTime> {
        let seconds = u64::try_from(metadata.ctime()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }

    /// Gives a new file the mode and the owner of the old one.
    pub(super) fn copy(file: &File, of: &Metadata) -> io::Result<()> {
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (of.uid(), of.gid()) {
            fchown(file, Some(of.uid()), Some(of.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(of.mode() & 0o777))
    }
}

#[cfg(not(unix))]
pub(crate) mod owner {
    //! Owners and modes are not looked at where the folder's own access rules do that.

    use std::fs::{File, Metadata};
    use std::io;
    use std::path::Path;
    use std::time::SystemTime;

    pub(crate) fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(crate) fn changed(metadata: &Metadata) -> Option<SystemTime> {
        metadata.modified().ok()
    }

    pub(super) fn copy(_: &File, _: &Metadata) -> io::Result<()> {
        Ok(())
    }
}
