//! Why a configuration cannot be used, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use dayfly_fs::private_file::PrivateFileError;

/// What Dayfly says of a file that was there.
const GONE: &str = "the file is gone";

/// Why a configuration cannot be used. The one in force stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 where it is about the file.
    pub line: usize,
    /// The column, from 1; 0 where it is about the file.
    pub column: usize,
    /// What is wrong, a sentence without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// A file that cannot be read.
    pub(super) fn file(path: &Path, error: &PrivateFileError) -> Self {
        let (line, column, message) = match error {
            PrivateFileError::NotText { line, column, .. } => (
                *line,
                *column,
                "is not UTF-8 text; save it as UTF-8".to_owned(),
            ),
            error => (0, 0, format!("cannot be read: {}", error.with_cause())),
        };
        Self {
            path: path.to_owned(),
            line,
            column,
            message,
            hint: None,
        }
    }

    /// A file that was there and is not any more.
    pub(crate) fn gone(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            line: 0,
            column: 0,
            message: GONE.into(),
            hint: Some(
                "the last valid configuration stays in force; to remove all settings, leave an \
                 empty file"
                    .into(),
            ),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.message == GONE
    }
}

/// Line and column, both from 1, of a byte.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[begin..].chars().count() + 1)
}
