//! What the core knows of one session.

use crate::state::damping::Damping;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::arbitration::Rank;
use crate::events::input::{ManualOverride, PersistedStatus};
use crate::model::failure::Failure;
use crate::model::ids::{Cause, CommandId};
use crate::model::policy::{Action, Revision, SessionFacts};
use crate::model::random::Random;
use crate::model::session::Session;
use crate::model::time::Timestamp;
use crate::state::phase::Phase;

/// A session and all that is known of it.
#[derive(Clone, Debug)]
pub struct SessionState {
    /// What the Workspace says.
    pub session: Arc<Session>,
    /// Whether it is still in the Workspace.
    pub present: bool,
    /// Whether it has credentials, or an operation is to bring or remove them.
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
    /// What a person ordered, as long as it is in force.
    pub manual_override: Option<ManualOverride>,
    /// Whether the credentials in the chain were obtained for an earlier version of the session.
    pub outdated: bool,
    /// The operation under way obtains what an edit asked for.
    pub(crate) renews_edit: bool,
    /// The named profile that the credentials in the chain are under.
    pub published_profile: Option<String>,
    /// When it was last decided to stop it, until it has credentials again.
    pub stopped_at: Option<Timestamp>,
    /// The session that it is chained to was stopped, and it could not be retracted then.
    pub(crate) beyond_parent: bool,
    /// The session was edited while an operation waits; the policies were not asked about it as it is now.
    pub(crate) needs_approval: bool,
    /// The session was started only for a session that is chained to it and is not started yet.
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
    /// How much the actor counts that had it started.
    pub(crate) started_rank: Rank,
    /// The last deferral and shadow difference that were recorded: each is said once.
    pub(crate) recorded_deferral: Option<(Action, String)>,
    /// What policies did to it, as far as it counts for what they may do next.
    pub(crate) damping: Damping,
    /// Its own, so that what others draw is nothing to it.
    pub(crate) random: Random,
    pub(crate) recorded_difference: Option<(Option<Action>, Option<Action>)>,
}
