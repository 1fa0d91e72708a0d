//! What the journal records.

use serde::{Deserialize, Serialize};

use crate::arbitration::{Actor, Lost};
use crate::model::failure::Failure;
use crate::model::ids::{Cause, OperationId};
use crate::model::policy::{
    Action, Actions, EntryName, EvaluationId, Fault, FileChangeKind, Outcome, Reason, ResyncReason,
    Severity,
};
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// When.
    pub at: Timestamp,
    /// What it came of.
    pub cause: Cause,
    /// What happened.
    #[serde(flatten)]
    pub what: JournalEvent,
}

/// A proposal, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Who proposed.
    pub by: Actor,
    /// What.
    pub action: Action,
    /// Why it lost.
    pub lost: Lost,
}

/// A watched file, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenFile {
    /// Its path.
    pub path: String,
    /// What happened to it.
    pub kind: FileChangeKind,
}

/// What becomes of a session with another version of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerChange {
    /// It is new.
    Added,
    /// It is another one.
    Changed,
    /// The layer does not have it any more.
    Removed,
}

/// A session of a layer, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerSession {
    /// What a person calls it.
    pub name: String,
    /// What becomes of it.
    pub change: LayerChange,
}

/// What the journal records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum JournalEvent {
    /// The engine started.
    Booted {
        /// Sessions whose credentials the chain still holds.
        found: Vec<SessionId>,
    },
    /// A version of the Workspace was accepted.
    WorkspaceAccepted {
        /// Counts the versions.
        revision: u64,
        /// New sessions.
        added: usize,
        /// Edited sessions.
        changed: usize,
        /// Sessions that went.
        removed: usize,
    },
    /// A session was added, edited or removed.
    SessionEdited {
        /// The session.
        session: SessionId,
        /// Its name.
        name: String,
        /// What changed.
        fields: Vec<String>,
    },
    /// A layer of the Workspace was merged, or its source says something else by now. Recorded by who runs
    /// the core.
    LayerChanged {
        /// The layer.
        layer: String,
        /// Where it comes from.
        source: String,
        /// The version that it says it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Whether it was merged into the Workspace; if not, nothing changed there.
        merged: bool,
        /// How many sessions come, change and go with it.
        count: usize,
        /// The first of them.
        sessions: Vec<LayerSession>,
    },
    /// The policy entries in force changed.
    PoliciesAccepted {
        /// All entries that are now in force.
        entries: Vec<EntryName>,
        /// Those that are new or different.
        changed: Vec<EntryName>,
    },
    /// A person gave a command, or edited a status by hand.
    Commanded {
        /// The session.
        session: SessionId,
        /// What; none: the order was withdrawn.
        action: Option<Action>,
        /// Whether it came by an edit of the Workspace.
        by_edit: bool,
        /// The reason for overriding guard rails.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        override_reason: Option<String>,
        /// The reason that was given for policies to see.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A custom event came.
    Custom {
        /// Its name.
        name: String,
        /// Entries that asked for it.
        entries: Vec<EntryName>,
    },
    /// A sign-in comes to its end, or has ended.
    SignInEnds {
        /// What a person calls the integration.
        name: String,
        /// When it ends.
        ends: Timestamp,
        /// Whether it has ended.
        ended: bool,
        /// Entries that asked for it and see a session that needs it.
        entries: Vec<EntryName>,
    },
    /// A moment of a schedule came.
    Scheduled {
        /// The entry that asked for it.
        entry: EntryName,
        /// The expression.
        expression: String,
        /// The moment.
        due: Timestamp,
        /// Further moments that passed since, and were not reported.
        missed: u32,
    },
    /// Watched files changed, or are there when watching begins.
    FilesSeen {
        /// How many.
        count: usize,
        /// The first of them.
        files: Vec<SeenFile>,
        /// Entries that asked for any of them.
        entries: Vec<EntryName>,
    },
    /// Another branch is checked out in a watched repository, or is when watching begins.
    BranchSeen {
        /// Folder of the working tree.
        repository: String,
        /// What happened.
        kind: FileChangeKind,
        /// The branch; none where none is checked out.
        branch: Option<String>,
        /// The branch before.
        previous: Option<String>,
        /// Entries that asked for it.
        entries: Vec<EntryName>,
    },
    /// The machine slept, or its clock was set.
    Resumed {
        /// How long it slept.
        slept_ms: u64,
        /// By how much the clock was set.
        set_ms: i64,
    },
    /// The engine is about to stop, and policies may have sessions stopped before.
    Stopping {
        /// Until when that is waited for.
        deadline: Timestamp,
        /// Entries that are asked.
        entries: Vec<EntryName>,
    },
    /// A policy evaluates everything again.
    Resync {
        /// The entry.
        entry: EntryName,
        /// Why.
        reason: ResyncReason,
    },
    /// A policy answered.
    Evaluated {
        /// The entry.
        entry: EntryName,
        /// Names the evaluation.
        evaluation: EvaluationId,
        /// Sessions in the call.
        sessions: usize,
        /// Proposals in the answer.
        proposals: usize,
    },
    /// A policy brought no answer.
    Faulted {
        /// The entry.
        entry: EntryName,
        /// Names the evaluation.
        evaluation: EvaluationId,
        /// Why.
        fault: Fault,
        /// Faults in a row.
        failures: u32,
        /// When it is asked again; none: it is suspended.
        retry_at: Option<Timestamp>,
    },
    /// An answer came for a question that nobody asks any more.
    Stale {
        /// What the answer was for.
        what: String,
    },
    /// A policy proposes to act.
    Proposed {
        /// The session.
        session: SessionId,
        /// The entry.
        entry: EntryName,
        /// What.
        action: Action,
        /// Why.
        why: Reason,
        /// Whether it is only recorded.
        shadow: bool,
    },
    /// A policy proposes that nobody acts.
    Held {
        /// The session.
        session: SessionId,
        /// The entry.
        entry: EntryName,
        /// What nobody may do.
        actions: Vec<Action>,
        /// When the hold ends.
        until: Option<Timestamp>,
        /// Why.
        why: Reason,
        /// Whether it is only recorded.
        shadow: bool,
    },
    /// A proposal was dropped before it counted.
    Dropped {
        /// The session, where it is known.
        session: Option<SessionId>,
        /// The entry.
        entry: EntryName,
        /// Why.
        why: String,
    },
    /// What shadow entries would have changed.
    ShadowDiffers {
        /// The session.
        session: SessionId,
        /// What is done.
        live: Option<Action>,
        /// What would be done, were the shadow entries live.
        shadow: Option<Action>,
    },
    /// The engine decided to act.
    Decided {
        /// The session.
        session: SessionId,
        /// What is done.
        action: Action,
        /// Who won.
        by: Actor,
        /// Why.
        why: Reason,
        /// Who lost, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        losers: Vec<Loss>,
    },
    /// The engine decided to act, but later.
    Deferred {
        /// The session.
        session: SessionId,
        /// What is put off.
        action: Action,
        /// What it waits for.
        why: String,
        /// Until when, where a moment is known.
        until: Option<Timestamp>,
    },
    /// Two policies undid each other's work on a session again and again; neither starts or renews
    /// it for a while.
    Frozen {
        /// The session.
        session: SessionId,
        /// Who starts it, and who stops it.
        between: Vec<EntryName>,
        /// Until when.
        until: Timestamp,
    },
    /// An operation began.
    Began {
        /// The session.
        session: SessionId,
        /// Names the operation.
        operation: OperationId,
        /// What is done.
        action: Action,
        /// For whom.
        by: Actor,
    },
    /// An operation ended.
    Ended {
        /// The session.
        session: SessionId,
        /// Names the operation.
        operation: OperationId,
        /// How.
        outcome: Outcome,
        /// The credentials that are now in the chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease: Option<Lease>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// When it is tried again at the earliest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
    /// A session that held the named profile gave way to another.
    Displaced {
        /// The session that gave way.
        session: SessionId,
        /// The session that took the profile.
        by: SessionId,
    },
    /// The chain held credentials that belong to no session of the Workspace.
    Orphan {
        /// The session that they were published for.
        session: SessionId,
    },
    /// The long-lived key of a session is to be replaced.
    KeyDue {
        /// The session.
        session: SessionId,
        /// When the cloud made it.
        created: Timestamp,
        /// How old it may become by its rule, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every_seconds: Option<u64>,
        /// Whether a rotation that was interrupted is brought to its end.
        interrupted: bool,
    },
    /// A policy forbids to replace it now.
    KeyHeld {
        /// The session.
        session: SessionId,
        /// Who forbids it.
        by: Actor,
        /// Why.
        why: String,
    },
    /// Another took its place, and it is deleted.
    KeyRotated {
        /// The session.
        session: SessionId,
        /// Its id.
        old: String,
        /// The id of the other.
        new: String,
    },
    /// It could not be looked at, or not be replaced.
    KeyFailed {
        /// The session.
        session: SessionId,
        /// Why.
        failure: Failure,
        /// When that is tried again at the earliest.
        retry_at: Timestamp,
    },
    /// A policy has a message for the person.
    Notice {
        /// The entry.
        entry: EntryName,
        /// How loud.
        severity: Severity,
        /// The message.
        text: String,
    },
    /// A policy logged a line. Recorded by who runs the policies.
    Said {
        /// The entry.
        entry: EntryName,
        /// How loud.
        severity: Severity,
        /// The line.
        text: String,
    },
    /// Something around the core went wrong: a file, a module. Recorded by who runs the core.
    Trouble {
        /// What it is about: `workspace`, `config`, `policy NAME`.
        about: String,
        /// What happened, and what was done about it.
        message: String,
        /// What to do next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// An endpoint for programs turned somebody away. Recorded by who runs the core.
    TurnedAway {
        /// Which endpoint; `door` in the journal file.
        #[serde(rename = "door")]
        endpoint: String,
        /// Why; never what was said.
        why: String,
        /// How often since this was last recorded.
        count: u64,
    },
    /// That is well again.
    Mended {
        /// What it was about.
        about: String,
    },
    /// The engine stops. Recorded by who runs the core.
    Halted,
}

impl JournalEvent {
    /// The session that this is about, where it is about one.
    #[must_use]
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::SessionEdited { session, .. }
            | Self::Commanded { session, .. }
            | Self::Proposed { session, .. }
            | Self::Held { session, .. }
            | Self::ShadowDiffers { session, .. }
            | Self::Decided { session, .. }
            | Self::Deferred { session, .. }
            | Self::Frozen { session, .. }
            | Self::Began { session, .. }
            | Self::Ended { session, .. }
            | Self::Displaced { session, .. }
            | Self::KeyDue { session, .. }
            | Self::KeyHeld { session, .. }
            | Self::KeyRotated { session, .. }
            | Self::KeyFailed { session, .. }
            | Self::Orphan { session } => Some(session),
            Self::Dropped { session, .. } => session.as_ref(),
            Self::Booted { .. }
            | Self::WorkspaceAccepted { .. }
            | Self::LayerChanged { .. }
            | Self::PoliciesAccepted { .. }
            | Self::Custom { .. }
            | Self::SignInEnds { .. }
            | Self::Scheduled { .. }
            | Self::FilesSeen { .. }
            | Self::BranchSeen { .. }
            | Self::Resumed { .. }
            | Self::Stopping { .. }
            | Self::Resync { .. }
            | Self::Evaluated { .. }
            | Self::Faulted { .. }
            | Self::Stale { .. }
            | Self::Notice { .. }
            | Self::Said { .. }
            | Self::Trouble { .. }
            | Self::TurnedAway { .. }
            | Self::Mended { .. }
            | Self::Halted => None,
        }
    }

    /// The policy entry that this is about, where it is about one.
    #[must_use]
    pub fn entry(&self) -> Option<&EntryName> {
        match self {
            Self::Resync { entry, .. }
            | Self::Scheduled { entry, .. }
            | Self::Evaluated { entry, .. }
            | Self::Faulted { entry, .. }
            | Self::Proposed { entry, .. }
            | Self::Held { entry, .. }
            | Self::Dropped { entry, .. }
            | Self::Notice { entry, .. }
            | Self::Said { entry, .. } => Some(entry),
            Self::Decided {
                by: Actor::Policy(entry),
                ..
            }
            | Self::Began {
                by: Actor::Policy(entry),
                ..
            } => Some(entry),
            _ => None,
        }
    }
}

/// The actions of a set, as the journal has them.
pub(crate) fn action_list(actions: Actions) -> Vec<Action> {
    actions.iter().collect()
}
