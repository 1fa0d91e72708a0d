//! Opens a file below a folder so that no link leads out of the folder: what is read is decided by
//! what was opened, never by a path that was looked at before.
//!
//! Links on the way to the folder itself are followed: those are the person's, who named it.

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

/// A file that was opened, and its path without links, where the system says it.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Whether it may be read, and not only looked at.
    pub(super) readable: bool,
}

/// Opens a file; without waiting for whoever is at the other end of what is none.
///
/// # Errors
/// There is none, or a link is on the way below the folder, or it is not below it at all.
pub(super) fn open_below(folder: &Path, path: &Path) -> io::Result<Opened> {
    let rest = path.strip_prefix(folder).map_err(io::Error::other)?;
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if rest.as_os_str().is_empty() || !rest.components().all(plain) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let base = openat(CWD, folder, FOLDER, Mode::empty())?;
    let real = real_path(&base, folder)?.join(rest);
    let read = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let (file, readable) = match beneath(&base, rest, read) {
        Ok(file) => (file, true),
        // It is there, and that is all that is known of it.
        Err(Errno::ACCESS | Errno::PERM) => (beneath(&base, rest, LOOK)?, false),
        Err(error) => return Err(error.into()),
    };
    Ok(Opened {
        file: file.into(),
        path: real,
        readable,
    })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
#[cfg(any(target_os = "linux", target_os = "android"))]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

// These systems have no descriptor that only looks.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const LOOK: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

#[cfg(any(target_os = "linux", target_os = "android"))]
fn beneath(base: &OwnedFd, rest: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // A rename elsewhere may have the kernel give up for the moment.
    for _ in 0..8 {
        match openat2(base, rest, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            // Kernels before 5.6, and filters that do not know the call.
            Err(Errno::NOSYS | Errno::PERM) => break,
            result => return result,
        }
    }
    name_by_name(base, rest, flags)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn beneath(base: &OwnedFd, rest: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    name_by_name(base, rest, flags)
}

/// The same where the system cannot do it in one step: each name is opened in the folder that was
/// opened before it, and none of them may be a link.
fn name_by_name(base: &OwnedFd, rest: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut names = rest.iter().peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        let own = match names.peek() {
            Some(_) => FOLDER,
            None => flags,
        };
        let folder = at.as_ref().map_or(base.as_fd(), |at| at.as_fd());
        let opened = openat(folder, name, own | OFlags::NOFOLLOW, Mode::empty())?;
        if names.peek().is_none() {
            return Ok(opened);
        }
        at = Some(opened);
    }
    Err(Errno::NOENT)
}

/// The path without links of a folder that is open.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn real_path(folder: &OwnedFd, path: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd as _;
    let own = format!("/proc/self/fd/{}", folder.as_raw_fd());
    std::fs::read_link(own).or_else(|_| std::fs::canonicalize(path))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn real_path(_: &OwnedFd, path: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    type Open = fn(&OwnedFd, &Path, OFlags) -> rustix::io::Result<OwnedFd>;

    #[test]
    fn no_link_below_the_folder_is_followed_with_and_without_the_one_call() {
        let stage = tempfile::tempdir().unwrap();
        let at = |path: &str| stage.path().join(path);
        fs::create_dir_all(at("tree/a")).unwrap();
        fs::create_dir_all(at("outside")).unwrap();
        fs::write(at("tree/a/file"), "inside").unwrap();
        fs::write(at("outside/file"), "outside").unwrap();
        symlink(at("outside"), at("tree/b")).unwrap();
        symlink(at("outside/file"), at("tree/a/link")).unwrap();
        let base = openat(CWD, at("tree"), FOLDER, Mode::empty()).unwrap();
        for open in [beneath as Open, name_by_name as Open] {
            let read = |path: &str| {
                let file = open(&base, Path::new(path), OFlags::RDONLY).ok()?;
                let mut text = String::new();
                File::from(file).read_to_string(&mut text).ok()?;
                Some(text)
            };
            assert_eq!(read("a/file").as_deref(), Some("inside"));
            assert_eq!(read("a/link"), None);
            assert_eq!(read("b/file"), None);
            assert_eq!(read("a/none"), None);
        }
    }

    #[test]
    fn a_link_to_the_folder_is_followed_and_the_path_is_the_real_one() {
        let stage = tempfile::tempdir().unwrap();
        let at = |path: &str| fs::canonicalize(stage.path()).unwrap().join(path);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/file"), "x").unwrap();
        symlink(at("real"), at("named")).unwrap();
        let opened = open_below(&at("named"), &at("named/file")).unwrap();
        assert_eq!(opened.path, at("real/file"));
        assert!(open_below(&at("named"), &at("real/file")).is_err());
        assert!(open_below(&at("named"), &at("named/../real/file")).is_err());
        assert!(open_below(&at("named"), &at("named")).is_err());
    }
}
