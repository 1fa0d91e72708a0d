//! Which long-lived keys an engine looks after.

use std::collections::BTreeSet;

use dayfly_core::session::SessionId;

/// Which long-lived keys an engine looks after.
#[derive(Debug, Default)]
pub(super) struct LongLived {
    /// Whether it does at all: not where it is there for a single command.
    pub(super) looked_after: bool,
    /// Sessions whose rotation was interrupted before the engine started.
    pub(super) interrupted: BTreeSet<SessionId>,
}
