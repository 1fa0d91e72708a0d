//! Whether somebody else could have written what decides what Dayfly runs, reaches or publishes.
//!
//! The rule is that of ssh's `StrictModes`: a file, each link on the way to it and each folder on
//! the way belong to this user or to root, and nobody else may write to them. Folders above the
//! user's home are the administrator's and are not looked at for a file below it. Two exceptions:
//! in a sticky folder (`/tmp`) only the owner of a file replaces it; and a group that is this
//! user's alone is no other, since many systems give each user one and write rights to it.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use crate::bounded::{self, Links};
use crate::error::{PrivateFileError, io_error, leads_nowhere, named};
use crate::users;

/// Links that are followed on the way to one file, as the kernel has it.
const LINKS: usize = 40;

/// A file that nobody else can have written.
#[derive(Debug)]
pub struct Trusted {
    /// Where it stands, links resolved.
    pub path: PathBuf,
    /// It, opened.
    pub file: File,
    /// What it is.
    pub meta: Metadata,
}

/// Opens a file that nobody else can have written; none where there is no file.
///
/// # Errors
/// Somebody else owns or may write to it, to a link or to a folder on the way to it; or it is no
/// regular file, or cannot be opened.
pub fn open(path: &Path) -> Result<Option<Trusted>, PrivateFileError> {
    let asked = path;
    let Some(path) = resolve(asked)? else {
        return Ok(None);
    };
    let opened = bounded::open(&path, Links::Refuse).map_err(named(asked));
    let Some((file, meta)) = opened? else {
        return Ok(None);
    };
    check(&path, &meta)?;
    Ok(Some(Trusted { path, file, meta }))
}

/// Reads a file that nobody else can have written, at most `limit` bytes; none where there is
/// none.
///
/// # Errors
/// As for [`open`] and [`bounded::read_all`].
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, PrivateFileError> {
    let Some(mut opened) = open(path)? else {
        return Ok(None);
    };
    let mut bytes = bounded::read_all(&mut opened.file, &opened.meta, path, limit)?;
    Ok(Some(std::mem::take(&mut *bytes)))
}

/// The same as [`read`] for a file that has to be UTF-8 text.
///
/// # Errors
/// As for [`read`], or its bytes are no text.
pub fn read_text(path: &Path, limit: u64) -> Result<Option<String>, PrivateFileError> {
    match read(path, limit)? {
        Some(bytes) => bounded::text(path, bytes).map(Some),
        None => Ok(None),
    }
}

/// Judges a file or folder, and everything on the way to it, without opening it; where it stands,
/// links resolved, and none where there is nothing.
///
/// # Errors
/// Somebody else owns or may write to it or to something on the way to it.
pub fn inspect(path: &Path) -> Result<Option<PathBuf>, PrivateFileError> {
    let Some(path) = resolve(path)? else {
        return Ok(None);
    };
    match fs::symlink_metadata(&path) {
        Ok(meta) => check(&path, &meta).map(|()| Some(path)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io_error("look at", &path)(e)),
    }
}

/// The same for a folder with all that is in it, at most so many files.
///
/// # Errors
/// Somebody else owns or may write to something in it or on the way to it, it cannot be looked at, or
/// there is more.
pub fn inspect_tree(folder: &Path, files: usize) -> Result<(), PrivateFileError> {
    let Some(folder) = inspect(folder)? else {
        return Ok(());
    };
    let mut left = vec![folder];
    let mut seen = 0;
    while let Some(folder) = left.pop() {
        let failed = || io_error("look into", &folder);
        for entry in fs::read_dir(&folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let path = entry.path();
            seen += 1;
            if seen > files {
                let many = io::Error::other(format!("it has more than {files} files"));
                return Err(failed()(many));
            }
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                // Programs come and go there.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(io_error("look at", &path)(e)),
            };
            if meta.is_symlink() {
                match inspect(&path) {
                    Ok(_) | Err(PrivateFileError::UnsafeLink { .. }) => {}
                    Err(error) => return Err(error),
                }
                continue;
            }
            check(&path, &meta)?;
            if meta.is_dir() {
                left.push(path);
            }
        }
    }
    Ok(())
}

