//! Who proposes, and how much that counts.

use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::model::policy::EntryName;

/// How much a actor counts. Assigned by configuration, never by a guest.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// A person's own policies.
    #[default]
    Personal,
    /// Policies of the team.
    Team,
    /// The person, by command or by editing the Workspace.
    Person,
    /// Guard rails: nothing passes them but an override.
    GuardRail,
    /// The person, overriding guard rails with a reason.
    Override,
}

/// Who proposes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A policy entry.
    Policy(EntryName),
    /// The person.
    Person,
    /// The engine, since the session was edited while its credentials are in the chain.
    Edit,
    /// The engine, on behalf of a session that is chained to this one.
    Child,
    /// A program that asks for the credentials.
    Client,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policy(name) => write!(f, "policy {name}"),
            Self::Person => f.write_str("you"),
            Self::Edit => f.write_str("the edit of the session"),
            Self::Child => f.write_str("a session chained to it"),
            Self::Client => f.write_str("a program"),
        }
    }
}

/// How much a actor counts, as one ordered value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank {
    /// Decides first.
    pub tier: Tier,
    /// Decides within a tier; higher counts more.
    pub priority: i32,
}
