//! Everything that can enter the core: one closed enum.

use crate::model::settings::Settings;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arbitration::{Rank, Tier};
use crate::model::delivery::Delivery;
use crate::model::failure::Failure;
use crate::model::grant::Grant;
pub use crate::model::ids::CommandId;
use crate::model::ids::{KeyCall, OperationId};
use crate::model::key_rotation::{KeyAnswer, KeyRules};
use crate::model::placement::{ChangedPlace, Placement, WantedDeliveries};
use crate::model::policy::{
    Action, Actions, BranchChange, EntryName, EvaluationId, Fault, FileChange, Subscription,
    Verdict,
};
use crate::model::schedule::Schedule;
use crate::model::session::{Lease, Session, Status};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;

/// What the Workspace file says of a session's state: the engine's projection, or a
/// person's edit of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersistedStatus {
    /// `status`.
    pub status: Status,
    /// `startDateTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// `sessionTokenExpiration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<Timestamp>,
}

/// A session that is new to the Workspace or was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUpsert {
    /// The session.
    pub session: Arc<Session>,
    /// Its state as the file has it.
    pub written: PersistedStatus,
}

/// What changed from one accepted version of the Workspace to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceChange {
    /// New and edited sessions.
    pub upserts: Vec<SessionUpsert>,
    /// Sessions that are no longer there.
    pub removed: Vec<SessionId>,
}

/// Credentials that the provider chain turned out to hold when the engine started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredCredentials {
    /// The session that they were published for.
    pub session: SessionId,
    /// The named profile that they are under.
    pub profile: Option<String>,
    /// When they were issued and when they end.
    pub lease: Lease,
    /// The places that they are in force in.
    pub in_force: Delivery,
}

/// A person's order for a session that is in force, as it outlives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManualOverride {
    /// `start`: policies may not stop it while it is active. `stop`: policies may not start it.
    pub action: Action,
    /// When it was said.
    pub at: Timestamp,
    /// When it ends; none: with the person's next order, or when a started session ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The reason given for overriding guard rails, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
    /// The reason given without overriding anything: policies see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ManualOverride {
    /// Why the person wants the session to be active, where that was said.
    #[must_use]
    pub fn stated(&self) -> Option<&String> {
        let said = self.override_reason.as_ref().or(self.reason.as_ref());
        said.filter(|_| self.action == Action::Start)
    }

    /// How much it counts.
    #[must_use]
    pub fn rank(&self) -> Rank {
        let tier = if self.override_reason.is_some() {
            Tier::Override
        } else {
            Tier::Person
        };
        Rank { tier, priority: 0 }
    }
}

/// What a person orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Do this to the session.
    Do {
        /// What.
        action: Action,
        /// How long the order is in force.
        lasting: Option<Duration>,
        /// Reason for passing guard rails.
        override_reason: Option<String>,
        /// Why, for policies that ask for a reason; it passes nothing.
        reason: Option<String>,
    },
    /// Withdraw the order: the policies decide again.
    Release,
    /// A program asks for the credentials. They are obtained where there are none, and renewed
    /// where they are due, unless anybody has said otherwise: this counts less than every policy.
    /// Credentials that are good are answered with at once.
    Demand,
}

/// A configured policy entry, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: EntryName,
    /// How much it counts.
    pub rank: Rank,
    /// Whether its decisions are only recorded.
    pub shadow: bool,
    /// What it may see and do.
    pub grant: Grant,
    /// What its descriptor says that it may propose.
    pub actions: Actions,
    /// Whether its descriptor says that it may hold.
    pub may_hold: bool,
    /// What it wants to be asked for.
    pub subscriptions: Vec<Subscription>,
    /// The schedules among its subscriptions, ready to be asked for their moments.
    pub schedules: Vec<Schedule>,
    /// Changes whenever the module, the configuration or a setting of the entry changes.
    pub generation: u64,
    /// Why it cannot be asked at all, where it is named only so that a guard rail which cannot be
    /// loaded holds rather than lets pass.
    pub unusable: Option<String>,
}

/// What a person did that sessions may have waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserInput {
    /// Signed in to an integration or an IdP, which the sessions name by this id.
    SignIn(String),
    /// Answered for one session: an MFA code, a sign-in of its own.
    Session(SessionId),
}

