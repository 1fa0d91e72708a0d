//! Text files that a person edits too and that decide what Dayfly does: changed on what was read,
//! or not at all.
//!
//! Between a question to a person and the answer a file can be edited by hand, or by another
//! command. What was read is therefore kept with the change, and the change counts only where the
//! file still is that: both change places in one step, and back again where the old one turns out
//! to be another. A link stays, and what it leads to is replaced; its mode and owner stay too.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use tempfile::{NamedTempFile, TempPath};

use crate::error::{PrivateFileError, io_error};
use crate::private_file::{create_folder, folder_of};
use crate::{bounded, trusted};

/// A file as it was read.
#[derive(Debug)]
pub struct Edited {
    /// Where it stands, links resolved.
    target: PathBuf,
    before: Option<(Vec<u8>, Metadata)>,
}

impl Edited {
    /// Reads a file that nobody else can have written, at most `limit` bytes. None has to be there.
    ///
    /// # Errors
    /// As for [`trusted::read`].
    pub fn open(path: &Path, limit: u64) -> Result<Self, PrivateFileError> {
        let Some(mut opened) = trusted::open(path)? else {
            return Ok(Self {
                target: path.to_owned(),
                before: None,
            });
        };
        let mut bytes = bounded::read_all(&mut opened.file, &opened.meta, path, limit)?;
        Ok(Self {
            target: opened.path,
            before: Some((std::mem::take(&mut *bytes), opened.meta)),
        })
    }

    /// What was read; none where there was no file.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.before.as_ref().map(|(bytes, _)| &bytes[..])
    }

    /// Whether the file still is what was read.
    #[must_use]
    pub fn still(&self) -> bool {
        match &self.before {
            Some((before, _)) => holds(&self.target, before),
            None => fs::symlink_metadata(&self.target).is_err(),
        }
    }

    /// Puts a new content in the place of what was read, private where there was nothing; false,
    /// and nothing is changed, where the file is no longer what was read. What was written counts
    /// as read from then on.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn replace(&mut self, bytes: &[u8]) -> Result<bool, PrivateFileError> {
        if !self.write(bytes)? {
            return Ok(false);
        }
        let meta = fs::symlink_metadata(&self.target).map_err(io_error("look at", &self.target))?;
        self.before = Some((bytes.to_vec(), meta));
        Ok(true)
    }

    fn write(&self, bytes: &[u8]) -> Result<bool, PrivateFileError> {
        let target = &self.target;
        let Some((before, meta)) = &self.before else {
            create_folder(folder_of(target))?;
            return crate::private_file::create(target, bytes);
        };
        if !holds(target, before) {
            return Ok(false);
        }
        let staged = stage(target, bytes, meta)?;
        let done = match exchange(&staged, target) {
            Ok(()) if holds(&staged, before) => true,
            Ok(()) => {
                put_back(&staged, target, bytes)?;
                false
            }
            Err(Errno::NOENT) => return Ok(false),
            // The file system cannot exchange: what was looked at just before is replaced.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                let renamed = staged.persist(target);
                renamed.map_err(|e| io_error("replace", target)(e.error))?;
                true
            }
            Err(e) => return Err(io_error("replace", target)(e.into())),
        };
        let folder = folder_of(target);
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(io_error("write", folder))?;
        Ok(done)
    }
}

/// A new file beside the one that it is to replace, with that one's mode and owner.
fn stage(target: &Path, bytes: &[u8], like: &Metadata) -> Result<TempPath, PrivateFileError> {
    let folder = folder_of(target);
    // It is private from its first moment.
    let mut file = NamedTempFile::new_in(folder).map_err(io_error("write in", folder))?;
    let write = |file: &mut NamedTempFile| -> io::Result<()> {
        file.write_all(bytes)?;
        let now = file.as_file().metadata()?;
        if (now.uid(), now.gid()) != (like.uid(), like.gid()) {
            fchown(file.as_file(), Some(like.uid()), Some(like.gid()))?;
        }
        let mode = Permissions::from_mode(like.mode() & 0o777);
        file.as_file().set_permissions(mode)?;
        file.as_file().sync_all()
    };
    write(&mut file).map_err(io_error("write beside", target))?;
    Ok(file.into_temp_path())
}

fn exchange(a: &Path, b: &Path) -> Result<(), Errno> {
    rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)
}

fn put_back(staged: &Path, target: &Path, ours: &[u8]) -> Result<(), PrivateFileError> {
    let failed = |e: Errno| io_error("restore", target)(e.into());
    exchange(staged, target).map_err(failed)?;
    if !holds(staged, ours) {
        // A third save came in between: the newest stays.
        exchange(staged, target).map_err(failed)?;
    }
    Ok(())
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|m| m.is_file());
    let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    is_file && bounded::read(path, limit).is_ok_and(|now| now.as_deref() == Some(bytes))
}
