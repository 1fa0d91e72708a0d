//! The policy entries that are in force, and what is known of their answers.

use std::collections::BTreeMap;

use dayfly_core::policy::{EntryName, EvaluationId};
use dayfly_policy::{StateSnapshot, StateWrite};

use crate::entries::Prepared;

/// A policy entry in force.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) prepared: Prepared,
    pub(super) state: StateSnapshot,
}

/// The policy entries that are in force.
#[derive(Debug, Default)]
pub(super) struct PolicyEntries {
    pub(super) entries: BTreeMap<EntryName, InForce>,
    /// Whether the configuration was read.
    pub(super) configured: bool,
    /// How many questions policies work on.
    pub(super) evaluating: usize,
    /// What the policy wrote with the answer that the core looks at just now.
    pub(super) uncommitted: Option<(EvaluationId, Vec<StateWrite>)>,
    /// Whether policies were asked that the engine is about to stop.
    pub(super) awaits_policies: bool,
}
