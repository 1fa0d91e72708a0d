//! What the core knows of one policy entry.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::arbitration::{ProposedAct, ProposedHold};
use crate::events::input::Entry;
use crate::model::ids::Cause;
use crate::model::policy::{
    BranchChange, EvaluationId, Event, Fields, FileChange, Outcome, ResyncReason, SessionKey,
    SessionView, Views,
};
use crate::model::random::Random;
use crate::model::rates::TokenBucket;
use crate::model::session::Status;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::visibility::Visibility;

/// What changed about one session that an entry has not seen yet.
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
    pub(crate) acts: Vec<ProposedAct>,
    pub(crate) holds: Vec<ProposedHold>,
    pub(crate) cause: Cause,
    /// What it wants to have rotated was said on a custom event: an alarm, which waits for nothing.
    pub(crate) alarmed: bool,
}

/// A page of a resync: its reason, the key behind which the page began, and the key behind which the next
/// begins (none: it was the last).
pub(crate) type ResyncPage = (ResyncReason, Option<SessionKey>, Option<SessionKey>);

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
    /// The page of a resync that this call was.
    pub(crate) page: Option<ResyncPage>,
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
    /// Files whose changes it has not seen, by path; a later change of one is merged into the earlier.
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

    /// Whether it is still to answer about the session.
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
