//! What a policy answers, or why it did not.

use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::model::policy::action::{Action, Actions};
use crate::model::policy::view::{Revision, SessionKey};
use crate::model::time::Timestamp;

/// Names an evaluation, from the question to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvaluationId(pub u64);

/// Why a policy decided as it did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// Short and stable, for programs.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// Facts that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<(String, String)>,
}

impl Reason {
    /// A reason without evidence.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            evidence: Vec::new(),
        }
    }
}

/// A proposal to do something to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// The session.
    pub session: SessionKey,
    /// What to do.
    pub action: Action,
    /// The session's revision that the proposal rests on.
    pub revision: Revision,
    /// When the proposal ends.
    pub not_after: Option<Timestamp>,
    /// Why.
    pub why: Reason,
}

/// A proposal that nobody may do something to a session for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The session.
    pub session: SessionKey,
    /// What nobody may do.
    pub actions: Actions,
    /// When the hold ends; none: with the policy's next answer.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Reason,
}

/// How loud a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// For the policy's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Worth an action.
    Error,
}

/// A message to the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// How loud.
    pub severity: Severity,
    /// The same key again does not show the message again.
    pub key: String,
    /// The message.
    pub text: String,
}

/// One thing that a policy answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum PolicyEffect {
    /// Do something to a session.
    Act(Act),
    /// Nobody may do something to a session.
    Hold(Hold),
    /// Takes back all that it proposed for a session.
    Withdraw(SessionKey),
    /// Ask for a wake-up.
    Wake {
        /// Names the wake-up; the same id again replaces it.
        id: String,
        /// When.
        at: Timestamp,
        /// How much later is as good, milliseconds.
        slack_ms: u32,
    },
    /// Cancels a wake-up.
    CancelWake(String),
    /// A message to the person.
    Notify(Notice),
}

/// The answer to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// What the policy wants.
    pub effects: Vec<PolicyEffect>,
    /// How many sessions of the call it looked at, where not all.
    pub stopped_after: Option<u32>,
}

/// Why an evaluation brought no verdict, for branching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The policy said: try again later.
    Transient,
    /// The policy said: trying again will not help.
    Permanent,
    /// The guest trapped.
    Trap,
    /// It ran longer than it may.
    Deadline,
    /// It used more memory, or answered more, than it may.
    Limit,
    /// Its answer makes no sense: an unknown session, an action it is not granted.
    BadAnswer,
    /// The host failed.
    Host,
}

impl FaultKind {
    /// Its name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Limit => "limit",
            Self::BadAnswer => "bad-answer",
            Self::Host => "host",
        }
    }
}

/// Why an evaluation brought no verdict. Nothing of the call counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What sort of fault.
    pub kind: FaultKind,
    /// For a person.
    pub message: String,
}
