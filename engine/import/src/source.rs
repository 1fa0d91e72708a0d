//! What every source does.

use std::path::PathBuf;

use dayfly_vault::AccessKey;

use crate::candidate::{Candidate, Listing};

/// A tool whose sessions can be imported.
pub trait Source {
    /// The word that a person names it by: `aws`, `leapp`.
    fn name(&self) -> &'static str;

    /// What it has on this machine; an empty listing where the tool is not used here. The source is only
    /// read.
    ///
    /// # Errors
    /// Its files are there and cannot be read.
    fn list(&self) -> Result<Listing, SourceError>;

    /// Whether its sessions may be taken over now, asked before anything is changed.
    ///
    /// # Errors
    /// The tool is running, and would go on with the same sessions and files beside Dayfly.
    fn may_import(&self) -> Result<(), SourceError> {
        Ok(())
    }

    /// The long-lived key of a candidate that is about to come, where [`Source::list`] left it in the tool's
    /// own keyring; none where it is not there. A person may be asked to open that.
    ///
    /// # Errors
    /// The keyring is locked, or a passphrase is wrong.
    fn key(&self, _candidate: &Candidate) -> Result<Option<AccessKey>, SourceError> {
        Ok(None)
    }
}

/// Why a source cannot be read. Nothing of it is imported then.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// The file that it is about.
    pub file: PathBuf,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: String,
}
