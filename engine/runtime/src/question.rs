//! What a policy is asked.

use dayfly_core::policy::{Context, EntryName, EvaluationId, Event, Views};
use dayfly_policy::{Policy, StateSnapshot};

/// A question to a policy.
pub(crate) struct Question {
    pub(crate) entry: EntryName,
    pub(crate) evaluation: EvaluationId,
    pub(crate) policy: Policy,
    pub(crate) context: Context,
    pub(crate) events: Vec<Event>,
    pub(crate) sees: Views,
    pub(crate) state: StateSnapshot,
}
