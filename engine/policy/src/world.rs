//! What a component can do at all: the world of the contract that it targets, and whether WASI is
//! there for it.

use serde::{Deserialize, Serialize};

/// Whether a component may import WASI: the part that reaches nothing outside of a call, see
/// [`wasi`](crate::wasi).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Wasi {
    /// It may not.
    #[default]
    Refused,
    /// It may.
    Granted,
}

impl From<bool> for Wasi {
    fn from(granted: bool) -> Self {
        if granted {
            Self::Granted
        } else {
            Self::Refused
        }
    }
}

/// The world that a component targets: its first statement of what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// It knows only what a call says.
    Pure,
    /// It also asks about other sessions, or remembers.
    Stateful,
}

impl World {
    /// The word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pure => "pure-policy",
            Self::Stateful => "stateful-policy",
        }
    }
}
