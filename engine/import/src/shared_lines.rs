//! Lines of the shared AWS files that sessions take the place of: set aside, and given back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_awsfiles::{AsideError, Kind, give_back, set_aside, set_asides};
use dayfly_core::session::SessionId;
use dayfly_fs::private_file::PrivateFileError;
use dayfly_fs::shared_file::{self, SharedFile};
use dayfly_vault::{AccessKey, Vault, VaultError};
use zeroize::Zeroizing;

use crate::aws_profiles::AwsProfiles;
use crate::candidate::Lines;

/// The longest file that is changed, in bytes.
const LIMIT: u64 = 64 << 20;
/// How long another process may keep a file locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);
/// How often a change is made again because the file changed meanwhile.
const ATTEMPTS: usize = 20;

/// Why lines of a shared file cannot be changed. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The lines of a profile cannot be set aside or given back.
    #[error("{path}: {what}: {source}", path = .path.display())]
    Aside {
        /// The file.
        path: PathBuf,
        /// The profile or session.
        what: String,
        /// Why not.
        source: AsideError,
    },
    /// Others change the file all the time.
    #[error("{path} is changed all the time", path = .0.display())]
    Busy(PathBuf),
    /// The secret that a line had cannot be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Sets lines aside for their sessions in both files.
pub(crate) fn take_over(
    files: &AwsProfiles,
    owners: &[(String, &Lines)],
) -> Result<(), LinesError> {
    for kind in [Kind::Config, Kind::Credentials] {
        let mut of_file = owners
            .iter()
            .filter(|(_, lines)| lines.kind == kind)
            .peekable();
        if of_file.peek().is_none() {
            continue;
        }
        let owners: Vec<_> = of_file.collect();
        edit(files.path(kind), |before| {
            let mut text = Zeroizing::new(before.to_vec());
            for (owner, lines) in &owners {
                let keys: Vec<&str> = lines.keys.iter().map(String::as_str).collect();
                let secret: Vec<&str> = lines.secret.iter().map(String::as_str).collect();
                let changed = set_aside(&text, kind, &lines.profile, &keys, &secret, owner);
                text =
                    changed.map_err(|source| (format!("profile \"{}\"", lines.profile), source))?;
            }
            Ok(text)
        })?;
    }
    Ok(())
}

/// Gives back the lines that were set aside for a session; whether there were any.
///
/// # Errors
/// [`LinesError`]; what has been given back of the other file stays so.
pub fn give_lines_back(
    files: &AwsProfiles,
    vault: &Vault,
    session: &SessionId,
) -> Result<bool, LinesError> {
    let mut any = false;
    for kind in [Kind::Config, Kind::Credentials] {
        let path = files.path(kind);
        let seen = shared_file::peek(path, LIMIT)?;
        let mut lines = set_asides(seen.bytes(), kind).into_iter();
        if !lines.any(|aside| aside.owner == session.as_str()) {
            continue;
        }
        any = true;
        // Of a key, the vault has the secret half; other lines need none.
        let key: Option<AccessKey> = match vault.path().exists() {
            true => vault.access_key(session)?,
            false => None,
        };
        edit(path, |before| {
            let secret = key
                .as_ref()
                .map(|key| ("aws_secret_access_key", key.secret_access_key.expose()));
            give_back(before, session.as_str(), secret.as_slice())
                .map_err(|source| (format!("session {session}"), source))
        })?;
    }
    Ok(any)
}

/// Those of some sessions that lines are set aside for.
///
/// # Errors
/// A file is there and cannot be read.
pub fn sessions_with_lines(
    files: &AwsProfiles,
    sessions: &BTreeSet<&SessionId>,
) -> Result<BTreeSet<SessionId>, LinesError> {
    let mut found = BTreeSet::new();
    for kind in [Kind::Config, Kind::Credentials] {
        let seen = shared_file::peek(files.path(kind), LIMIT)?;
        let owners = set_asides(seen.bytes(), kind)
            .into_iter()
            .map(|aside| SessionId::new(&aside.owner));
        found.extend(owners.filter(|owner| sessions.contains(owner)));
    }
    Ok(found)
}

fn edit(
    path: &Path,
    mut change: impl FnMut(&[u8]) -> Result<Zeroizing<Vec<u8>>, (String, AsideError)>,
) -> Result<(), LinesError> {
    let file = SharedFile::lock(path, LOCK_DEADLINE)?;
    for _ in 0..ATTEMPTS {
        let seen = file.read(LIMIT)?;
        let text = change(seen.bytes()).map_err(|(what, source)| LinesError::Aside {
            path: path.to_owned(),
            what,
            source,
        })?;
        if text.as_slice() == seen.bytes() || file.replace(&seen, &text)? {
            return Ok(());
        }
    }
    Err(LinesError::Busy(path.to_owned()))
}
