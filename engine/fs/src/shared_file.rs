//! Private files that a person and other programs edit too, such as the AWS credentials file.
//!
//! Nobody but us takes our lock, so a change is made on what was read just before, and counts
//! only where the file still was what was read: the new file and the old change places in one
//! step, and back again where the old one turns out to be another. File systems that cannot
//! do that leave the moment between the last look and the rename. What nobody can prevent is
//! that a program which opened the old file before goes on writing into it afterwards.
//!
//! The lock is one on the file itself (`flock`), so that there is no lock file in a folder that
//! belongs to other tools, and all processes agree on it, whatever their environment. A file that
//! is not there has no lock; of those that make it at once, one does, and the others start again.
//!
//! The rule for links, which managers of dotfiles make: a link is followed where the link and
//! the file that it leads to belong to this user, and nobody else may write in that file's
//! folder. The link stays, and the file that it leads to is replaced. Any other link is refused.
//! What is only read may belong to root too, as where a link leads into a store of packages.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Access, AtFlags, CWD, OFlags, RenameFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::bounded::{self, Links};
use crate::error::{PrivateFileError, io_error, leads_nowhere, named};
use crate::private_file::{self, folder_of};
use crate::staged::{self, Staged};
use crate::trusted;

/// How long a file that ends in the middle of a line has to have been left alone.
const SETTLED: Duration = Duration::from_millis(100);

/// A file that others edit too, locked against other processes that use this type.
#[derive(Debug)]
#[must_use]
pub struct SharedFile {
    /// As errors name it.
    asked: PathBuf,
    /// Where it stands, links resolved.
    path: PathBuf,
    /// None where there was no file to lock.
    _lock: Option<File>,
}

/// What stood in a file at one moment.
#[derive(Debug)]
pub struct Seen {
    file: Option<(File, Identity)>,
    bytes: Zeroizing<Vec<u8>>,
    mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Seen {
    /// Programs that write into the file itself, as the AWS CLI does, empty it first. What was
    /// emptied or cut off a moment ago is not yet what it is to be.
    fn is_being_written(&self) -> bool {
        let Some((file, _)) = &self.file else {
            return false;
        };
        if self.bytes.ends_with(b"\n") {
            return false;
        }
        let modified = file.metadata().and_then(|meta| meta.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < SETTLED))
    }

