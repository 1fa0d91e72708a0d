//! The shared config file of the AWS SDKs and tools: profiles that ask this program for
//! credentials, so that running programs see each rotation.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Process credential provider".

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dayfly_core::delivery::Place;

use crate::error::ChainError;
use crate::form::Form;
use crate::process::Process;
use crate::rewrite;
use crate::target::{Change, Observed, Target};

/// The config file: `AWS_CONFIG_FILE`, or `~/.aws/config`. Holds no credentials.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    form: Form,
    home: Option<String>,
}

impl ConfigFile {
    /// The config file at this path, whose profiles are to run this program; neither it nor its
    /// folder has to exist.
    #[must_use]
    pub fn new(path: PathBuf, process: Process) -> Self {
        Self {
            path,
            form: Form::Config(process),
            home: None,
        }
    }

    /// As [`CredentialsFile::of_home`](crate::CredentialsFile::of_home).
    #[must_use]
    pub fn of_home(mut self, word: &str) -> Self {
        self.home = Some(word.to_owned());
        self
    }
}

impl Target for ConfigFile {
    fn place(&self) -> Place {
        Place::CredentialProcess
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn apply(&self, changes: &[Change]) -> Vec<Result<(), ChainError>> {
        rewrite::apply(&self.path, &self.form, self.home.as_deref(), changes)
    }

    /// Profiles that run this program as it is now; no credentials.
    fn observe(&self) -> Result<Vec<Observed>, ChainError> {
        rewrite::observe(&self.path, &self.form, self.home.as_deref())
    }

    fn blocked(&self, profiles: &BTreeSet<&str>) -> Result<Vec<(String, ChainError)>, ChainError> {
        rewrite::blocked(&self.path, &self.form, self.home.as_deref(), profiles)
    }

    fn holds_any_of(&self, changes: &[Change]) -> Result<bool, ChainError> {
        rewrite::holds_any_of(&self.path, &self.form, self.home.as_deref(), changes)
    }
}
