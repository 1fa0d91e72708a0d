//! The shared credentials file of the AWS SDKs and tools.
//!
//! Sources: AWS SDKs and Tools Reference Guide, "Shared config and credentials files"; botocore
//! and the AWS CLI, which pass over keys that they do not know.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_vault::shared_file::{self, SharedFile};

use crate::error::ChainError;
use crate::profiles::Profiles;
use crate::target::{Change, Observed, Target};

/// How long another process may keep the file locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);
/// A credentials file of a thousand sessions has about two megabytes.
const LIMIT: u64 = 64 << 20;
/// How often a change is made anew because the file changed meanwhile.
const ATTEMPTS: u32 = 20;

/// The credentials file: `AWS_SHARED_CREDENTIALS_FILE`, or `~/.aws/credentials`.
///
/// Other people's lines stay byte for byte; readers see the old file or the new one, never a
/// part. The file's mode becomes 0600, whatever it was, as soon as something of ours is in it.
/// Beside it stand `NAME.dayfly-lock`, empty, and for moments `NAME.dayfly-new`. A link is
/// followed by the rule of [`dayfly_vault::shared_file`].
#[derive(Clone, Debug)]
pub struct CredentialsFile {
    path: PathBuf,
    home: Option<String>,
}

impl CredentialsFile {
    /// The credentials file at this path; neither it nor its folder has to exist.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, home: None }
    }

    /// The same for one of several Dayflys that publish into the file: what another wrote is left
    /// alone, and neither read back. The word is its name, without blanks or colons.
    #[must_use]
    pub fn of_home(mut self, word: &str) -> Self {
        self.home = Some(word.to_owned());
        self
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn rewrite(&self, changes: &[Change]) -> Result<Vec<Result<(), ChainError>>, ChainError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let retracts_only = changes
            .iter()
            .all(|change| matches!(change, Change::Retract { .. }));
        if retracts_only && !self.path.exists() {
            return Ok(changes.iter().map(|_| Ok(())).collect());
        }
        let file = SharedFile::lock(&self.path, LOCK_DEADLINE)?;
        for _ in 0..ATTEMPTS {
            let seen = file.read(LIMIT)?;
            let mut profiles = Profiles::parse_for(&self.path, seen.bytes(), self.home.as_deref());
            let results = changes.iter().map(|c| profiles.apply(c)).collect();
            let text = profiles.render();
            if *text == *seen.bytes() {
                if profiles.holds_any() {
                    file.tighten(&seen)?;
                }
                return Ok(results);
            }
            if file.replace(&seen, &text)? {
                return Ok(results);
            }
        }
        Err(ChainError::Busy(self.path.clone()))
    }
}

impl Target for CredentialsFile {
    fn name(&self) -> &'static str {
        "credentials-file"
    }

    fn apply(&self, changes: &[Change]) -> Vec<Result<(), ChainError>> {
        self.rewrite(changes)
            .unwrap_or_else(|error| changes.iter().map(|_| Err(error.clone())).collect())
    }

    fn observe(&self) -> Result<Vec<Observed>, ChainError> {
        let seen = shared_file::peek(&self.path, LIMIT)?;
        let home = self.home.as_deref();
        Ok(Profiles::parse_for(&self.path, seen.bytes(), home).observe())
    }
}