    /// The content; empty where there is no file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// How often a change is made again because somebody else changed the file meanwhile.
const ATTEMPTS: usize = 20;

/// Locks a file, reads it, has it changed and puts the new text in its place; again where somebody else changed
/// it meanwhile. False where others change it all the time; the file is as they left it then.
///
/// # Errors
/// What `change` says; what `failed` makes of a file that cannot be locked, read or written.
pub fn edit<T: AsRef<[u8]>, E>(
    path: &Path,
    deadline: Duration,
    limit: u64,
    failed: impl Fn(PrivateFileError) -> E,
    mut change: impl FnMut(&[u8]) -> Result<T, E>,
) -> Result<bool, E> {
    let file = SharedFile::lock(path, deadline).map_err(&failed)?;
    for _ in 0..ATTEMPTS {
        let seen = file.read(limit).map_err(&failed)?;
        let text = change(seen.bytes())?;
        let same = text.as_ref() == seen.bytes();
        if same || file.replace(&seen, text.as_ref()).map_err(&failed)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl SharedFile {
    /// Follows an allowed link, and locks the file that is meant. The folder is created with mode
    /// 0700 where there is none.
    ///
    /// # Errors
    /// A link or folder is refused, or another process kept the lock longer than `deadline`.
    pub fn lock(path: &Path, deadline: Duration) -> Result<Self, PrivateFileError> {
        private_file::create_folder(folder_of(path))?;
        let asked = path.to_owned();
        let path = resolve(path, Owner::User)?;
        staged::sweep(folder_of(&path));
        let lock = hold(&path, deadline).map_err(named(&asked))?;
        Ok(Self {
            asked,
            path,
            _lock: lock,
        })
    }

    /// Where the file really stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file, at most `limit` bytes of it.
    ///
    /// # Errors
    /// It belongs to somebody else, is read-only, is no regular file, is bigger, or cannot be
    /// read.
    pub fn read(&self, limit: u64) -> Result<Seen, PrivateFileError> {
        let look = || look(&self.path, limit, Owner::User).map_err(named(&self.asked));
        let mut seen = look()?;
        let begun = Instant::now();
        while seen.is_being_written() && begun.elapsed() < SETTLED * 2 {
            thread::sleep(SETTLED / 10);
            seen = look()?;
        }
        if seen.file.is_some() && seen.mode & 0o200 == 0 {
            return Err(PrivateFileError::ReadOnly {
                path: self.path.clone(),
                mode: seen.mode,
            });
        }
        Ok(seen)
    }

    /// Takes the rights of all others to the file away, where they have some.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn tighten(&self, seen: &Seen) -> Result<(), PrivateFileError> {
        match &seen.file {
            Some((file, _)) if seen.mode & 0o077 != 0 => file
                .set_permissions(fs::Permissions::from_mode(seen.mode & 0o700))
                .map_err(io_error("change the mode of", &self.path)),
            _ => Ok(()),
        }
    }

    /// Puts `bytes`, with mode 0600, in the place of what was seen; false, and nothing is
    /// changed, where the file is no longer what was seen.
    ///
    /// # Errors
    /// The folder cannot be written, or what stands there now may not be replaced.
    pub fn replace(&self, seen: &Seen, bytes: &[u8]) -> Result<bool, PrivateFileError> {
        let staged = Staged::write(&self.path, bytes)?;
        if !still(&self.path, seen)? {
            return Ok(false);
        }
        let done = match &seen.file {
            Some(_) => change_places(staged, &self.path, seen)?,
            None => take_place(&staged, &self.path)?,
        };
        let folder = folder_of(&self.path);
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(io_error("write", folder))?;
        Ok(done)
    }
}

/// Whether what was seen stands at `path`.
fn still(path: &Path, seen: &Seen) -> Result<bool, PrivateFileError> {
    let limit = u64::try_from(seen.bytes.len()).unwrap_or(u64::MAX);
    match look(path, limit, Owner::User) {
        Ok(now) => {
            let identity = |s: &Seen| s.file.as_ref().map(|(_, identity)| *identity);
            Ok(identity(&now) == identity(seen) && now.bytes == seen.bytes)
        }
        Err(PrivateFileError::TooBig { .. }) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Locks the file that stands at `path`; none where there is none.
fn hold(path: &Path, deadline: Duration) -> Result<Option<File>, PrivateFileError> {
    let begun = Instant::now();
    loop {
        let Some(file) = open_to_lock(path)? else {
            return Ok(None);
        };
        match file.try_lock() {
            Ok(()) if is_at(&file, path)? => return Ok(Some(file)),
            // It was replaced meanwhile, and what replaced it is to be locked.
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            Err(fs::TryLockError::Error(e)) => return Err(io_error("lock", path)(e)),
        }
        if begun.elapsed() >= deadline {
            return Err(PrivateFileError::Locked {
                path: path.to_owned(),
                seconds: deadline.as_secs(),
            });
        }
    }
}

fn open_to_lock(path: &Path) -> Result<Option<File>, PrivateFileError> {
    // Without NONBLOCK a pipe that stands there would keep us waiting.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    if let Ok(meta) = fs::symlink_metadata(path)
        && !meta.is_symlink()
    {
        bounded::require_file(path, &meta)?;
    }
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            Err(PrivateFileError::Link(path.to_owned()))
        }
        Err(e) => Err(io_error("open", path)(e)),
    }
}

/// Whether this open file is the one that stands at `path`.
fn is_at(file: &File, path: &Path) -> Result<bool, PrivateFileError> {
    let meta = file.metadata().map_err(io_error("look at", path))?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (meta.dev(), meta.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io_error("look at", path)(e)),
    }
}

/// Takes the place of what was seen.
fn change_places(staged: Staged, path: &Path, seen: &Seen) -> Result<bool, PrivateFileError> {
    match rename_with(staged.path(), path, RenameFlags::EXCHANGE) {
        Ok(()) => {}
        Err(e) if unsupported(e) => {
            fs::rename(staged.path(), path).map_err(replace_error(path))?;
            return Ok(true);
        }
        // Somebody removed the file.
        Err(Errno::NOENT) => return Ok(false),
        Err(e) => return Err(replace_error(path)(e.into())),
    }
    // The old file is now ours alone, so this look cannot be overtaken.
    if matches!(still(staged.path(), seen), Ok(true)) {
        return Ok(true);
    }
    match rename_with(staged.path(), path, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(false),
        Err(e) => {
            // Better a person's file under another name than none.
            std::mem::forget(staged);
            Err(replace_error(path)(e.into()))
        }
    }
}

/// Takes the place of nothing.
fn take_place(staged: &Staged, path: &Path) -> Result<bool, PrivateFileError> {
    match rename_with(staged.path(), path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(e) if unsupported(e) => {
            fs::rename(staged.path(), path).map_err(replace_error(path))?;
            Ok(true)
        }
        Err(e) => Err(replace_error(path)(e.into())),
    }
}

fn rename_with(from: &Path, to: &Path, flags: RenameFlags) -> Result<(), Errno> {
    rustix::fs::renameat_with(CWD, from, CWD, to, flags)
}

/// Whether the file system knows only the plain rename.
fn unsupported(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

fn replace_error(path: &Path) -> impl FnOnce(io::Error) -> PrivateFileError {
    move |e| match e.kind() {
        io::ErrorKind::ResourceBusy => PrivateFileError::Mounted(path.to_owned()),
        _ => io_error("replace", path)(e),
    }
}

/// What stands in a file now, read without a lock: as files are renamed into place, it is whole.
///
/// # Errors
/// As for [`SharedFile::read`], but for read-only files and files of root, which may be looked at.
pub fn peek(path: &Path, limit: u64) -> Result<Seen, PrivateFileError> {
    let target = resolve(path, Owner::UserOrRoot)?;
    look(&target, limit, Owner::UserOrRoot).map_err(named(path))
}

/// Whether the file could be written now, as far as that can be told without writing.
///
/// # Errors
/// What [`SharedFile::lock`], [`SharedFile::read`] and [`SharedFile::replace`] would refuse with.
pub fn writable(path: &Path) -> Result<(), PrivateFileError> {
    let asked = path;
    let path = &resolve(asked, Owner::User)?;
    let may = |path: &Path, how: Access| {
        let may = rustix::fs::accessat(CWD, path, how, AtFlags::EACCESS);
        may.map_err(|e| io_error("write", path)(e.into()))
    };
    let seen = look(path, private_file::LIMIT, Owner::User).map_err(named(asked))?;
    if seen.file.is_some() {
        if seen.mode & 0o200 == 0 {
            return Err(PrivateFileError::ReadOnly {
                path: path.clone(),
                mode: seen.mode,
            });
        }
        may(path, Access::WRITE_OK)?;
        if is_mount_point(path) {
            return Err(PrivateFileError::Mounted(path.clone()));
        }
    }
    let folder = { path.ancestors().skip(1) }.find(|folder| folder.is_dir());
    folder.map_or(Ok(()), |folder| {
        may(folder, Access::WRITE_OK | Access::EXEC_OK)
    })
}

#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{StatxAttributes, StatxFlags, statx};
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS);
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path) -> bool {
    false
}

