//! Long-lived keys in reports.

use dayfly_core::key_rotation::KeyRule;
use dayfly_core::session::SessionId;
use dayfly_core::state::State;
use dayfly_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::failure::FailureReport;

/// The long-lived key of a session, where the engine looks after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    /// How many days old it may become; none: only a rotation that was interrupted is brought to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_after_days: Option<u64>,
    /// When the cloud made it, as far as that is known.
    #[serde(with = "crate::report::iso_option")]
    pub created_at: Option<Timestamp>,
    /// When it is to be replaced, as far as that is known.
    #[serde(with = "crate::report::iso_option")]
    pub due_at: Option<Timestamp>,
    /// Whether it is replaced right now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rotating: bool,
    /// A rotation was interrupted: two keys can be used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// Who forbids to replace it, and why, where it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Why it could not be looked at, or not be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureReport>,
    /// When that is tried again.
    #[serde(with = "crate::report::iso_option")]
    pub retry_at: Option<Timestamp>,
}

impl KeyReport {
    /// What a running engine knows.
    #[must_use]
    pub fn of(state: &State, session: &SessionId) -> Option<Self> {
        let key = state.key(session)?;
        let days = |rule: KeyRule| rule.every().map(|every| every.as_secs() / 86_400);
        let held = key.held.as_ref();
        Some(Self {
            rotate_after_days: days(key.rule),
            created_at: key.facts.map(|facts| facts.created),
            due_at: key.due(),
            rotating: state.key_call() == Some((session, true)),
            interrupted: key.facts.is_some_and(|facts| facts.interrupted),
            held: held.map(|(by, why)| format!("{by}: {why}")),
            error: key.last_failure.as_ref().map(FailureReport::from),
            retry_at: key.retry_at.filter(|_| key.last_failure.is_some()),
        })
    }

    /// Whether it should have been replaced before now.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due| due <= now) && !self.rotating
    }
}
