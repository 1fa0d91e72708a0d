//! What reading the configuration brought.

use dayfly_core::input::Entry;

use crate::config::{Config, ConfigError};
use crate::entries::{EntryProblem, Prepared};

/// What reading the configuration brought.
#[derive(Debug)]
pub(crate) struct Configured {
    /// The configuration that is now in force; none where the file cannot be used.
    pub(crate) config: Result<Config, ConfigError>,
    /// The entries that are to be in force: where one cannot be used, its last good form.
    pub(crate) entries: Vec<Prepared>,
    /// What stands in for guard rails that cannot be used and have no last good form.
    pub(crate) closed: Vec<Entry>,
    /// Whether a configuration could be read since the start, this one or an earlier one.
    pub(crate) known: bool,
    /// Why entries cannot be used as they are configured.
    pub(crate) problems: Vec<EntryProblem>,
}

/// Which policy entries are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policies {
    /// All that are configured.
    All,
    /// Guard rails only: for a single command of a person.
    GuardRails,
}