fn look(path: &Path, limit: u64, owner: Owner) -> Result<Seen, PrivateFileError> {
    let Some((mut file, meta)) = bounded::open(path, Links::Refuse)? else {
        return Ok(Seen {
            file: None,
            bytes: Zeroizing::default(),
            mode: 0o600,
        });
    };
    match owner.judge(&meta) {
        Judged::Right => {}
        Judged::OfRoot => return Err(PrivateFileError::OfRoot(path.to_owned())),
        Judged::Foreign => return Err(PrivateFileError::Foreign(path.to_owned())),
    }
    let bytes = bounded::read_all(&mut file, &meta, path, limit)?;
    let identity = Identity {
        device: meta.dev(),
        inode: meta.ino(),
    };
    Ok(Seen {
        file: Some((file, identity)),
        bytes,
        mode: meta.permissions().mode() & 0o777,
    })
}

/// The file that is meant, after the rule for links.
fn resolve(path: &Path, owner: Owner) -> Result<PathBuf, PrivateFileError> {
    let refused = |problem, advice| PrivateFileError::UnsafeLink {
        path: path.to_owned(),
        problem,
        advice,
    };
    let target = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => {
            match owner.judge(&meta) {
                Judged::Right => {}
                Judged::OfRoot => return Err(PrivateFileError::OfRoot(path.to_owned())),
                Judged::Foreign => {
                    return Err(refused(
                        "belongs to another user",
                        "replace it with your own",
                    ));
                }
            }
            match fs::canonicalize(path) {
                Ok(target) => target,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    return Err(leads_nowhere(path));
                }
                Err(e) => return Err(io_error("follow", path)(e)),
            }
        }
        Ok(_) => path.to_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(e) => return Err(io_error("look at", path)(e)),
    };
    let folder = folder_of(&target);
    match fs::metadata(folder) {
        Ok(meta) if trusted::writable_by_others(folder, &meta) => {
            Err(PrivateFileError::OpenFolder {
                path: folder.to_owned(),
                mode: meta.permissions().mode() & 0o7777,
            })
        }
        Ok(_) => Ok(target),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(target),
        Err(e) => Err(io_error("look at", folder)(e)),
    }
}

/// Whose a file, and a link to it, may be.
#[derive(Clone, Copy)]
enum Owner {
    /// To be written.
    User,
    /// To be read.
    UserOrRoot,
}

enum Judged {
    Right,
    OfRoot,
    Foreign,
}

impl Owner {
    fn judge(self, meta: &Metadata) -> Judged {
        match (self, meta.uid()) {
            (_, owner) if owner == rustix::process::geteuid().as_raw() => Judged::Right,
            (Self::UserOrRoot, 0) => Judged::Right,
            (Self::User, 0) => Judged::OfRoot,
            _ => Judged::Foreign,
        }
    }
}
