//! What every source does.

use std::path::PathBuf;

use crate::candidate::Listing;

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
}

/// Why a source cannot be read. Nothing of it is imported then.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// The file that it is about.
    pub file: PathBuf,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: String,
}
