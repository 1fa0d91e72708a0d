//! The rotation of a session's long-lived key by rule.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;

/// What is to be done about the long-lived key of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// It is replaced once it is older than this.
    Every(Duration),
    /// It has no rule; a rotation that somebody began is brought to its end.
    EndInterrupted,
}

impl KeyRule {
    /// How old the key becomes; none: as old as it likes.
    #[must_use]
    pub const fn every(self) -> Option<Duration> {
        match self {
            Self::Every(span) => Some(span),
            Self::EndInterrupted => None,
        }
    }
}

/// The sessions whose keys are looked after, and how.
pub type KeyRules = BTreeMap<SessionId, KeyRule>;

/// What the cloud and the vault know of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// When the cloud made it.
    pub created: Timestamp,
    /// A rotation was begun and not brought to its end: two keys can be used.
    pub interrupted: bool,
}

impl KeyFacts {
    /// When it is to be replaced; none: never by itself.
    #[must_use]
    pub fn due(self, rule: KeyRule) -> Option<Timestamp> {
        match (self.interrupted, rule.every()) {
            (true, _) => Some(self.created),
            (false, every) => every.map(|every| self.created.plus(every)),
        }
    }
}

/// What came of a call about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// It stays as it is.
    Seen(KeyFacts),
    /// Another took its place, and it is deleted.
    Rotated {
        /// Its id.
        old: String,
        /// The id of the other.
        new: String,
    },
}
