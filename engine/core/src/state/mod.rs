//! All that the core knows.

pub(crate) mod damping;
pub(crate) mod deliveries;
mod delivery_facts;
pub(crate) mod entry_state;
mod facts;
pub(crate) mod index;
mod key_facts;
pub(crate) mod keys;
pub(crate) mod lane;
pub(crate) mod overdue;
pub(crate) mod phase;
pub(crate) mod profile_owners;
pub(crate) mod queue;
pub(crate) mod removals;
pub(crate) mod session_state;
pub(crate) mod timers;
pub(crate) mod unreachable;
pub(crate) mod visibility;

use std::collections::{BTreeMap, BTreeSet};

use crate::events::input::{ManualOverride, RecoveredCredentials, SignIn};
use crate::model::ids::OperationId;
use crate::model::policy::EntryName;
use crate::model::session_id::SessionId;
use crate::model::settings::Settings;
use crate::model::time::Timestamp;
use crate::state::deliveries::DeliveryStates;
use crate::state::index::Index;
use crate::state::keys::KeyStates;
use crate::state::overdue::OverdueChange;
use crate::state::profile_owners::ProfileOwners;
use crate::state::queue::Queue;
use crate::state::timers::Timers;
use crate::state::unreachable::UnreachableClouds;

pub use crate::state::deliveries::DeliveryState;
pub use crate::state::entry_state::EntryState;
pub use crate::state::keys::KeyState;
pub use crate::state::phase::{Operation, OperationStage, Phase};
pub use crate::state::session_state::SessionState;

/// Credentials in the chain that belong to no session.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    /// The retraction that is under way.
    pub(crate) operation: Option<OperationId>,
    /// Retractions that failed.
    pub(crate) failures: u32,
    /// The named profile that they are under.
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
    /// Those that wait for their provider.
    pub(crate) queue: Queue,
    pub(crate) recovered: BTreeMap<SessionId, RecoveredCredentials>,
    pub(crate) orphans: BTreeMap<SessionId, Orphan>,
    /// Where credentials are, and where they should be.
    pub(crate) deliveries: DeliveryStates,
    /// Long-lived keys that are looked after.
    pub(crate) keys: KeyStates,
    /// Changes of the chain that were not answered in time.
    pub(crate) overdue: BTreeMap<OperationId, OverdueChange>,
    pub(crate) recovered_overrides: BTreeMap<SessionId, ManualOverride>,
    /// Sign-ins that are valid, by the id of their integration.
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
            deliveries: DeliveryStates::default(),
            keys: KeyStates::default(),
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
        let Some(state) = self.sessions.get(id) else {
            return id.to_string();
        };
        let name = &state.session.name;
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
