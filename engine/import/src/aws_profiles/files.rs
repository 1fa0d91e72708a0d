//! Where the shared files are.

use std::path::{Path, PathBuf};

use dayfly_awsfiles::Kind;

/// The shared files of the AWS CLI and SDKs.
#[derive(Clone, Debug)]
pub struct AwsProfiles {
    /// The config file.
    pub config: PathBuf,
    /// The credentials file.
    pub credentials: PathBuf,
}

impl AwsProfiles {
    /// One of the files.
    pub(crate) fn path(&self, kind: Kind) -> &Path {
        match kind {
            Kind::Config => &self.config,
            Kind::Credentials => &self.credentials,
        }
    }

    /// `FILE:LINE`.
    pub(crate) fn place(&self, kind: Kind, line: usize) -> String {
        format!("{}:{line}", self.path(kind).display())
    }
}
