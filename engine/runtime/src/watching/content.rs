//! What is read of a watched file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

/// The longest content that a policy is told.
pub(super) const CONTENT: usize = 64 << 10;
/// The longest file that is read. Of a longer one is known when it was written and how long it is.
const READ: u64 = 16 << 20;
/// A file that was written so shortly before it was read may be written again without a trace in
/// its times, which are those of the system's clock tick.
const YOUNG: Duration = Duration::from_secs(2);

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: (u64, u64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(metadata),
        }
    }
}

/// What names a file or folder whatever it is called.
#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
pub(super) fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) stamp: Stamp,
    /// Whether it was old enough when it was read for its stamp to be trusted.
    pub(super) settled: bool,
    /// SHA-256; none where it cannot be read or is too long.
    pub(super) digest: Option<[u8; 32]>,
}

/// Reads a file and its content, where that is short. The content is none where the file cannot be
/// read or is too long.
pub(super) fn read(path: &Path, metadata: &Metadata) -> (Found, Option<Arc<[u8]>>) {
    let mut found = Found {
        stamp: Stamp::of(metadata),
        settled: metadata
            .modified()
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > YOUNG)),
        digest: None,
    };
    if metadata.len() > READ {
        return (found, None);
    }
    match hash(path) {
        Some((digest, content)) => {
            found.digest = Some(digest);
            (found, content)
        }
        None => (found, None),
    }
}

/// A digest, and the content where it is short.
type Hashed = ([u8; 32], Option<Arc<[u8]>>);

fn hash(path: &Path) -> Option<Hashed> {
    let mut file = open(path).ok()?;
    // It may be another one by now.
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut hasher = Sha256::new();
    let mut content = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        let count = file.read(&mut buffer).ok()?;
        if count == 0 {
            break;
        }
        total += count;
        if total as u64 > READ {
            return None;
        }
        hasher.update(&buffer[..count]);
        if total <= CONTENT {
            content.extend_from_slice(&buffer[..count]);
        }
    }
    let content = (total <= CONTENT).then(|| content.into());
    Some((hasher.finalize().into(), content))
}

/// Opens a file without waiting for whoever is at the other end of what is none.
#[cfg(unix)]
fn open(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
