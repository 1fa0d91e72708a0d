//! Names that tie answers to what was asked, and events to what came of them.

use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// Names one attempt to do something to a session. Answers carry it; an answer to an
/// operation that is no longer under way is stale and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub u64);

/// Names one call about a session's long-lived key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyCall(pub u64);

/// Correlation id: runs from an event to all that came of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cause(pub u64);

/// Names a command, from the person's question to the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);