/// A sign-in that is valid, and is known to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Id of the integration, as sessions have it.
    pub integration: String,
    /// What a person calls the integration.
    pub name: String,
    /// When a person has to sign in again.
    pub ends: Timestamp,
}

/// What a watcher saw of one file or repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPath {
    /// The patterns that it matches, as policies subscribed to them.
    pub patterns: Vec<Arc<str>>,
    /// What it saw.
    pub what: PathObservation,
}

/// A file or a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathObservation {
    /// A file.
    File(FileChange),
    /// A repository.
    Branch(BranchChange),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The engine starts: what the chain holds and what the person had said before. Comes
    /// before everything else.
    Boot {
        /// What the chain holds.
        found: Vec<RecoveredCredentials>,
        /// Orders of people that were in force when the engine stopped.
        words: Vec<(SessionId, ManualOverride)>,
    },
    /// A version of the Workspace was accepted.
    Workspace(WorkspaceChange),
    /// The policy entries that are to be in force, all of them.
    Policies(Vec<Entry>),
    /// Bounds and waits, as the configuration has them.
    Settings(Settings),
    /// Where credentials are to be put, as the Workspace and the configuration have it.
    Deliveries(WantedDeliveries),
    /// The sessions whose long-lived keys are looked after, all of them, as the Workspace and the
    /// configuration have it.
    KeyRules(KeyRules),
    /// A call about the long-lived key of a session ended.
    KeyAnswered {
        /// Names the call.
        call: KeyCall,
        /// The session.
        session: SessionId,
        /// What came of it.
        result: Result<KeyAnswer, Failure>,
    },
    /// A person gave a command.
    Command {
        /// Names it in the reply.
        id: CommandId,
        /// On which session.
        session: SessionId,
        /// What is to be done.
        order: Order,
    },
    /// An evaluation ended.
    Evaluated {
        /// The entry that was asked.
        entry: EntryName,
        /// Names the evaluation.
        evaluation: EvaluationId,
        /// What it answered.
        result: Result<Verdict, Fault>,
    },
    /// A provider answered.
    Issued {
        /// Names the operation.
        operation: OperationId,
        /// The facts about the credentials that wait to be published.
        result: Result<Lease, Failure>,
    },
    /// The chain answered a `Publish` or a `Retract`.
    Delivered {
        /// Names the operation.
        operation: OperationId,
        /// Where the credentials are now, or why nothing was changed.
        result: Result<Placement, Failure>,
    },
    /// The chain answered an `Align`.
    Aligned {
        /// The session.
        session: SessionId,
        /// Where its credentials are now, or why they are where they were.
        result: Result<Placement, Failure>,
    },
    /// The chain could take back the credentials of a session only in part.
    StillInForce {
        /// The session.
        session: SessionId,
        /// Where they are still in force.
        places: Delivery,
    },
    /// Another program wrote a file of the chain, which is now other than the chain left it.
    PlaceChanged(ChangedPlace),
    /// The chain was found to have something of a session that has no credentials there.
    FoundLeftover {
        /// The session.
        session: SessionId,
    },
    /// The chain answered a `ClearLeftover`.
    LeftoverCleared {
        /// The session.
        session: SessionId,
        /// Whether nothing of it is there any more.
        result: Result<(), Failure>,
    },
    /// The chain was asked for the credentials of a session.
    Used {
        /// The session.
        session: SessionId,
    },
    /// Somebody sent a custom event.
    Custom {
        /// Its name.
        name: String,
        /// JSON text.
        data: String,
    },
    /// A person did what failures asked for; what waited for that is tried again.
    Attended(UserInput),
    /// The sign-ins that are valid and are known to end, all of them.
    SignIns(Vec<SignIn>),
    /// A suspended policy entry may be asked again.
    Enable(EntryName),
    /// Watched files and repositories are as this says.
    Watched {
        /// What was seen.
        seen: Vec<ObservedPath>,
        /// The only entry that gets it, where it has just begun to watch.
        to: Option<EntryName>,
    },
    /// The machine slept or its clock jumped.
    Resumed {
        /// How long it slept.
        slept_ms: u64,
        /// By how much the clock was set; negative where it was set back.
        set_ms: i64,
    },
    /// The engine is about to stop. From now on nothing is started or rotated.
    Stopping {
        /// Until when stops are carried out.
        deadline: Timestamp,
    },
    /// Nothing but time passed.
    Tick,
}
