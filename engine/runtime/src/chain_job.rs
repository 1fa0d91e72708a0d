//! What the chain is asked to do, and what for.

use dayfly_chain::Order;
use dayfly_core::effect::OperationId;
use dayfly_core::session::SessionId;

/// A change for the chain.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) purpose: Purpose,
    pub(crate) order: Order,
}

/// What a change is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An operation of the core waits for it.
    Operation(OperationId),
    /// Credentials that are in force are put where they should be.
    Align(SessionId),
    /// What the chain holds of a session that is not in force is removed.
    Clear(SessionId),
}
