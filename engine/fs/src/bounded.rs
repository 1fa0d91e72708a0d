//! Reads files that others may have put there: regular files only, never more than a bound, and
//! not for longer than a deadline.
//!
//! A pipe, a device, a socket or a folder in the place of a file is refused before it is opened
//! (opening some devices has effects) and again on what was opened, so that nobody can exchange
//! it in between. The deadline is looked at between two reads of the operating system; one read
//! that hangs (a network file system whose server is away) cannot be ended by its caller.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::error::{PrivateFileError, io_error, leads_nowhere};

/// How long one file may take to be read.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Bytes that are asked for at once.
const CHUNK: usize = 64 << 10;

/// Whether a symbolic link is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// What it leads to is read.
    Follow,
    /// A link is refused.
    Refuse,
}

/// Reads a whole file of at most `limit` bytes, through a link; none where there is no file.
///
/// # Errors
/// The file is not a regular file, is longer, takes too long, or cannot be read.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, PrivateFileError> {
    let Some((mut file, meta)) = open(path, Links::Follow)? else {
        return Ok(None);
    };
    read_all(&mut file, &meta, path, limit).map(|mut bytes| Some(std::mem::take(&mut *bytes)))
}

/// Reads a file that holds a secret, as [`read`] does: the memory is overwritten when it is dropped.
///
/// # Errors
/// As for [`read`].
pub fn read_secret(
    path: &Path,
    limit: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError> {
    let Some((mut file, meta)) = open(path, Links::Follow)? else {
        return Ok(None);
    };
    read_all(&mut file, &meta, path, limit).map(Some)
}

/// Reads a file that has to be UTF-8 text, as [`read`] does.
///
/// # Errors
/// As for [`read`], or its bytes are no text.
pub fn read_text(path: &Path, limit: u64) -> Result<Option<String>, PrivateFileError> {
    match read(path, limit)? {
        Some(bytes) => text(path, bytes).map(Some),
        None => Ok(None),
    }
}

/// What was read of a file as text.
///
/// # Errors
/// The content is not UTF-8.
pub fn text(path: &Path, bytes: Vec<u8>) -> Result<String, PrivateFileError> {
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let before = e.as_bytes().get(..good).unwrap_or_default();
        let begin = before.iter().rposition(|b| *b == b'\n');
        let in_line = before.get(begin.map_or(0, |at| at + 1)..);
        PrivateFileError::NotText {
            path: path.to_owned(),
            line: before.iter().filter(|b| **b == b'\n').count() + 1,
            column: String::from_utf8_lossy(in_line.unwrap_or_default())
                .chars()
                .count()
                + 1,
        }
    })
}

/// Opens a regular file to be read, without waiting for the other end of a pipe; none where there
/// is no file.
///
/// # Errors
/// The file is not a regular file, is a link that is refused, or cannot be opened.
pub fn open(path: &Path, links: Links) -> Result<Option<(File, Metadata)>, PrivateFileError> {
    let looked = match links {
        Links::Follow => fs::metadata(path),
        Links::Refuse => fs::symlink_metadata(path),
    };
    match looked {
        Ok(meta) if meta.is_symlink() => return Err(PrivateFileError::Link(path.to_owned())),
        Ok(meta) => require_file(path, &meta)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            // A link to nothing is not nothing: somebody meant a file to be there.
            return match fs::symlink_metadata(path) {
                Ok(_) => Err(leads_nowhere(path)),
                Err(_) => Ok(None),
            };
        }
        Err(e) => return Err(io_error("look at", path)(e)),
    }
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    if links == Links::Refuse {
        flags |= OFlags::NOFOLLOW;
    }
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e)
            if links == Links::Refuse
                && e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) =>
        {
            return Err(PrivateFileError::Link(path.to_owned()));
        }
        Err(e) => return Err(io_error("open", path)(e)),
    };
    let meta = file.metadata().map_err(io_error("look at", path))?;
    require_file(path, &meta)?;
    Ok(Some((file, meta)))
}

/// Reads the rest of an opened file, at most `limit` bytes.
///
/// # Errors
/// The content is longer, takes too long, or cannot be read.
pub fn read_all(
    file: &mut File,
    meta: &Metadata,
    path: &Path,
    limit: u64,
) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let too_big = || PrivateFileError::TooBig {
        path: path.to_owned(),
        limit,
    };
    if meta.len() > limit {
        return Err(too_big());
    }
    let end = Instant::now() + DEADLINE;
    // Room for all of it at once: a vector that grows leaves copies of secrets behind.
    let room = usize::try_from(meta.len().min(limit)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.saturating_add(1)));
    let mut rest = file.take(limit.saturating_add(1));
    loop {
        let chunk = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        let read = (&mut rest).take(chunk).read_to_end(&mut bytes);
        if read.map_err(io_error("read", path))? == 0 {
            break;
        }
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
            return Err(too_big());
        }
        if Instant::now() > end {
            return Err(PrivateFileError::Slow {
                path: path.to_owned(),
                seconds: DEADLINE.as_secs(),
            });
        }
    }
    Ok(bytes)
}

/// Whether it is a regular file.
///
/// # Errors
/// The file is something else, which the error names.
pub fn require_file(path: &Path, meta: &Metadata) -> Result<(), PrivateFileError> {
    if meta.is_file() {
        return Ok(());
    }
    Err(PrivateFileError::NotAFile {
        path: path.to_owned(),
        kind: kind(meta.file_type()),
    })
}

/// What stands there instead of a file, for a person.
#[must_use]
pub fn kind(of: FileType) -> &'static str {
    if of.is_dir() {
        "a folder"
    } else if of.is_fifo() {
        "a named pipe"
    } else if of.is_socket() {
        "a socket"
    } else if of.is_char_device() || of.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}
