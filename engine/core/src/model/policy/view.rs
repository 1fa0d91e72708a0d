//! What policies see of a session, and what can change about it.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::model::failure::ErrorKind;
use crate::model::session::{SessionType, Status};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;

/// Names a session for one policy entry, as long as the entry sees it: dense and cheap to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionKey(pub u32);

/// Counts the changes of a session: fields, status, credentials. Failures do not count.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// What a policy sees of a session: the facts, and the names by which its entry knows the session
/// and its parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Names the session for this entry.
    pub key: SessionKey,
    /// The session that this one is chained to, where the entry sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SessionKey>,
    /// The same for all entries.
    #[serde(flatten)]
    pub facts: Arc<SessionFacts>,
}

impl Deref for SessionView {
    type Target = SessionFacts;

    fn deref(&self) -> &SessionFacts {
        &self.facts
    }
}

/// The sessions that one policy entry sees. Cheap to clone.
pub type Views = OrdMap<SessionKey, SessionView>;

/// What there is to be seen of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionFacts {
    /// `sessionId`.
    pub id: SessionId,
    /// `sessionName`.
    pub name: String,
    /// Access method.
    #[serde(rename = "type")]
    pub session_type: SessionType,
    /// Whether credentials are in the chain.
    pub status: Status,
    /// `region`.
    pub region: Option<String>,
    /// When the credentials in the chain were issued.
    pub started_at: Option<Timestamp>,
    /// When they end.
    pub expires_at: Option<Timestamp>,
    /// Named profile.
    pub named_profile: Option<String>,
    /// Account or subscription id.
    pub account: Option<String>,
    /// Role ARN.
    pub role: Option<String>,
    /// The session that this one is chained to. An entry knows it only by a key.
    #[serde(skip)]
    pub chained_to: Option<SessionId>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Why the last attempt failed.
    pub last_error: Option<ErrorKind>,
    /// Attempts that failed since the last success.
    pub failures: u32,
    /// When the chain was last asked for the credentials.
    pub last_use: Option<Timestamp>,
    /// Why the person wants it to be active, where that was said.
    #[serde(default)]
    pub reason: Option<String>,
    /// Counts the changes.
    pub revision: Revision,
}

/// What changed about a session: a set.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "Vec<String>", into = "Vec<&'static str>")]
pub struct Fields(u16);

impl Fields {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// New to the Workspace.
    pub const ADDED: Self = Self(1);
    /// Left the Workspace.
    pub const REMOVED: Self = Self(1 << 1);
    /// Status.
    pub const STATUS: Self = Self(1 << 2);
    /// Issue or end of the credentials.
    pub const CREDENTIALS: Self = Self(1 << 3);
    /// Name.
    pub const NAME: Self = Self(1 << 4);
    /// Region.
    pub const REGION: Self = Self(1 << 5);
    /// Named profile.
    pub const NAMED_PROFILE: Self = Self(1 << 6);
    /// Account, role, parent or another field of the access method.
    pub const TARGET: Self = Self(1 << 7);
    /// Labels.
    pub const LABELS: Self = Self(1 << 8);
    /// Last error and failures.
    pub const FAILURE: Self = Self(1 << 9);
    /// Last use.
    pub const LAST_USE: Self = Self(1 << 10);
    /// The reason that the person gave.
    pub const REASON: Self = Self(1 << 11);
    /// The credentials come to their end.
    pub const EXPIRING: Self = Self(1 << 12);

    const NAMES: [(Self, &'static str); 13] = [
        (Self::ADDED, "added"),
        (Self::REMOVED, "removed"),
        (Self::STATUS, "status"),
        (Self::CREDENTIALS, "credentials"),
        (Self::NAME, "name"),
        (Self::REGION, "region"),
        (Self::NAMED_PROFILE, "named-profile"),
        (Self::TARGET, "target"),
        (Self::LABELS, "labels"),
        (Self::FAILURE, "failure"),
        (Self::LAST_USE, "last-use"),
        (Self::REASON, "reason"),
        (Self::EXPIRING, "expiring"),
    ];

    /// The fields that are in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all fields of the other are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a field is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no field is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names in the contract of the fields in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(field, _)| self.contains(*field))
            .map(|(_, name)| name)
    }
}

impl From<Fields> for Vec<&'static str> {
    fn from(fields: Fields) -> Self {
        fields.names().collect()
    }
}

impl TryFrom<Vec<String>> for Fields {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        names.iter().try_fold(Self::NONE, |all, name| {
            let known = Self::NAMES.into_iter().find(|(_, known)| known == name);
            let (field, _) = known.ok_or_else(|| format!("there is no field \"{name}\""))?;
            Ok(all.union(field))
        })
    }
}
