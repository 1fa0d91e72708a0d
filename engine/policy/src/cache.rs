//! Compiled code on disk, so that a start does not compile everything again.
//!
//! Compiled code is trusted like the program itself, so the folder is this user's alone, each file
//! carries a MAC under a key that is kept in the folder, and anything odd about a file means that
//! the component is compiled again and the file replaced. A file of another machine or of another
//! user is never taken.

mod private;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;

use crate::digest::Digest;

/// First bytes of a file; the number counts layouts.
const MAGIC: &[u8] = b"dayfly-code-1\n";
const TAG: usize = 32;
const KEY: usize = 32;
const KEY_FILE: &str = "key";
const EXTENSION: &str = "cwasm";
/// Name of a file that is being written.
const PART: &str = ".part-";
/// Bytes of one file. StarlingMonkey's takes 37 MB.
const FILE_LIMIT: u64 = 256 << 20;
/// Bytes of all files; the oldest go first.
const FOLDER_LIMIT: u64 = 1 << 30;
/// After so long nobody is still writing a file.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Why compiled code cannot be kept.
#[derive(Debug, Error)]
pub enum CacheError {
    /// The folder cannot be made or looked at.
    #[error("cannot use {} for compiled policies", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others could put code into the folder.
    #[error(
        "Dayfly cannot use {} for compiled policies: {problem}; run `chmod 700` on it, or remove it",
        path.display()
    )]
    NotPrivate {
        /// The folder.
        path: PathBuf,
        /// Who else can.
        problem: &'static str,
    },
    /// The key cannot be read or made.
    #[error("cannot read or make {}, which protects compiled policies", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot keep compiled code in {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A folder of compiled code. Cheap to clone; several processes may use one folder.
#[derive(Clone)]
pub struct CodeCache(Arc<Folder>);

struct Folder {
    path: PathBuf,
    key: [u8; KEY],
}

impl CodeCache {
    /// Opens a folder, which is made where it does not exist, and its key likewise.
    ///
    /// # Errors
    /// Where the folder is not this user's alone, or cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, CacheError> {
        let folder = |source| CacheError::Folder {
            path: path.to_owned(),
            source,
        };
        private::make_folder(path).map_err(folder)?;
        if let Some(problem) = private::others_can_write(path).map_err(folder)? {
            return Err(CacheError::NotPrivate {
                path: path.to_owned(),
                problem,
            });
        }
        Ok(Self(Arc::new(Folder {
            path: path.to_owned(),
            key: key(path)?,
        })))
    }

    /// The code for a component and an engine; none where there is none that can be trusted.
    pub(crate) fn get(&self, digest: &Digest, compatibility: &[u8; 32]) -> Option<Vec<u8>> {
        let mut bytes = private::read(&self.file(digest, compatibility), FILE_LIMIT).ok()?;
        let head = MAGIC.len() + TAG;
        if bytes.len() < head || !bytes.starts_with(MAGIC) {
            return None;
        }
        let (tag, code) = bytes[MAGIC.len()..].split_at(TAG);
        self.mac(digest, compatibility, code)?
            .verify_slice(tag)
            .ok()?;
        bytes.drain(..head);
        Some(bytes)
    }

    /// Keeps the code for a component and an engine, in place of what is there.
    pub(crate) fn put(
        &self,
        digest: &Digest,
        compatibility: &[u8; 32],
        code: &[u8],
    ) -> Result<(), CacheError> {
        let path = self.file(digest, compatibility);
        let failed = |source| CacheError::Write {
            path: path.clone(),
            source,
        };
        let mac = self
            .mac(digest, compatibility, code)
            .ok_or_else(|| failed(io::Error::other("the MAC is missing")))?;
        let tag = mac.finalize().into_bytes();
        let mut file = private::temporary(&self.0.path, PART).map_err(failed)?;
        file.write_all(MAGIC)
            .and_then(|()| file.write_all(&tag))
            .and_then(|()| file.write_all(code))
            .map_err(failed)?;
        // Not synced: after a crash a torn file fails its MAC and is replaced.
        file.persist(&path).map_err(|error| failed(error.error))?;
        self.sweep(&path);
        Ok(())
    }

    fn file(&self, digest: &Digest, compatibility: &[u8; 32]) -> PathBuf {
        let engine = Digest(*compatibility).to_string();
        self.0
            .path
            .join(format!("{digest}-{}.{EXTENSION}", &engine[..16]))
    }

    fn mac(&self, digest: &Digest, compatibility: &[u8; 32], code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.key).ok()?;
        mac.update(MAGIC);
        mac.update(&digest.0);
        mac.update(compatibility);
        mac.update(code);
        Some(mac)
    }

    /// Removes the oldest files beyond the bound and what was never finished. What cannot be
    /// removed is tried again with the next file.
    fn sweep(&self, keep: &Path) {
        let Ok(entries) = fs::read_dir(&self.0.path) else {
            return;
        };
        let now = SystemTime::now();
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(about) = entry.metadata() else {
                continue;
            };
            let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let part = entry.file_name().to_string_lossy().starts_with(PART);
            if part && now.duration_since(written).is_ok_and(|age| age > ABANDONED) {
                // See above.
                let _ = fs::remove_file(&path);
            } else if path.extension().is_some_and(|e| e == EXTENSION) {
                files.push((written, about.len(), path));
            }
        }
        for path in surplus(files, FOLDER_LIMIT) {
            if path != keep {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

impl std::fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CodeCache").field(&self.0.path).finish()
    }
}

/// The oldest files, so many that the others stay within the limit.
fn surplus(mut files: Vec<(SystemTime, u64, PathBuf)>, limit: u64) -> Vec<PathBuf> {
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    files
        .into_iter()
        .take_while(|(_, bytes, _)| {
            let over = total > limit;
            total -= bytes;
            over
        })
        .map(|(_, _, path)| path)
        .collect()
}

/// The key of a folder, made where there is none that can be used. Of several processes that make
/// one at once, the first wins.
fn key(folder: &Path) -> Result<[u8; KEY], CacheError> {
    let path = folder.join(KEY_FILE);
    let failed = |source| CacheError::Key {
        path: path.clone(),
        source,
    };
    let read = || -> Option<[u8; KEY]> {
        let bytes = private::read(&path, KEY as u64).ok()?;
        bytes.try_into().ok()
    };
    if let Some(key) = read() {
        return Ok(key);
    }
    let mut key = [0; KEY];
    getrandom::fill(&mut key).map_err(|error| failed(io::Error::other(error)))?;
    let mut file = private::temporary(folder, PART).map_err(failed)?;
    file.write_all(&key).map_err(failed)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        Err(raced) => {
            if let Some(theirs) = read() {
                return Ok(theirs);
            }
            // Something is there that is no key of ours; whatever it signed is worthless.
            raced
                .file
                .persist(&path)
                .map_err(|error| failed(error.error))?;
            Ok(key)
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
#[path = "cache/tests.rs"]
mod tests;
