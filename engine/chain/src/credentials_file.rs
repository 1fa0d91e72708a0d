//! The shared credentials file of the AWS SDKs and tools.
//!
//! Sources: AWS SDKs and Tools Reference Guide, "Shared config and credentials files"; botocore
//! and the AWS CLI, which pass over keys that they do not know.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dayfly_core::delivery::Place;

use crate::error::ChainError;
use crate::form::Form;
use crate::rewrite;
use crate::target::{Change, Observed, Target};

/// The credentials file: `AWS_SHARED_CREDENTIALS_FILE`, or `~/.aws/credentials`.
///
/// Its mode becomes 0600, whatever it was, as soon as something of ours is in it.
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
}

impl Target for CredentialsFile {
    fn place(&self) -> Place {
        Place::CredentialsFile
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn apply(&self, changes: &[Change]) -> Vec<Result<(), ChainError>> {
        rewrite::apply(
            &self.path,
            &Form::Credentials,
            self.home.as_deref(),
            changes,
        )
    }

    fn observe(&self) -> Result<Vec<Observed>, ChainError> {
        rewrite::observe(&self.path, &Form::Credentials, self.home.as_deref())
    }

    fn blocked(&self, profiles: &BTreeSet<&str>) -> Result<Vec<(String, ChainError)>, ChainError> {
        rewrite::blocked(
            &self.path,
            &Form::Credentials,
            self.home.as_deref(),
            profiles,
        )
    }

    fn holds_any_of(&self, changes: &[Change]) -> Result<bool, ChainError> {
        let home = self.home.as_deref();
        rewrite::holds_any_of(&self.path, &Form::Credentials, home, changes)
    }
}
