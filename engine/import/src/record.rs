//! What the last import did, so that it can be taken back.

use std::collections::BTreeMap;
use std::path::Path;

use dayfly_fs::private_file::{self, PrivateFileError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The last import. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// The version of this form.
    pub version: u32,
    /// The sources.
    pub sources: Vec<String>,
    /// The sessions that the Workspace got, as it got them.
    pub sessions: Vec<Map<String, Value>>,
    /// The portals that the Workspace got, as it got them.
    pub portals: Vec<Map<String, Value>>,
    /// What else the Workspace got, as it got it, by the fields of the file.
    #[serde(default)]
    pub entries: BTreeMap<String, Vec<Map<String, Value>>>,
    /// The ids of those that came without their key, which a person may have stored since.
    #[serde(default)]
    pub without_key: Vec<String>,
    /// The sessions that lines of the shared AWS files were set aside for, also those that were there before.
    pub owners: Vec<String>,
}

/// The version that this program writes.
const VERSION: u32 = 1;

/// Why the record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The record is damaged, or of a newer version.
    #[error("{path} is not a record of an import that this version of Dayfly knows: {why}", path = .path.display())]
    Unknown {
        /// The record.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Record {
    /// Whether nothing was imported, or it was taken back.
    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.owners.is_empty()
    }

    /// Reads the record of the last import; none where there was none.
    ///
    /// # Errors
    /// It is there and cannot be used.
    pub fn read(path: &Path) -> Result<Option<Self>, RecordError> {
        let Some(bytes) = private_file::read(path)? else {
            return Ok(None);
        };
        let unknown = |why: String| RecordError::Unknown {
            path: path.to_owned(),
            why,
        };
        let record: Self =
            serde_json::from_slice(&bytes).map_err(|error| unknown(error.to_string()))?;
        if record.version != VERSION {
            return Err(unknown(format!("its version is {}", record.version)));
        }
        Ok(Some(record))
    }

    /// Writes it, for its owner only.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let record = Self {
            version: VERSION,
            ..self.clone()
        };
        let text = serde_json::to_vec_pretty(&record);
        let text = text.map_err(|error| RecordError::Unknown {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        Ok(private_file::write(path, &text)?)
    }
}
