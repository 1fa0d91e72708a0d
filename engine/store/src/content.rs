//! Modules and signatures, kept under what they are.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use dayfly_fs::bounded::{self, Links};
use dayfly_fs::private_file::PrivateFileError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// SHA-256 of some content; written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentDigest([u8; 32]);

impl ContentDigest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl From<[u8; 32]> for ContentDigest {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl From<ContentDigest> for String {
    fn from(digest: ContentDigest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for ContentDigest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for ContentDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a digest: write sha256: and 64 hexadecimal digits");
        let hex = text
            .strip_prefix("sha256:")
            .filter(|hex| hex.len() == 64 && hex.is_ascii());
        let hex = hex.ok_or_else(wrong)?;
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}

/// Why content cannot be kept or had.
#[derive(Debug, Error)]
pub enum ContentError {
    /// The operating system refused.
    #[error("{path}: {problem}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        problem: io::Error,
    },
    /// What lies there is something else.
    #[error(
        "{path} is damaged: its content does not match its name; remove it, then fetch the module \
         again with `dayfly policy update`",
        path = .0.display()
    )]
    Damaged(PathBuf),
    /// It is longer than anything that belongs there.
    #[error("{path} is longer than {limit} bytes", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
}

/// The longest module that is kept, in bytes. The engine's own bound is not above it.
pub const MODULE_MAX: u64 = 64 << 20;
/// The longest signature, in bytes.
pub const SIGNATURE_MAX: u64 = 4 << 10;

/// A folder of modules by digest, with their signatures.
#[derive(Clone, Debug)]
pub struct ContentStore {
    folder: PathBuf,
}

impl ContentStore {
    /// The store in this folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the content with this digest lies.
    #[must_use]
    pub fn path(&self, digest: &ContentDigest) -> PathBuf {
        self.folder.join("sha256").join(digest.hex())
    }

    /// Where content that is still being fetched is put, so that it can be resumed.
    #[must_use]
    pub fn part(&self, digest: &ContentDigest) -> PathBuf {
        self.folder.join("parts").join(digest.hex())
    }

    /// The content with this digest; none where it is not kept.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn get(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, ContentError> {
        let path = self.path(digest);
        let Some(bytes) = read(&path, MODULE_MAX)? else {
            return Ok(None);
        };
        if ContentDigest::of(&bytes) != *digest {
            return Err(ContentError::Damaged(path));
        }
        Ok(Some(bytes))
    }

    /// Keeps content; its digest.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<ContentDigest, ContentError> {
        let digest = ContentDigest::of(bytes);
        let path = self.path(&digest);
        // One that is there may be damaged; it costs little to write it again.
        write(&path, bytes)?;
        let _ = std::fs::remove_file(self.part(&digest));
        Ok(digest)
    }

    /// Says that content is still wanted; nothing where it is not kept.
    ///
    /// # Errors
    /// It is there, but that cannot be written.
    pub fn touch(&self, digest: &ContentDigest) -> Result<(), ContentError> {
        let path = self.path(digest);
        let opened = bounded::open(&path, Links::Refuse).map_err(|e| e.with_cause());
        let touched = opened.map_err(io::Error::other).and_then(|opened| {
            let now = SystemTime::now();
            opened.map_or(Ok(()), |(file, _)| file.set_modified(now))
        });
        touched.map_err(|problem| ContentError::Io { path, problem })
    }

    /// Removes content that was written, or last said to be wanted, before a moment, and with it what
    /// has come of content that nobody went on with, and signatures of content that is not kept.
    ///
    /// # Errors
    /// A folder cannot be read, or something in it not be removed; the rest is.
    pub fn forget_before(&self, moment: SystemTime) -> Result<(), ContentError> {
        let old = |path: &Path| {
            let touched = std::fs::symlink_metadata(path).and_then(|meta| meta.modified());
            touched.map(|touched| touched < moment)
        };
        let contents = self.folder.join("sha256");
        let unkept = |path: &Path| {
            let kept = path.file_name().map(|name| contents.join(name));
            Ok(kept.is_none_or(|kept| !kept.exists()) && old(path)?)
        };
        let told = [
            sweep(&contents, old),
            sweep(&self.folder.join("parts"), old),
            sweep(&self.folder.join("signatures"), unkept),
        ];
        told.into_iter().collect()
    }

    /// The signatures that are kept for some content.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn signatures(&self, digest: &ContentDigest) -> Result<Vec<String>, ContentError> {
        let folder = self.folder.join("signatures").join(digest.hex());
        let mut paths: Vec<PathBuf> = match std::fs::read_dir(&folder) {
            Ok(entries) => entries.filter_map(|e| e.ok().map(|e| e.path())).collect(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(problem) => {
                return Err(ContentError::Io {
                    path: folder,
                    problem,
                });
            }
        };
        paths.sort();
        let mut signatures = Vec::new();
        for path in paths {
            if let Some(bytes) = read(&path, SIGNATURE_MAX)? {
                signatures.extend(String::from_utf8(bytes));
            }
        }
        Ok(signatures)
    }

    /// Keeps a signature of some content. Whether it is one is asked when it is needed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_signature(
        &self,
        digest: &ContentDigest,
        signature: &str,
    ) -> Result<(), ContentError> {
        let name = ContentDigest::of(signature.as_bytes()).hex();
        let folder = self.folder.join("signatures").join(digest.hex());
        write(&folder.join(name), signature.as_bytes())
    }
}

