//! What is read of a watched file.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::identity::identity;
use super::open::open_below;
use super::secrets::Secrets;

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

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) stamp: Stamp,
    /// Whether it was old enough when it was read for its stamp to be trusted.
    pub(super) settled: bool,
    /// SHA-256; none where it cannot be read or is too long.
    pub(super) digest: Option<[u8; 32]>,
}

/// What came of reading.
pub(super) enum Reading {
    /// This; the content is none where the file cannot be read or is too long.
    Read(Found, Option<Arc<[u8]>>),
    /// There is no file, or one that is not below the folder: a link is on the way, or stands there.
    Absent,
    /// It holds secrets, so nobody is told of it.
    Secret,
}

/// Reads a file below a folder, and its content, where that is short. All that is told of it is
/// of the file that was opened.
pub(super) fn read(below: &Path, path: &Path, secrets: &Secrets) -> Reading {
    let Ok(opened) = open_below(below, path) else {
        return Reading::Absent;
    };
    let Ok(metadata) = opened.file.metadata() else {
        return Reading::Absent;
    };
    if !metadata.is_file() {
        return Reading::Absent;
    }
    if secrets.hold(&opened.path, &metadata) {
        return Reading::Secret;
    }
    let mut found = Found {
        stamp: Stamp::of(&metadata),
        settled: metadata
            .modified()
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > YOUNG)),
        digest: None,
    };
    if metadata.len() > READ || !opened.readable {
        return Reading::Read(found, None);
    }
    match hash(opened.file) {
        Some((digest, content)) => {
            found.digest = Some(digest);
            Reading::Read(found, content)
        }
        None => Reading::Read(found, None),
    }
}

/// A digest, and the content where it is short.
type Hashed = ([u8; 32], Option<Arc<[u8]>>);

fn hash(mut file: File) -> Option<Hashed> {
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