/// Follows a path as the kernel does, and judges each folder and link on the way.
fn resolve(path: &Path) -> Result<Option<PathBuf>, PrivateFileError> {
    let whole = std::path::absolute(path).map_err(io_error("look at", path))?;
    let home = std::env::home_dir().and_then(|home| fs::canonicalize(home).ok());
    let mut left: Vec<OsString> = Vec::new();
    push(&mut left, &whole);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    // The link that was followed last, and how much was left beside what it says.
    let mut link: Option<(PathBuf, usize)> = None;
    check_folder(&here, home.as_deref())?;
    while let Some(name) = left.pop() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        let meta = match fs::symlink_metadata(&next) {
            Ok(meta) => meta,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let dangling = link.filter(|(_, beside)| left.len() >= *beside);
                return dangling.map_or(Ok(None), |(link, _)| Err(leads_nowhere(&link)));
            }
            Err(e) => return Err(io_error("look at", &next)(e)),
        };
        if meta.is_symlink() {
            links += 1;
            if links > LINKS {
                let source = io::Error::from(rustix::io::Errno::LOOP);
                return Err(io_error("follow", path)(source));
            }
            check_owner(&next, &meta)?;
            let to = fs::read_link(&next).map_err(io_error("follow", &next))?;
            if to.is_absolute() {
                here = PathBuf::from("/");
            }
            link = Some((next, left.len()));
            push(&mut left, &to);
            continue;
        }
        here = next;
        if !left.is_empty() {
            check_folder(&here, home.as_deref())?;
        }
    }
    Ok(Some(here))
}

/// Puts the parts of a path on the pile of what is left to walk.
fn push(left: &mut Vec<OsString>, path: &Path) {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    let parts: Vec<OsString> = parts.collect();
    left.extend(parts.into_iter().rev());
}

fn check_folder(folder: &Path, home: Option<&Path>) -> Result<(), PrivateFileError> {
    if home.is_some_and(|home| home != folder && home.starts_with(folder)) {
        return Ok(());
    }
    let meta = fs::metadata(folder).map_err(io_error("look at", folder))?;
    check(folder, &meta)
}

fn check_owner(path: &Path, meta: &Metadata) -> Result<(), PrivateFileError> {
    let owner = meta.uid();
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(PrivateFileError::NotYours {
        path: path.to_owned(),
        owner,
    })
}

/// Judges one file or folder.
///
/// # Errors
/// Somebody else owns or may write to it.
pub fn check(path: &Path, meta: &Metadata) -> Result<(), PrivateFileError> {
    check_owner(path, meta)?;
    if writable_by_others(path, meta) {
        return Err(PrivateFileError::Writable {
            path: path.to_owned(),
            mode: meta.permissions().mode() & 0o7777,
            who: match meta.permissions().mode() & 0o002 {
                0 => "g",
                _ => "go",
            },
        });
    }
    Ok(())
}

/// Whether somebody else may write to a file, or replace a file in a folder.
#[must_use]
pub fn writable_by_others(path: &Path, meta: &Metadata) -> bool {
    let mode = meta.permissions().mode();
    if meta.is_dir() && mode & 0o1000 != 0 {
        return false;
    }
    mode & 0o002 != 0 || (mode & 0o020 != 0 && !only_mine(path, meta))
}

/// The group of those who may become root as they like, to which systems give the folders of programs:
/// `admin` of macOS.
const ADMINISTRATORS: Option<u32> = if cfg!(target_os = "macos") {
    Some(80)
} else {
    None
};

/// Whether the group of a file is this user's alone, so that its write right is nobody else's.
///
/// An access control list shows the most that anybody in it may do where the mode has the rights
/// of the group, so with one the group's name says nothing.
fn only_mine(path: &Path, meta: &Metadata) -> bool {
    let group = meta.gid();
    if group == 0 || ADMINISTRATORS.is_some_and(|admin| group == admin) {
        return true;
    }
    let user = rustix::process::geteuid().as_raw();
    group == rustix::process::getegid().as_raw() && own_group(group, user) && !has_acl(path)
}

/// Systems that give each user a group of his own give it his number or his name.
fn own_group(group: u32, user: u32) -> bool {
    if group == user {
        return true;
    }
    let (Some(group), Some(user)) = (users::group_with_id(group), users::user_with_id(user)) else {
        return false;
    };
    let name = user.first();
    let members = group.get(3).map_or("", String::as_str);
    group.first() == name
        && members
            .split(',')
            .all(|one| one.is_empty() || Some(&one.to_owned()) == name)
}

#[cfg(target_os = "linux")]
fn has_acl(path: &Path) -> bool {
    let mut none: [u8; 0] = [];
    let found = rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut none);
    found.is_ok_and(|size| size > 0)
}

#[cfg(not(target_os = "linux"))]
fn has_acl(_: &Path) -> bool {
    false
}
