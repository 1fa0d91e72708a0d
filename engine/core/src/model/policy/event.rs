//! What happened, as a policy sees it.

use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::model::policy::trigger::{BranchChange, EngineEvent, FileChange};
use crate::model::policy::view::{Fields, SessionView};
use crate::model::session::Status;
use crate::model::time::Timestamp;

/// How the latest action on a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// START succeeded.
    Started,
    /// STOP succeeded.
    Stopped,
    /// ROTATE succeeded.
    Rotated,
    /// The credentials ended.
    Expired,
    /// An attempt failed.
    Failed,
    /// An attempt failed, and only a person can help. Policies get this instead of `Failed`; the
    /// journal has the failure.
    NeedsPerson,
    /// Nothing ended, but soon will. Policies only.
    Expiring,
}

impl Outcome {
    /// Its name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Rotated => "rotated",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::NeedsPerson => "needs-person",
            Self::Expiring => "expiring",
        }
    }
}

/// A session after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionChange {
    /// The session as it is now; for a removed one, as it was last.
    pub after: SessionView,
    /// The status before; none for an added session.
    pub previous_status: Option<Status>,
    /// What changed.
    pub fields: Fields,
    /// How the latest action ended, where that is what happened.
    pub outcome: Option<Outcome>,
}

/// Why everything has to be evaluated again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResyncReason {
    /// The engine started.
    ColdStart,
    /// The policy's module or configuration changed.
    Reconfigured,
    /// The machine slept or its clock jumped.
    Resumed,
    /// More happened than could be queued.
    Overflow,
}

impl ResyncReason {
    /// Its name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ColdStart => "cold-start",
            Self::Reconfigured => "reconfigured",
            Self::Resumed => "resumed",
            Self::Overflow => "overflow",
        }
    }
}

/// Something that happened, as a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// Sessions changed.
    Sessions(Vec<SessionChange>),
    /// A wake-up is due.
    Wake {
        /// The id that it was asked for with.
        id: String,
        /// The moment that was asked for.
        due: Timestamp,
    },
    /// A moment of a schedule came.
    Schedule {
        /// The expression as subscribed to.
        expression: String,
        /// The moment that was meant.
        due: Timestamp,
        /// Further moments that passed since, and were not reported.
        missed: u32,
    },
    /// A watched file changed.
    File(FileChange),
    /// Another branch is checked out in a watched repository.
    Branch(BranchChange),
    /// Something happened to the engine or to the machine.
    Engine(EngineEvent),
    /// Somebody sent a custom event.
    Custom {
        /// Its name.
        name: String,
        /// JSON text.
        data: String,
    },
    /// Evaluate everything again.
    Resync {
        /// Why.
        reason: ResyncReason,
        /// Sessions of this page.
        sessions: Vec<SessionView>,
        /// Whether it is the last page.
        last: bool,
    },
}

/// What a call knows beside its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The time.
    pub now: Timestamp,
    /// Counts the calls to this entry.
    pub sequence: u64,
    /// For jitter; the same for the same call.
    pub seed: u64,
    /// The answer is not acted on.
    pub dry_run: bool,
    /// Counts the accepted versions of the Workspace that changed a session which the entry sees,
    /// or saw before, since the entry is in force.
    pub workspace_revision: u64,
}
