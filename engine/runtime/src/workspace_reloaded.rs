//! What looking at the Workspace file brought.

use std::sync::Arc;

use dayfly_core::input::WorkspaceChange;
use dayfly_workspace::{Rejected, Workspace};

/// What looking at the file brought.
#[derive(Debug)]
pub(crate) struct WorkspaceReloaded {
    /// What the person changed; none where the file cannot be used.
    pub(crate) change: Option<(Arc<Workspace>, WorkspaceChange)>,
    /// Why it cannot be used.
    pub(crate) rejected: Option<Rejected>,
    /// Asks that waited for this.
    pub(crate) tickets: Vec<u64>,
}
