//! A policy entry: its name, what its module says of itself, and what it asks to be called for.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::policy::action::Action;
use crate::model::policy::trigger::EngineMoments;
use crate::model::policy::view::Fields;
use crate::model::session::{SessionType, Status};

/// Name of a policy entry in `dayfly.toml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryName(Arc<str>);

impl EntryName {
    /// Takes the name as the configuration has it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as the configuration has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Static facts about a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Short name in kebab-case.
    pub name: String,
    /// The policy's own version.
    pub version: String,
    /// One line for a list.
    pub summary: String,
    /// JSON Schema of the configuration, JSON text.
    pub config_schema: String,
    /// The actions that it may propose.
    pub actions: Vec<Action>,
    /// Whether it may propose holds.
    pub may_hold: bool,
    /// Bytes of state that it needs.
    pub state_bytes: u32,
}

/// Which session changes a policy subscribes to: those that match all lists that are not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Of one of these types.
    pub types: Vec<SessionType>,
    /// With one of these statuses after the change.
    pub statuses: Vec<Status>,
    /// With one of these labels, `key` or `key=value`.
    pub labels: Vec<String>,
    /// With a change in one of these fields; none: any.
    pub fields: Fields,
}

/// What a policy wants to be called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// Changes of sessions.
    Sessions(SessionFilter),
    /// Changes of files that match a glob.
    Files(String),
    /// Moments of a cron expression with a time zone before it.
    Schedule(String),
    /// Custom events with this name.
    Custom(String),
    /// The branch of repositories whose folder matches a glob.
    Branch(String),
    /// What happens to the engine or to the machine.
    Engine(EngineMoments),
}
