//! All that the core knows.

mod facts;
pub(crate) mod index;
pub(crate) mod profile_owners;
pub(crate) mod timers;
pub(crate) mod visibility;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::arbitration::{Actor, Rank, StandingAct, StandingHold};
use crate::decisions::damping::Damping;
use crate::events::effect::{Cause, OperationId};
use crate::events::input::{
    CommandId, Entry, ManualOverride, PersistedStatus, RecoveredCredentials, SignIn,
};
use crate::lifecycle::outages::UnreachableClouds;
use crate::lifecycle::overdue::OverdueChange;
use crate::model::policy::{
    Action, BranchChange, EntryName, EvaluationId, Event, Fields, FileChange, Outcome,
    ResyncReason, Revision, SessionFacts, SessionKey, SessionView, Views,
};
use crate::model::random::Random;
use crate::model::rates::TokenBucket;
use crate::model::session::{Failure, Lease, Session, SessionId, Status};
use crate::model::settings::Settings;
use crate::model::time::Timestamp;
use crate::scheduling::queue::Queue;
use crate::state::index::Index;
use crate::state::profile_owners::ProfileOwners;
use crate::state::timers::Timers;
use crate::state::visibility::Visibility;

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationStage {
    /// It waits for the parent session.
    Parent,
    /// It waits for its turn at the provider.
    Queued,
    /// The provider works on it.
    Issuing,
    /// The chain takes the credentials.
    Publishing(Lease),
}

/// An action under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Names it.
    pub id: OperationId,
    /// What it came of.
    pub cause: Cause,
    /// For whom.
    pub by: Actor,
    /// Where it stands.
    pub stage: OperationStage,
}

impl Operation {
    /// Whether the chain is taking the credentials: the point of no return.
    #[must_use]
    pub const fn is_publishing(&self) -> bool {
        matches!(self.stage, OperationStage::Publishing(_))
    }
}

/// Where a session stands in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No credentials are in the chain.
    Inactive,
    /// The first credentials are on their way.
    Starting(Operation),
    /// Credentials are in the chain.
    Active(Lease),
    /// Credentials are in the chain and new ones are on their way.
    Rotating(Lease, Operation),
    /// The chain removes the credentials; they end as the outcome says.
    Stopping(Lease, OperationId, Outcome),
}

impl Phase {
    /// The status that the Workspace shows.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Inactive => Status::Inactive,
            Self::Active(_) => Status::Active,
            Self::Starting(_) | Self::Rotating(..) | Self::Stopping(..) => Status::Pending,
        }
    }

    /// The credentials that are in the chain.
    #[must_use]
    pub const fn lease(&self) -> Option<Lease> {
        match self {
            Self::Inactive | Self::Starting(_) => None,
            Self::Active(lease) | Self::Rotating(lease, _) | Self::Stopping(lease, ..) => {
                Some(*lease)
            }
        }
    }

    /// The operation that is to bring credentials.
    #[must_use]
    pub const fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Starting(operation) | Self::Rotating(_, operation) => Some(operation),
            _ => None,
        }
    }

    pub(crate) const fn operation_mut(&mut self) -> Option<&mut Operation> {
        match self {
            Self::Starting(operation) | Self::Rotating(_, operation) => Some(operation),
            _ => None,
        }
    }
}

/// A session and all that is known of it.
#[derive(Clone, Debug)]
pub struct SessionState {
    /// What the Workspace says.
    pub session: Arc<Session>,
    /// Whether it is still in the Workspace.
    pub present: bool,
    /// Where it stands.
    pub phase: Phase,
    /// What policies that are granted it see of it.
    pub view: Arc<SessionFacts>,
    /// Attempts that failed since the last success.
    pub failures: u32,
    /// The last failure, until a success.
    pub last_failure: Option<Failure>,
    /// No attempt is made by itself before.
    pub retry_at: Option<Timestamp>,
    /// Only a person can help, and has not yet: no attempt is made by itself.
    pub needs_person: bool,
    /// The person's standing word.
    pub manual_override: Option<ManualOverride>,
    /// Whether the credentials in the chain were obtained for an earlier version of the session.
    pub outdated: bool,
    /// The operation under way obtains what an edit asked for.
    pub(crate) renews_edit: bool,
    /// The named profile that the credentials in the chain stand under.
    pub published_profile: Option<String>,
    /// When it was last decided to stop it, until it has credentials again.
    pub stopped_at: Option<Timestamp>,
    /// The session that it is chained to was stopped, and it could not be retracted then.
    pub(crate) beyond_parent: bool,
    /// It was edited while an operation waits, which nobody was asked about as it is now.
    pub(crate) rule_anew: bool,
    /// It was started only for a session that is chained to it and has not been started yet.
    pub(crate) for_child: bool,
    /// The named profile that credentials are on their way to.
    pub(crate) publishing_profile: Option<String>,
    /// The last projection that was asked for.
    pub projected: PersistedStatus,
    pub(crate) revision: Revision,
    pub(crate) last_use: Option<Timestamp>,
    pub(crate) rotate_asked: Option<Timestamp>,
    pub(crate) waiting: Vec<(CommandId, Action)>,
    /// Those of the waiting commands that are demands of programs.
    pub(crate) demands: BTreeSet<CommandId>,
    /// A program was given credentials that are due for renewal.
    pub(crate) refresh_asked: bool,
    pub(crate) cause: Cause,
    /// How much the voice counts that had it started.
    pub(crate) started_rank: Rank,
    /// The last deferral and shadow difference that were recorded: each is said once.
    pub(crate) told: Option<(Action, String)>,
    /// What policies did to it, as far as it counts for what they may do next.
    pub(crate) damping: Damping,
    /// Its own, so that what others draw is nothing to it.
    pub(crate) random: Random,
    pub(crate) shadow_told: Option<(Option<Action>, Option<Action>)>,
}

