//! New files that are to take the place of others, and what may be left of such.
//!
//! Folders that belong to other tools hold nothing of ours but for moments: a new file is written
//! without a name where the file system can do that, gets a hidden name for the step in which it
//! takes its place, and loses it then. What a process that was killed in that moment left behind
//! is removed by the next one that writes in the folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags};

use crate::error::{PrivateFileError, io_error};
use crate::private_file::folder_of;

/// What stands between the name of a file and what tells its replacements apart.
const INFIX: &str = ".dayfly-";
/// How many names are tried.
const NAMES: u32 = 64;

/// A new file beside the one that it is to replace, locked as long as it is needed; its name is
/// removed with it.
#[derive(Debug)]
pub(crate) struct Staged {
    path: PathBuf,
    _file: File,
}

impl Staged {
    /// Writes a new file in the folder of `target`, with mode 0600.
    pub(crate) fn write(target: &Path, bytes: &[u8]) -> Result<Self, PrivateFileError> {
        sweep(folder_of(target));
        match nameless(target, bytes) {
            Ok(staged) => Ok(staged),
            // The file system, or this process, cannot do that.
            Err(_) => named(target, bytes),
        }
    }

    /// Where it is for now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What is there is the old file, or a new one that is not wanted.
        let _ = fs::remove_file(&self.path);
    }
}

/// The names that a replacement of this file may have for a moment.
fn names(target: &Path) -> impl Iterator<Item = PathBuf> {
    let mut start = std::ffi::OsString::from(".");
    start.push(target.file_name().unwrap_or_default());
    start.push(format!("{INFIX}{}", std::process::id()));
    (0..NAMES).map(move |n| {
        let mut name = start.clone();
        name.push(format!("-{n}"));
        target.with_file_name(name)
    })
}

/// A file that has no name until it is whole.
#[cfg(target_os = "linux")]
fn nameless(target: &Path, bytes: &[u8]) -> io::Result<Staged> {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{AtFlags, Mode, linkat, openat};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = openat(CWD, folder_of(target), flags, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    fill(&mut file, bytes)?;
    let itself = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    for path in names(target) {
        match linkat(CWD, &itself, CWD, &path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => return Ok(Staged { path, _file: file }),
            Err(rustix::io::Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path, _: &[u8]) -> io::Result<Staged> {
    Err(io::ErrorKind::Unsupported.into())
}

fn named(target: &Path, bytes: &[u8]) -> Result<Staged, PrivateFileError> {
    for path in names(target) {
        let created = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = match created {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(e) => return Err(io_error("write in", folder_of(target))(e)),
        };
        let mut staged = Staged { path, _file: file };
        let written = fill(&mut staged._file, bytes);
        written.map_err(io_error("write", target))?;
        return Ok(staged);
    }
    let full = io::Error::from(io::ErrorKind::AlreadyExists);
    Err(io_error("write beside", target)(full))
}

fn fill(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    // Tells others that it is in use; where that cannot be told, it is gone in a moment.
    let _ = file.try_lock();
    // The mode that it was made with is reduced by the umask, which may leave too little.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes what processes that were killed, and versions that kept lock files beside what they
/// locked, left in a folder.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let lock = name.ends_with(".dayfly-lock");
        let new = name.ends_with(".dayfly-new");
        let staged = name.starts_with('.') && is_staged(name);
        if !(lock || new || staged) {
            continue;
        }
        // A lock file of ours was always empty.
        let removable = |size: u64| !lock || size == 0;
        // Whoever wrote the file held the lock that was beside it.
        let guard = name.strip_suffix("-new").map(|name| format!("{name}-lock"));
        let free = guard.is_none_or(|guard| unused(&folder.join(guard)).unwrap_or(true));
        if free && unused(&entry.path()) == Some(true) && size(&entry.path()).is_some_and(removable)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_staged(name: &str) -> bool {
    let Some((_, rest)) = name.rsplit_once(INFIX) else {
        return false;
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    rest.split_once('-')
        .is_some_and(|(pid, n)| number(pid) && number(n))
}

fn size(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|meta| meta.len())
}

/// Whether a file of this user is locked by nobody; none where there is none.
fn unused(path: &Path) -> Option<bool> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .ok()?;
    let meta = file.metadata().ok()?;
    let mine = meta.uid() == rustix::process::geteuid().as_raw();
    if !meta.is_file() || !mine {
        return Some(false);
    }
    Some(match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    })
}
