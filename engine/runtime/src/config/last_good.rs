//! The last configuration that was in force, so that a mistake in `dayfly.toml` does not bring the
//! defaults in force: a private copy of its text among what the engine keeps.

use std::path::Path;

use dayfly_fs::private_file;

use super::{Config, ConfigError};
use crate::home::Home;

/// What an engine goes by when it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct AtStart {
    /// The configuration.
    pub config: Config,
    /// Why it is the last good one, and not what the file says now.
    pub problem: Option<ConfigError>,
}

impl Config {
    /// The configuration of a home; where the file cannot be read, or is gone though there was one,
    /// the last one that an engine had in force.
    ///
    /// # Errors
    /// The file cannot be read, and no engine ever had a configuration in force.
    pub fn at_start(home: &Home) -> Result<AtStart, ConfigError> {
        let path = home.config();
        let record = home.last_config();
        let problem = match Self::load_present(&path) {
            Ok(Some(config)) => {
                return Ok(AtStart {
                    config,
                    problem: None,
                });
            }
            Ok(None) => ConfigError::gone(&path),
            Err(error) => error,
        };
        match Self::recorded(&path, &record) {
            Ok(Some(config)) => Ok(AtStart {
                config,
                problem: Some(problem),
            }),
            // There never was one, so the defaults are what the person has.
            Ok(None) if problem.is_gone() => Ok(AtStart {
                config: Self::default(),
                problem: None,
            }),
            Ok(None) => Err(problem),
            Err(error) if problem.is_gone() => Err(error),
            Err(_) => Err(problem),
        }
    }

    /// The configuration that was in force last; none where none is recorded.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn recorded(path: &Path, record: &Path) -> Result<Option<Self>, ConfigError> {
        let bytes = private_file::read(record).map_err(|e| ConfigError::file(record, &e))?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let text =
            dayfly_fs::bounded::text(record, bytes).map_err(|e| ConfigError::file(record, &e))?;
        // Its paths are relative to where the file itself stands.
        let config = Self::parse(path, &text).map_err(|error| ConfigError {
            path: record.to_owned(),
            ..error
        })?;
        Ok(Some(config))
    }
}

/// Records the text of a configuration that comes in force.
///
/// # Errors
/// It cannot be written, in a sentence.
pub(crate) fn record(record: &Path, text: &str) -> Result<(), String> {
    if private_file::read(record).is_ok_and(|had| had.as_deref() == Some(text.as_bytes())) {
        return Ok(());
    }
    private_file::write(record, text.as_bytes()).map_err(|error| error.with_cause())
}
