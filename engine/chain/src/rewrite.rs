//! One step of changes to a shared file of the AWS SDKs and tools.
//!
//! Other people's lines stay byte for byte; readers see the old file or the new one, never a
//! part. Nothing else is left in the folder. A link is followed by the rule of
//! [`dayfly_vault::shared_file`].

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use dayfly_vault::shared_file::{self, SharedFile};

use crate::error::ChainError;
use crate::form::Form;
use crate::profiles::Profiles;
use crate::target::{Change, Observed};

/// How long another process may keep the file locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);
/// A credentials file of a thousand sessions has about two megabytes.
const LIMIT: u64 = 64 << 20;
/// How often a change is made again because the file changed meanwhile.
const ATTEMPTS: u32 = 20;

/// Makes the changes; one result a change.
pub(crate) fn apply(
    path: &Path,
    form: &Form,
    home: Option<&str>,
    changes: &[Change],
) -> Vec<Result<(), ChainError>> {
    rewrite(path, form, home, changes)
        .unwrap_or_else(|error| changes.iter().map(|_| Err(error.clone())).collect())
}

fn rewrite(
    path: &Path,
    form: &Form,
    home: Option<&str>,
    changes: &[Change],
) -> Result<Vec<Result<(), ChainError>>, ChainError> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let retracts_only = changes
        .iter()
        .all(|change| matches!(change, Change::Retract { .. }));
    if retracts_only && !path.exists() {
        return Ok(changes.iter().map(|_| Ok(())).collect());
    }
    let file = SharedFile::lock(path, LOCK_DEADLINE)?;
    for _ in 0..ATTEMPTS {
        let seen = file.read(LIMIT)?;
        let mut profiles = Profiles::parse_as(form.clone(), path, seen.bytes(), home);
        let results = changes.iter().map(|c| profiles.apply(c)).collect();
        let text = profiles.render();
        if *text == *seen.bytes() {
            if matches!(form, Form::Credentials) && profiles.holds_any() {
                file.tighten(&seen)?;
            }
            return Ok(results);
        }
        if file.replace(&seen, &text)? {
            return Ok(results);
        }
    }
    Err(ChainError::Busy(path.to_owned()))
}

/// What the file holds of ours.
pub(crate) fn observe(
    path: &Path,
    form: &Form,
    home: Option<&str>,
) -> Result<Vec<Observed>, ChainError> {
    let seen = shared_file::peek(path, LIMIT)?;
    Ok(Profiles::parse_as(form.clone(), path, seen.bytes(), home).observe())
}

/// Why nothing could be published under some of these profiles.
pub(crate) fn blocked(
    path: &Path,
    form: &Form,
    home: Option<&str>,
    profiles: &BTreeSet<&str>,
) -> Result<Vec<(String, ChainError)>, ChainError> {
    let seen = shared_file::peek(path, LIMIT)?;
    let known = Profiles::parse_as(form.clone(), path, seen.bytes(), home);
    let why = |profile: &&str| Some(((*profile).to_owned(), known.blocked(profile)?));
    Ok(profiles.iter().filter_map(why).collect())
}

/// Whether the changes could change anything.
pub(crate) fn holds_any_of(
    path: &Path,
    form: &Form,
    home: Option<&str>,
    changes: &[Change],
) -> Result<bool, ChainError> {
    let seen = shared_file::peek(path, LIMIT)?;
    let profiles = Profiles::parse_as(form.clone(), path, seen.bytes(), home);
    Ok(changes.iter().any(|change| match change {
        Change::Publish(_) => true,
        Change::Retract { session } => profiles.holds(session),
    }))
}