/// What an entry is to hear of one session.
#[derive(Clone, Debug)]
pub(crate) struct PendingChange {
    pub(crate) fields: Fields,
    pub(crate) previous_status: Option<Status>,
    pub(crate) outcome: Option<Outcome>,
    /// How a session that went was seen last.
    pub(crate) last_view: Option<SessionView>,
    pub(crate) cause: Cause,
}

/// What one entry proposes for one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryProposals {
    pub(crate) acts: Vec<StandingAct>,
    pub(crate) holds: Vec<StandingHold>,
    pub(crate) cause: Cause,
    /// What it wants to have rotated was said on a custom event: an alarm, which waits for nothing.
    pub(crate) alarmed: bool,
}

/// A question that a policy works on.
#[derive(Clone, Debug)]
pub(crate) struct PendingEvaluation {
    pub(crate) id: EvaluationId,
    /// Sessions of the call in order of delivery.
    pub(crate) sessions: Vec<(SessionId, PendingChange)>,
    /// The same, for look-ups.
    pub(crate) ids: BTreeSet<SessionId>,
    /// Events without sessions, for another try.
    pub(crate) others: Vec<Event>,
    /// The resync that this call was a page of: its reason, where the page began, and the
    /// key that the next begins behind (none: it was the last).
    pub(crate) page: Option<(ResyncReason, Option<SessionKey>, Option<SessionKey>)>,
    pub(crate) cause: Cause,
}

/// A policy entry and all that is known of it.
#[derive(Clone, Debug)]
pub struct EntryState {
    /// The entry.
    pub entry: Entry,
    /// Faults in a row.
    pub failures: u32,
    /// The last fault, until an answer.
    pub last_fault: Option<crate::model::policy::Fault>,
    /// Whether it is suspended.
    pub suspended: bool,
    pub(crate) pending_changes: BTreeMap<SessionId, PendingChange>,
    pub(crate) others: VecDeque<Event>,
    /// Files that it has not heard of, by path; a later change of one is merged into the earlier.
    pub(crate) files: BTreeMap<Arc<str>, FileChange>,
    /// The same for repositories.
    pub(crate) branches: BTreeMap<Arc<str>, BranchChange>,
    /// What the last of these came of.
    pub(crate) others_cause: Cause,
    pub(crate) resync: Option<(ResyncReason, Option<SessionKey>)>,
    pub(crate) pending_evaluation: Option<PendingEvaluation>,
    pub(crate) proposals: BTreeMap<SessionId, EntryProposals>,
    pub(crate) wakes: BTreeMap<String, Timestamp>,
    pub(crate) notices: BTreeSet<String>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) sequence: u64,
    /// What is left of its rate.
    pub(crate) bucket: TokenBucket,
    /// What it sees.
    pub(crate) visibility: Visibility,
    /// Its own, so that what others draw is nothing to it.
    pub(crate) random: Random,
}

impl EntryState {
    /// What it sees at this moment, by the keys that it knows. Cheap to clone; the clone stays as
    /// it is.
    #[must_use]
    pub const fn views(&self) -> &Views {
        self.visibility.views()
    }

    /// Whether its opinion on the session is still to come.
    pub(crate) fn owes_answer(&self, session: &SessionId) -> bool {
        !self.is_broken() && self.is_behind(session)
    }

    /// Whether it failed and is not asked at present.
    pub(crate) fn is_broken(&self) -> bool {
        self.suspended || self.not_before.is_some()
    }

