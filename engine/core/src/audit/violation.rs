//! What can be wrong.

use crate::audit::delivery_violation::DeliveryViolation;
use crate::model::ids::{CommandId, OperationId};
use crate::model::policy::EntryName;
use crate::model::session::{Lease, Status};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;

/// Something that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Credentials of two sessions are under one named profile.
    SharedProfile {
        /// The profile.
        profile: String,
        /// The sessions.
        sessions: [SessionId; 2],
    },
    /// The chain holds credentials that belong to no session and that nobody is about to retract.
    Unretracted {
        /// The session that they were published for.
        session: SessionId,
    },
    /// The session has credentials as the core sees it, and the chain does not hold them.
    Missing {
        /// The session.
        session: SessionId,
    },
    /// The chain holds the credentials of a session elsewhere than the core believes.
    Elsewhere {
        /// The session.
        session: SessionId,
        /// The named profile that the core believes.
        believed: Option<String>,
        /// The named profile that they are under.
        found: Option<String>,
    },
    /// The chain holds other credentials of a session than the core believes.
    OtherLease {
        /// The session.
        session: SessionId,
        /// Those that the core believes.
        believed: Lease,
        /// Those that are there.
        found: Lease,
    },
    /// Credentials that have ended are in force, and nobody is about to retract them.
    ServedPastExpiry {
        /// The session.
        session: SessionId,
        /// When they ended.
        ended: Timestamp,
    },
    /// Nothing will happen when the credentials end.
    Unwatched {
        /// The session.
        session: SessionId,
        /// When they end.
        ends: Timestamp,
    },
    /// The session left the Workspace, and nothing will take its credentials back.
    Lingering {
        /// The session.
        session: SessionId,
    },
    /// The session is pending, and nothing will end that.
    Stuck {
        /// The session.
        session: SessionId,
        /// What is missing.
        lacks: &'static str,
    },
    /// Credentials are on their way although nobody knows yet what policies forbid.
    Unruled {
        /// The session.
        session: SessionId,
    },
    /// The session is active beyond the stop of the one that it is chained to.
    BeyondParent {
        /// The session.
        session: SessionId,
        /// The one that it is chained to.
        parent: SessionId,
    },
    /// An operation is under way that no session knows of.
    StrayOperation {
        /// The operation.
        operation: OperationId,
        /// The session that it was begun for.
        session: SessionId,
    },
    /// More providers work at the same time than may.
    TooManyIssuing {
        /// How many work.
        issuing: usize,
        /// How many may.
        bound: usize,
    },
    /// The core has lost count of the providers at work.
    Miscounted {
        /// How many it counts.
        counted: usize,
        /// How many work.
        issuing: usize,
    },
    /// A session is in the queue for providers that does not belong there, or twice.
    Misqueued {
        /// The session.
        session: SessionId,
    },
    /// Sessions wait for a provider although there is room.
    IdleQueue {
        /// How many wait.
        waiting: usize,
    },
    /// More waits for a policy entry than may, so that it could grow for ever.
    Backlog {
        /// The entry.
        entry: EntryName,
        /// What waits.
        what: &'static str,
        /// How much of it.
        waiting: usize,
        /// How much may.
        bound: usize,
    },
    /// A policy entry sees, or proposes for, a session that it is not granted.
    BeyondGrant {
        /// The entry.
        entry: EntryName,
        /// The session.
        session: SessionId,
    },
    /// A policy entry does not see a session that it is granted.
    Unseen {
        /// The entry.
        entry: EntryName,
        /// The session.
        session: SessionId,
    },
    /// A policy entry sees a session as it is not any more.
    Outdated {
        /// The entry.
        entry: EntryName,
        /// The session.
        session: SessionId,
    },
    /// Commands wait for a session for which nothing is under way.
    Unanswered {
        /// The session.
        session: SessionId,
        /// The commands.
        commands: Vec<CommandId>,
    },
    /// A moment that was to be acted on has passed.
    Overdue {
        /// The moment.
        due: Timestamp,
    },
    /// No event will announce that a sign-in ends.
    UnwatchedSignIn {
        /// Id of its integration.
        integration: String,
        /// When it ends.
        ends: Timestamp,
    },
    /// Nothing will happen to a long-lived key when it is due, or when a call about it takes too long.
    ForgottenKey {
        /// The session.
        session: SessionId,
    },
    /// Credentials are not where they should be, or the core has lost track of where they are.
    Delivery(DeliveryViolation),
    /// Policies or the Workspace file have another status than the session.
    Misreported {
        /// The session.
        session: SessionId,
        /// The status of the session.
        status: Status,
        /// The status that they have.
        told: Status,
    },
}