/// Removes what is old of a folder. What somebody else removed meanwhile is gone as well; what cannot be
/// removed keeps nothing else there, and the first such is told at the end.
fn sweep(folder: &Path, old: impl Fn(&Path) -> io::Result<bool>) -> Result<(), ContentError> {
    let failed = |path: &Path, problem| ContentError::Io {
        path: path.to_owned(),
        problem,
    };
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| failed(folder, e))?,
    };
    let mut told = Ok(());
    for entry in entries {
        let path = entry.map_err(|e| failed(folder, e))?.path();
        let removed = old(&path).and_then(|old| match (old, path.is_dir()) {
            (false, _) => Ok(()),
            (true, true) => std::fs::remove_dir_all(&path),
            (true, false) => std::fs::remove_file(&path),
        });
        match removed {
            Err(problem) if problem.kind() != io::ErrorKind::NotFound && told.is_ok() => {
                told = Err(failed(&path, problem));
            }
            _ => {}
        }
    }
    told
}

/// Reads a file that is not longer than the limit; none where there is none.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ContentError> {
    let path = path.to_owned();
    bounded::read(&path, limit).map_err(|error| match error {
        PrivateFileError::TooBig { limit, .. } => ContentError::TooLong { path, limit },
        PrivateFileError::Io { source, .. } => ContentError::Io {
            path,
            problem: source,
        },
        other => ContentError::Io {
            path,
            problem: io::Error::other(other.to_string()),
        },
    })
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ContentError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let staged = || {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    staged().map_err(|problem| ContentError::Io {
        path: path.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_had_again_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = ContentStore::new(folder.path().join("policies"));
        let other = ContentDigest::of(b"other");
        assert!(store.get(&other).unwrap().is_none());
        let digest = store.put(b"module").unwrap();
        assert_eq!(store.get(&digest).unwrap().unwrap(), b"module");
        std::fs::write(store.path(&digest), b"modulE").unwrap();
        assert!(matches!(store.get(&digest), Err(ContentError::Damaged(_))));
        store.put(b"module").unwrap();
        assert_eq!(store.get(&digest).unwrap().unwrap(), b"module");
        store.put_signature(&digest, "one").unwrap();
        store.put_signature(&digest, "one").unwrap();
        store.put_signature(&digest, "two").unwrap();
        assert_eq!(store.signatures(&digest).unwrap().len(), 2);
    }

    #[test]
    fn what_is_old_goes_with_its_parts_and_signatures_and_nothing_stops_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = ContentStore::new(folder.path().join("policies"));
        let old = store.put(b"old").unwrap();
        let kept = store.put(b"kept").unwrap();
        for digest in [&old, &kept] {
            store.put_signature(digest, "signed").unwrap();
            write(&store.part(digest), b"half").unwrap();
        }
        let second = std::time::Duration::from_secs(1);
        let past = SystemTime::UNIX_EPOCH + second;
        let signatures = folder.path().join("policies/signatures");
        for path in [
            store.path(&old),
            store.part(&old),
            signatures.join(old.hex()),
            signatures.join(kept.hex()),
        ] {
            let file = std::fs::File::open(path).unwrap();
            file.set_modified(past).unwrap();
        }
        // One that another sweep took between.
        let alone = folder.path().join("alone");
        std::fs::create_dir(&alone).unwrap();
        std::fs::write(alone.join("x"), b"x").unwrap();
        let vanishing = |path: &Path| {
            std::fs::remove_file(path)?;
            Ok(true)
        };
        sweep(&alone, vanishing).unwrap();

        store.forget_before(past + second).unwrap();
        assert!(store.get(&old).unwrap().is_none());
        assert!(store.signatures(&old).unwrap().is_empty());
        assert!(!store.part(&old).exists());
        assert!(store.get(&kept).unwrap().is_some());
        assert_eq!(store.signatures(&kept).unwrap().len(), 1);
        assert!(store.part(&kept).exists());
    }

    #[test]
    fn digests_are_read_as_they_are_written() {
        let digest = ContentDigest::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for text in ["", "sha256:", "sha256:zz", "md5:00", &"é".repeat(35)] {
            assert!(text.parse::<ContentDigest>().is_err(), "{text}");
        }
    }
}
