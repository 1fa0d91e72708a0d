//! Changes of the chain that were not answered in time.

use crate::model::policy::Outcome;
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::state::phase::Operation;

/// A change of the chain that was not answered in time.
#[derive(Clone, Debug)]
pub(crate) struct OverdueChange {
    pub(crate) session: SessionId,
    pub(crate) what: Change,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Publish {
        operation: Operation,
        lease: Lease,
        profile: Option<String>,
    },
    Retract(Outcome),
}
