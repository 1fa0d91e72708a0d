//! Files that nobody else may write. The checks are Unix's; elsewhere the user's own profile
//! folder is private by inheritance.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// Makes a folder that only this user can enter.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Why a folder is not this user's alone, as the middle of a sentence.
pub(super) fn others_can_write(path: &Path) -> io::Result<Option<&'static str>> {
    let about = fs::symlink_metadata(path)?;
    if about.is_symlink() {
        return Ok(Some("it is a symbolic link"));
    }
    if !about.is_dir() {
        return Ok(Some("it is not a folder"));
    }
    Ok(foreign(&about, 0o077))
}

/// Reads a regular file of this user that nobody else can write, of at most so many bytes,
/// without following a link.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.len() > limit || foreign(&about, 0o022).is_some() {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file that only this user can read, to be renamed into place.
pub(super) fn temporary(folder: &Path, prefix: &str) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(prefix).tempfile_in(folder)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;

    // Not to block where somebody put a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
fn foreign(about: &fs::Metadata, forbidden: u32) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt as _;

    if about.uid() != rustix::process::geteuid().as_raw() {
        Some("it belongs to another user")
    } else if about.mode() & forbidden != 0 {
        Some("other users have access to it")
    } else {
        None
    }
}

#[cfg(not(unix))]
fn foreign(_: &fs::Metadata, _: u32) -> Option<&'static str> {
    None
}
