//! Who waits for an answer of the engine.

use std::collections::BTreeMap;

use dayfly_core::input::{CommandId, Order};
use dayfly_core::session::SessionId;
use tokio::sync::oneshot;

use crate::message::{Ask, OrderError, Ordered};

/// Where the answer to an order goes.
pub(super) type Answer = oneshot::Sender<Result<Ordered, OrderError>>;

/// Who waits for an answer of the engine.
#[derive(Debug, Default)]
pub(super) struct Callers {
    /// Commands that the core works on.
    pub(super) commands: BTreeMap<CommandId, (SessionId, Answer)>,
    pub(super) next_command: u64,
    /// Orders that wait until the Workspace file was looked at.
    pub(super) tickets: BTreeMap<u64, (String, Order, Answer)>,
    /// Who waits until nothing is under way.
    pub(super) quiet: Vec<oneshot::Sender<()>>,
    /// What was asked before the policies were in force.
    pub(super) early: Vec<Ask>,
    /// When a stop among that waits no longer.
    pub(super) stops_go_at: Option<tokio::time::Instant>,
}
