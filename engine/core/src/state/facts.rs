//! Facts of the state for whoever checks it: read only, and nothing derived from them.

use crate::events::effect::OperationId;
use crate::events::input::{CommandId, SignIn};
use crate::model::policy::SessionView;
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;
use crate::state::{EntryState, OperationStage, SessionState, State};

impl State {
    /// Operations that are under way, each with the session that it was begun for.
    pub fn operations(&self) -> impl Iterator<Item = (OperationId, &SessionId)> {
        self.operations.iter().map(|(id, session)| (*id, session))
    }

    /// The session that an operation was begun for, while it is under way.
    #[must_use]
    pub fn operation(&self, id: OperationId) -> Option<&SessionId> {
        self.operations.get(&id)
    }

    /// Sessions that wait for their provider, by id.
    pub fn queue(&self) -> impl Iterator<Item = &SessionId> {
        self.queue.iter()
    }

    /// When a waiting session's provider may be asked at the earliest; none: now.
    #[must_use]
    pub fn provider_free_at(&self, session: &SessionId, now: Timestamp) -> Option<Timestamp> {
        self.queue.dry_until(session, &self.settings.calls, now)
    }

    /// When the account of a waiting session is looked at again.
    #[must_use]
    pub fn provider_timer(&self, session: &SessionId) -> Option<Timestamp> {
        let lane = self.queue.lane(session)?;
        self.timers.get(&TimerKey::Lane(lane.clone()))
    }

    /// Whether the first policies have come.
    #[must_use]
    pub const fn policies_known(&self) -> bool {
        self.policies_known
    }

    /// Whether the chain still owes an answer about this session that came too late to be waited for.
    #[must_use]
    pub fn is_overdue(&self, session: &SessionId) -> bool {
        self.overdue
            .values()
            .any(|overdue| overdue.session == *session)
    }

    /// How many providers are at work, as the core counts them.
    #[must_use]
    pub const fn issuing(&self) -> usize {
        self.issuing
    }

    /// When the long-lived key of a session is looked after next.
    #[must_use]
    pub fn key_timer(&self, session: &SessionId) -> Option<Timestamp> {
        self.timers.get(&TimerKey::Key(session.clone()))
    }

    /// When the end of a session's credentials is looked after.
    #[must_use]
    pub fn expiry(&self, session: &SessionId) -> Option<Timestamp> {
        self.timers.get(&TimerKey::Expiry(session.clone()))
    }

    /// When the operation of a session has taken too long.
    #[must_use]
    pub fn deadline(&self, session: &SessionId) -> Option<Timestamp> {
        self.timers.get(&TimerKey::Deadline(session.clone()))
    }

    /// When a session is looked at again, if nothing else happens before.
    #[must_use]
    pub fn reconsidered(&self, session: &SessionId) -> Option<Timestamp> {
        self.timers.get(&TimerKey::Reconsider(session.clone()))
    }

    /// Sign-ins that are valid, each with when it is announced next.
    pub fn sign_ins(&self) -> impl Iterator<Item = (&SignIn, Option<Timestamp>)> {
        self.sign_ins.iter().map(|(id, sign_in)| {
            let next = self.timers.get(&TimerKey::SignIn(id.clone()));
            (sign_in, next)
        })
    }

    /// Whether the chain held credentials for this session at the start, and the Workspace that
    /// may know it has not come yet.
    #[must_use]
    pub fn is_unclaimed(&self, session: &SessionId) -> bool {
        self.recovered.contains_key(session)
    }

    /// The retraction of credentials that belong to no session: the operation that is under way,
    /// or when the next is tried.
    #[must_use]
    pub fn orphan(&self, session: &SessionId) -> Option<(Option<OperationId>, Option<Timestamp>)> {
        let orphan = self.orphans.get(session)?;
        let again = self.timers.get(&TimerKey::Orphan(session.clone()));
        Some((orphan.operation, again))
    }
}

impl SessionState {
    /// Commands that are not answered yet.
    pub fn waiting(&self) -> impl Iterator<Item = CommandId> {
        self.waiting.iter().map(|(id, _)| *id)
    }

    /// Whether a person waits for an answer, not only programs.
    #[must_use]
    pub fn waits_as_person(&self) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|(id, _)| !self.demands.contains(id))
    }

    /// The credentials that are on their way into the chain, and the named profile they go to.
    #[must_use]
    pub fn publishing(&self) -> Option<(Lease, Option<&str>)> {
        match self.phase.operation()?.stage {
            OperationStage::Publishing(lease) => Some((lease, self.publishing_profile.as_deref())),
            _ => None,
        }
    }
}

impl EntryState {
    /// Whether it works on a question.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.pending_evaluation.is_some()
    }

    /// Whether it is to be asked, or is being asked, about the session as it is now.
    #[must_use]
    pub fn is_awaited(&self, session: &SessionId) -> bool {
        self.owes_answer(session)
    }

    /// A session as it sees it; none where it does not.
    #[must_use]
    pub fn view(&self, session: &SessionId) -> Option<&SessionView> {
        self.visibility.view(session)
    }

    /// Sessions that it has a proposal for.
    pub fn sessions_with_proposals(&self) -> impl Iterator<Item = &SessionId> {
        self.proposals.keys()
    }

    /// Sessions with changes that it has not seen yet.
    pub fn pending_sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.pending_changes.keys()
    }

    /// Wake-ups and custom events that it has not seen yet.
    #[must_use]
    pub fn events_waiting(&self) -> usize {
        self.others.len()
    }

    /// Wake-ups that it has asked for.
    #[must_use]
    pub fn wakes_pending(&self) -> usize {
        self.wakes.len()
    }
}
