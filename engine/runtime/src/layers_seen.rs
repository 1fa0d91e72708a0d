//! What a look at the layers of the Workspace brought.

use std::collections::BTreeMap;

use dayfly_core::text::shell_word;
use dayfly_workspace::layers::SessionChanges;

/// What a look at the layers brought.
#[derive(Debug, Default)]
pub(crate) struct LayersSeen {
    /// What was merged since the look before.
    pub(crate) merged: Vec<LayerNews>,
    /// Layers whose source says something else than before, and than what was merged.
    pub(crate) differ: Vec<LayerNews>,
    /// Every layer that is not as it was merged, by name, and why.
    pub(crate) standing: BTreeMap<String, Standing>,
}

/// That a layer changed.
#[derive(Debug)]
pub(crate) struct LayerNews {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) version: Option<String>,
    pub(crate) sessions: SessionChanges,
}

/// How a layer is not as it was merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of it was merged yet.
    Unmerged,
    /// Its source says something else by now.
    Differs,
    /// Its source cannot be read.
    Unreadable(String),
    /// What was merged is not known, since the lock file cannot be read.
    Unknown(String),
}

impl Standing {
    /// Whether it is not known how the layer stands.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Unknown(_))
    }

    /// What is to be said of it, a sentence without a full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Unmerged => "dayfly.toml includes it, but nothing of it was merged yet",
            Self::Differs => "its source says something else than what was merged",
            Self::Unreadable(problem) | Self::Unknown(problem) => problem,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self, name: &str) -> String {
        match self {
            Self::Unmerged | Self::Differs => {
                format!(
                    "`dayfly layer update {}` shows and merges it",
                    shell_word(name)
                )
            }
            Self::Unknown(_) => {
                "the sessions of the layer stay as they were merged; restore the last good \
                                 dayfly.lock"
                    .to_owned()
            }
            Self::Unreadable(_) => {
                format!(
                    "the sessions of the layer stay as they were merged; restore its source, or take it out with \
                     `dayfly layer remove {}`",
                    shell_word(name)
                )
            }
        }
    }
}
