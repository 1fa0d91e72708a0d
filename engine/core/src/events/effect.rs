//! Everything that the core asks for.

use crate::events::input::{ManualOverride, PersistedStatus};
pub use crate::events::journal::{
    JournalEntry, JournalEvent, LayerChange, LayerSession, Loss, SeenFile,
};
use crate::model::delivery::Delivery;
use crate::model::failure::Failure;
use crate::model::ids::CommandId;
pub use crate::model::ids::{Cause, KeyCall, OperationId};
use crate::model::placement::DeliveryProblem;
use crate::model::policy::{Context, EntryName, EvaluationId, Event};
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use std::time::Duration;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The operation succeeded.
    Done {
        /// The credentials that are now in the chain.
        lease: Option<Lease>,
        /// Names of sessions that were stopped since this one took their named profile.
        displaced: Vec<String>,
    },
    /// There was nothing to do.
    Unchanged {
        /// The credentials that are in the chain.
        lease: Option<Lease>,
    },
    /// The operation failed.
    Failed {
        /// Why.
        failure: Failure,
        /// When it is tried again, where it is.
        retry_at: Option<Timestamp>,
    },
    /// A guard rail, or another rule, forbids it.
    Refused {
        /// Who forbids it.
        by: String,
        /// Why.
        why: String,
        /// A guard rail that cannot be evaluated: it forbids everything, whatever a person says.
        unevaluated: bool,
    },
    /// A later command, or the removal of the session, took its place.
    Superseded,
    /// There is no such session.
    NotFound,
}

/// Something that the runtime is to do. `Evaluate`, `Issue`, `Publish`, `Retract`, `Align`,
/// `ClearLeftover`, `LookAtKey` and `RotateKey` are answered by exactly one input each, the others by none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Effect {
    /// Ask a policy; answered by `Evaluated`.
    Evaluate {
        /// The entry.
        entry: EntryName,
        /// Names the evaluation.
        evaluation: EvaluationId,
        /// The generation of the entry that the question is for.
        generation: u64,
        /// What the call knows.
        context: Context,
        /// What happened.
        events: Vec<Event>,
    },
    /// Obtain credentials and keep them aside; answered by `Issued`.
    Issue {
        /// Names the operation.
        operation: OperationId,
        /// For which session.
        session: SessionId,
        /// The session whose credentials are to be used.
        parent: Option<SessionId>,
        /// Counts the attempts since the last success, from 1.
        attempt: u32,
    },
    /// Put the credentials that were kept aside in force, in one step with the retraction of
    /// those of `displaced`; answered by `Delivered`.
    Publish {
        /// Names the operation.
        operation: OperationId,
        /// Of which session.
        session: SessionId,
        /// The named profile to publish under.
        profile: Option<String>,
        /// Sessions that held the named profile.
        displaced: Vec<SessionId>,
        /// The places to publish in.
        delivery: Delivery,
    },
    /// Remove the credentials of a session from the chain; answered by `Delivered`.
    Retract {
        /// Names the operation.
        operation: OperationId,
        /// Of which session.
        session: SessionId,
    },
    /// Put credentials that are in force in these places and in no others; answered by `Aligned`.
    Align {
        /// Of which session.
        session: SessionId,
        /// The named profile that they are published under.
        profile: Option<String>,
        /// The places.
        delivery: Delivery,
    },
    /// Remove whatever the chain holds of a session that is not in force; answered by
    /// `LeftoverCleared`.
    ClearLeftover {
        /// Of which session.
        session: SessionId,
    },
    /// Find out how old the long-lived key of a session is; answered by `KeyAnswered`.
    LookAtKey {
        /// Names the call.
        call: KeyCall,
        /// The session.
        session: SessionId,
    },
    /// Replace the long-lived key of a session, or bring a rotation to its end that was interrupted;
    /// answered by `KeyAnswered`.
    RotateKey {
        /// Names the call.
        call: KeyCall,
        /// The session.
        session: SessionId,
        /// Not if it is younger; none: only bring to its end what was interrupted.
        older_than: Option<Duration>,
    },
    /// A person is to know what is wrong with the places of a session's credentials.
    TellDelivery {
        /// The session.
        session: SessionId,
        /// What is wrong; none: nothing any more.
        problem: Option<DeliveryProblem>,
    },
    /// A person is to know what could not be removed of a session that is not in force. It is tried
    /// again.
    TellLeftover {
        /// The session.
        session: SessionId,
        /// Why it could not be removed; none: it is removed.
        failure: Option<Failure>,
    },
    /// Nobody waits for this operation any more; its outcome may be thrown away.
    Cancel {
        /// Names the operation.
        operation: OperationId,
    },
    /// Forget the credentials that an operation brought; they are not to be published.
    Discard {
        /// Names the operation.
        operation: OperationId,
    },
    /// The Workspace file is to say this of the session's state.
    Project {
        /// The session.
        session: SessionId,
        /// Its state.
        projection: PersistedStatus,
    },
    /// The person's order for a session is to survive a restart; none: it is over.
    Remember {
        /// The session.
        session: SessionId,
        /// The order.
        word: Option<ManualOverride>,
    },
    /// The answer to this evaluation counts: what the policy wrote with it is what the entry remembers
    /// from now on.
    CommitPolicyState {
        /// The entry.
        entry: EntryName,
        /// Names the evaluation.
        evaluation: EvaluationId,
    },
    /// The session left the Workspace: what entries remember of it is to be forgotten.
    ForgetSession {
        /// The session.
        session: SessionId,
    },
    /// Policies that subscribed are called since the engine stops: their answers are to be waited for.
    AwaitPolicies,
    /// Tell the person how a command ended.
    Reply {
        /// The command.
        command: CommandId,
        /// How it ended.
        reply: Reply,
    },
    /// Write a line of the journal.
    Record(JournalEntry),
}
