//! One question to a policy, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::policy::{Context, Event, Fault, Severity, Verdict};

use crate::query::WorkspaceQuery;
use crate::state::{StateSnapshot, StateWrite};

/// Everything that a policy may know in one call.
#[derive(Clone)]
pub struct Call<'a> {
    /// What the call knows beside its events.
    pub context: Context,
    /// What happened.
    pub events: &'a [Event],
    /// The granted sessions, for questions. A verdict may name a session of the events or one that
    /// this knows.
    pub workspace: Arc<dyn WorkspaceQuery>,
    /// What the entry remembers.
    pub state: StateSnapshot,
}

/// An accepted answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// What the policy wants.
    pub verdict: Verdict,
    /// What it wants to remember; counts once the verdict is accepted for good.
    pub state_writes: Vec<StateWrite>,
    /// What it logged.
    pub log: Log,
    /// What it took.
    pub used: Used,
}

/// A call without an answer. Nothing of it counts; the log is there for the one who looks for the
/// reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// Why.
    pub fault: Fault,
    /// What the policy logged before.
    pub log: Log,
    /// What it took.
    pub used: Used,
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Self {
        failed.fault
    }
}

/// What a policy logged in one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The lines that fit.
    pub lines: Vec<LogLine>,
    /// How many more there were.
    pub dropped: u64,
}

/// A line that a policy logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub severity: Severity,
    /// One line without control characters.
    pub message: String,
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// From before the instance to after the check of the answer.
    pub wall: Duration,
    /// Wasm instructions, roughly. The same for the same call of the same engine version; too few
    /// where the call was stopped at its deadline, since the count is kept in a register.
    pub fuel: u64,
    /// Bytes of memory at the end, which is the most that there was.
    pub memory: usize,
}