    /// Whether it was not asked, or has not answered, about the session as it is now. What it does
    /// not see it has no say in.
    pub(crate) fn is_behind(&self, session: &SessionId) -> bool {
        // Mostly nothing is to be said to it, which is found out sooner than who sees what.
        if self.pending_changes.is_empty()
            && self.resync.is_none()
            && self.pending_evaluation.is_none()
        {
            return false;
        }
        let Some(key) = self.visibility.key(session) else {
            return false;
        };
        let ahead = |after: Option<SessionKey>| after.is_none_or(|done| key > done);
        self.pending_changes.contains_key(session)
            || self.resync.is_some_and(|(_, after)| ahead(after))
            || self.pending_evaluation.as_ref().is_some_and(|asked| {
                asked.ids.contains(session) || asked.page.is_some_and(|(_, from, _)| ahead(from))
            })
    }
}

/// Credentials in the chain that no session stands for.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    /// The retraction that is under way.
    pub(crate) operation: Option<OperationId>,
    /// Retractions that failed.
    pub(crate) failures: u32,
    /// The named profile that they stand under.
    pub(crate) profile: Option<String>,
}

/// All that the core knows.
#[derive(Clone, Debug)]
pub struct State {
    /// Bounds and waits.
    pub settings: Settings,
    pub(crate) sessions: BTreeMap<SessionId, SessionState>,
    pub(crate) children: BTreeMap<SessionId, BTreeSet<SessionId>>,
    pub(crate) profile_owners: ProfileOwners,
    pub(crate) entries: BTreeMap<EntryName, EntryState>,
    pub(crate) index: Index,
    pub(crate) timers: Timers,
    /// Decides jitter.
    pub(crate) seed: u64,
    /// Which session an operation belongs to.
    pub(crate) operations: BTreeMap<OperationId, SessionId>,
    pub(crate) issuing: usize,
    pub(crate) unreachable: UnreachableClouds,
    /// Those that wait for their turn at a provider.
    pub(crate) queue: Queue,
    pub(crate) recovered: BTreeMap<SessionId, RecoveredCredentials>,
    pub(crate) orphans: BTreeMap<SessionId, Orphan>,
    /// Changes of the chain that were not answered in time.
    pub(crate) overdue: BTreeMap<OperationId, OverdueChange>,
    pub(crate) recovered_overrides: BTreeMap<SessionId, ManualOverride>,
    /// Sign-ins that stand, by the id of their integration.
    pub(crate) sign_ins: BTreeMap<String, SignIn>,
    pub(crate) workspace_revision: u64,
    /// The first policies came: before that nobody knows what is forbidden, and nothing is started
    /// or renewed.
    pub(crate) policies_known: bool,
    /// The engine is about to stop.
    pub(crate) stopping: bool,
    pub(crate) next_operation: u64,
    pub(crate) next_evaluation: u64,
    pub(crate) next_cause: u64,
}

impl State {
    /// A state that knows nothing yet. The seed decides jitter.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            sessions: BTreeMap::new(),
            children: BTreeMap::new(),
            profile_owners: ProfileOwners::default(),
            entries: BTreeMap::new(),
            index: Index::default(),
            timers: Timers::default(),
            seed,
            operations: BTreeMap::new(),
            issuing: 0,
            unreachable: UnreachableClouds::default(),
            queue: Queue::default(),
            recovered: BTreeMap::new(),
            orphans: BTreeMap::new(),
            overdue: BTreeMap::new(),
            recovered_overrides: BTreeMap::new(),
            sign_ins: BTreeMap::new(),
            workspace_revision: 0,
            policies_known: false,
            stopping: false,
            next_operation: 0,
            next_evaluation: 0,
            next_cause: 0,
        }
    }

    /// When the core wants to be called with a `Tick`, if nothing else happens before.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// The sessions, by id.
    pub fn sessions(&self) -> impl Iterator<Item = (&SessionId, &SessionState)> {
        self.sessions.iter()
    }

    /// One session.
    #[must_use]
    pub fn session(&self, id: &SessionId) -> Option<&SessionState> {
        self.sessions.get(id)
    }

    /// What a person calls a session: its name, and its id where another has the same name.
    #[must_use]
    pub fn called(&self, id: &SessionId) -> String {
        let Some(tracked) = self.sessions.get(id) else {
            return id.to_string();
        };
        let name = &tracked.session.name;
        let mut others = self.sessions.iter().filter(|(other, _)| *other != id);
        match others.any(|(_, t)| t.session.name == *name) {
            true => format!("{name} ({id})"),
            false => name.clone(),
        }
    }

    /// The policy entries, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&EntryName, &EntryState)> {
        self.entries.iter()
    }

    /// One policy entry.
    #[must_use]
    pub fn entry(&self, name: &EntryName) -> Option<&EntryState> {
        self.entries.get(name)
    }

    /// Counts the accepted versions of the Workspace.
    #[must_use]
    pub const fn workspace_revision(&self) -> u64 {
        self.workspace_revision
    }
}
