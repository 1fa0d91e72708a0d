//! Lines of the shared AWS files that sessions take the place of: set aside, and given back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_awsfiles::{
    AsideError, Kind, Owner, Wanted, give_back, hand_over, set_aside, set_asides,
};
use dayfly_core::session::SessionId;
use dayfly_fs::private_file::PrivateFileError;
use dayfly_fs::shared_file;
use dayfly_vault::{AccessKey, Vault, VaultError};
use zeroize::Zeroizing;

use crate::aws_profiles::AwsProfiles;
use crate::candidate::Lines;

/// The key whose line has the secret half of an access key.
const SECRET: &str = "aws_secret_access_key";
/// The key whose line has its id.
const KEY_ID: &str = "aws_access_key_id";
/// The longest file that is changed, in bytes.
const LIMIT: u64 = 64 << 20;
/// How long another process may keep a file locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);

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
        let wanted: Vec<Wanted<'_>> = owners
            .iter()
            .filter(|(_, lines)| lines.kind == kind)
            .map(|(owner, lines)| Wanted {
                profile: &lines.profile,
                keys: &lines.keys,
                secret: &lines.secret,
                owner,
            })
            .collect();
        if wanted.is_empty() {
            continue;
        }
        edit(files.path(kind), |before| {
            set_aside(before, kind, &wanted)
                .map_err(|not| (format!("profile \"{}\"", not.profile), not.why))
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
    give_all_back(files, vault, &BTreeSet::from([session.as_str()]))
}

/// Hands the lines that were set aside for a session over to another that has the same named profile; whether
/// there were any, and all of them could go.
///
/// # Errors
/// [`LinesError`]; what has been handed over in the other file stays so.
pub fn hand_lines_over(
    files: &AwsProfiles,
    from: &SessionId,
    to: &SessionId,
) -> Result<bool, LinesError> {
    for kind in [Kind::Config, Kind::Credentials] {
        let path = files.path(kind);
        if owns(path, kind, from)? {
            edit(path, |before| {
                Ok(hand_over(before, from.as_str(), to.as_str()))
            })?;
        }
    }
    Ok(!owns(&files.config, Kind::Config, from)?
        && !owns(&files.credentials, Kind::Credentials, from)?)
}

/// Whether a file has lines that were set aside for a session.
fn owns(path: &Path, kind: Kind, session: &SessionId) -> Result<bool, LinesError> {
    let seen = shared_file::peek(path, LIMIT)?;
    let mut lines = set_asides(seen.bytes(), kind).into_iter();
    Ok(lines.any(|aside| aside.owner == session.as_str()))
}

/// Gives back the lines that were set aside for any of these sessions; whether there were any.
///
/// # Errors
/// [`LinesError`]; what has been given back of the other file stays so.
pub(crate) fn give_all_back(
    files: &AwsProfiles,
    vault: &Vault,
    sessions: &BTreeSet<&str>,
) -> Result<bool, LinesError> {
    let mut any = false;
    for kind in [Kind::Config, Kind::Credentials] {
        let path = files.path(kind);
        let seen = shared_file::peek(path, LIMIT)?;
        let lines = set_asides(seen.bytes(), kind);
        let mut owners: BTreeMap<&str, Option<AccessKey>> = BTreeMap::new();
        for line in &lines {
            if !sessions.contains(line.owner.as_str()) {
                continue;
            }
            let key = owners.entry(&line.owner).or_default();
            // Of a key, the vault has the secret half; other lines need none.
            if line.key == SECRET && vault.path().exists() {
                *key = vault.access_key(&SessionId::new(&line.owner))?;
            }
        }
        if owners.is_empty() {
            continue;
        }
        any = true;
        give_back_in(path, &owners)?;
    }
    Ok(any)
}

fn give_back_in(path: &Path, owners: &BTreeMap<&str, Option<AccessKey>>) -> Result<(), LinesError> {
    let secrets: Vec<(&str, Vec<(&str, &str)>)> = owners
        .iter()
        .map(|(name, key)| {
            // A key that was rotated meanwhile has another id too.
            let halves = key.as_ref().map(|key| {
                let secret = key.secret_access_key.expose();
                [(SECRET, secret), (KEY_ID, key.access_key_id.as_str())]
            });
            (*name, halves.into_iter().flatten().collect())
        })
        .collect();
    let whose: Vec<Owner<'_>> = secrets
        .iter()
        .map(|(name, secrets)| Owner { name, secrets })
        .collect();
    let what = match whose.as_slice() {
        [one] => format!("session {}", one.name),
        _ => "the sessions of the import".to_owned(),
    };
    edit(path, |before| {
        give_back(before, &whose).map_err(|source| (what.clone(), source))
    })
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
    let changed = shared_file::edit(path, LOCK_DEADLINE, LIMIT, LinesError::from, |before| {
        change(before).map_err(|(what, source)| LinesError::Aside {
            path: path.to_owned(),
            what,
            source,
        })
    });
    match changed? {
        true => Ok(()),
        false => Err(LinesError::Busy(path.to_owned())),
    }
}
