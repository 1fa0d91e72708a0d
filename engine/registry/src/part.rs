//! What has come of a layer, kept for the next try.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

use crate::error::RegistryError;

/// Where the bytes of a layer go. Two who pull the same layer at the same time do not share one.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    file: File,
    /// Whether nobody goes on with it.
    own: bool,
}

impl Part {
    /// Opens what is kept of a layer; where somebody else is at it, one that nobody goes on with.
    pub(crate) fn open(path: &Path) -> Result<Self, RegistryError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let failed = |e: &std::io::Error| local(path, e);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(|e| failed(&e))?;
        let file = open(path).map_err(|e| failed(&e))?;
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        // Who had it may have removed it meanwhile.
        if locked && is_at(&file, path) {
            return Ok(Self {
                path: path.to_owned(),
                file,
                own: false,
            });
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("own-{}-{count}", std::process::id());
        let path = path.with_extension(name);
        let file = open(&path).map_err(|e| local(&path, &e))?;
        file.set_len(0).map_err(|e| local(&path, &e))?;
        Ok(Self {
            path,
            file,
            own: true,
        })
    }

    pub(crate) fn len(&self) -> Result<u64, RegistryError> {
        let meta = self.file.metadata().map_err(|e| local(&self.path, &e))?;
        Ok(meta.len())
    }

    pub(crate) fn clear(&mut self) -> Result<(), RegistryError> {
        self.file.set_len(0).map_err(|e| local(&self.path, &e))
    }

    pub(crate) fn add(&mut self, piece: &[u8]) -> Result<(), RegistryError> {
        self.file
            .write_all(piece)
            .map_err(|e| local(&self.path, &e))
    }

    pub(crate) fn read(&mut self) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        let read = self
            .file
            .rewind()
            .and_then(|()| self.file.read_to_end(&mut bytes));
        read.map_err(|e| local(&self.path, &e))?;
        Ok(bytes)
    }

    /// A part of something else would spoil the next try.
    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.own {
            self.remove();
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    // A pipe or a link that stands there is not opened.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    let file = options
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let meta = file.metadata()?;
    dayfly_fs::bounded::require_file(path, &meta).map_err(std::io::Error::other)?;
    Ok(file)
}

/// Whether a file is the one that stands at a path.
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn local(path: &Path, error: &std::io::Error) -> RegistryError {
    RegistryError::Local {
        path: path.display().to_string(),
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn two_who_pull_the_same_do_not_write_into_one_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parts/ab");
        let mut one = Part::open(&path).unwrap();
        let mut other = Part::open(&path).unwrap();
        one.add(b"first ").unwrap();
        other.add(b"other").unwrap();
        one.add(b"second").unwrap();
        assert_eq!(one.read().unwrap(), b"first second");
        assert_eq!(other.read().unwrap(), b"other");
        drop(other);
        drop(one);
        // What came is kept, and alone.
        let mut again = Part::open(&path).unwrap();
        assert_eq!(again.read().unwrap(), b"first second");
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1);
        again.remove();
        let third = Part::open(&path).unwrap();
        assert_eq!(third.len().unwrap(), 0);
    }
}
