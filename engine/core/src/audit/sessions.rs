//! Every session comes to an end by itself, and is reported as it is.

use crate::arbitration::Tier;
use crate::audit::Audit;
use crate::audit::violation::Violation;
use crate::model::policy::Outcome;
use crate::model::session_id::SessionId;
use crate::state::phase::{OperationStage, Phase};
use crate::state::session_state::SessionState;

impl Audit<'_> {
    pub(super) fn session(&mut self, id: &SessionId, state: &SessionState) {
        let session = || id.clone();
        self.credentials(id, state);
        if let Some(lacks) = self.lacks(id, state) {
            let session = session();
            self.broken(Violation::Stuck { session, lacks });
        }
        let settled = matches!(state.phase, Phase::Inactive | Phase::Active(_));
        let known = self.state.policies_known();
        if !known && state.phase.operation().is_some() {
            self.broken(Violation::Unruled { session: session() });
        }
        let looked_after = self.state.reconsidered(id).is_some() || self.state.is_overdue(id);
        if settled && !state.present && !looked_after {
            self.broken(Violation::Lingering { session: session() });
        }
        if let Some(parent) = self.outlived(state) {
            let session = session();
            self.broken(Violation::BeyondParent { session, parent });
        }
        let commands: Vec<_> = state.waiting().collect();
        let asked = || {
            self.state.entries().any(|(_, entry)| {
                let rail = entry.entry.rank.tier == Tier::GuardRail && !entry.entry.shadow;
                let waits = rail || (!state.waits_as_person() && !entry.entry.shadow);
                waits && entry.is_asked() && entry.is_awaited(id)
            })
        };
        if settled && known && !commands.is_empty() && !asked() {
            let session = session();
            self.broken(Violation::Unanswered { session, commands });
        }
        let status = state.phase.status();
        let written = state.present.then_some(state.projected.status);
        let told = [Some(state.view.status), written];
        for told in told.into_iter().flatten().filter(|told| *told != status) {
            let session = session();
            self.broken(Violation::Misreported {
                session,
                status,
                told,
            });
        }
    }

    /// Credentials that are in force end in time.
    fn credentials(&mut self, id: &SessionId, state: &SessionState) {
        let Some(ends) = state.phase.lease().and_then(|lease| lease.expires_at) else {
            return;
        };
        // The chain has them in hand, and what it answers is acted on.
        if matches!(state.phase, Phase::Stopping(..)) || state.publishing().is_some() {
            return;
        }
        let session = id.clone();
        let watched = self.state.expiry(id);
        if ends > self.now {
            if watched.is_none_or(|at| at > ends) {
                self.broken(Violation::Unwatched { session, ends });
            }
        } else if watched.is_none() || state.last_failure.is_none() {
            // Only a retraction that failed, and is tried again, may leave them there.
            let ended = ends;
            self.broken(Violation::ServedPastExpiry { session, ended });
        }
    }

    /// What a pending session lacks to come to an end by itself.
    fn lacks(&self, id: &SessionId, state: &SessionState) -> Option<&'static str> {
        let (operation, stage) = match &state.phase {
            Phase::Inactive | Phase::Active(_) => return None,
            Phase::Starting(o) | Phase::Rotating(_, o) => (o.id, Some(o.stage)),
            Phase::Stopping(_, operation, _) => (*operation, None),
        };
        if self.state.operation(operation) != Some(id) {
            return Some("an operation that is under way");
        }
        match stage {
            Some(OperationStage::Queued) if !self.queued.contains(id) => {
                Some("a place in the queue")
            }
            Some(
                OperationStage::Parent | OperationStage::Issuing | OperationStage::Publishing(_),
            )
            | None
                if self.state.deadline(id).is_none() =>
            {
                Some("a deadline")
            }
            _ => None,
        }
    }

    /// The stopped session that this one is chained to and has outlived.
    fn outlived(&self, state: &SessionState) -> Option<SessionId> {
        let Phase::Active(lease) = state.phase else {
            return None;
        };
        let parent_id = state.session.parent()?;
        let parent = self.state.session(parent_id)?;
        let stopped = match parent.phase {
            Phase::Inactive | Phase::Stopping(_, _, Outcome::Stopped) => parent.stopped_at?,
            _ => return None,
        };
        // A retraction that failed is tried again; credentials of an earlier definition of the
        // session may come from another.
        let excused = state.retry_at.is_some_and(|at| at > self.now) || state.outdated;
        (lease.issued_at <= stopped && !excused).then(|| parent_id.clone())
    }
}

/// What is wrong, for a person.
pub(super) fn text(violation: &Violation) -> Option<String> {
    Some(match violation {
        Violation::ServedPastExpiry { session, ended } => {
            format!("the credentials of session {session} ended at {ended} and are still in force")
        }
        Violation::Unwatched { session, ends } => {
            format!("nothing will happen when the credentials of session {session} end at {ends}")
        }
        Violation::Lingering { session } => format!(
            "session {session} was removed from the Workspace, and nothing will remove its \
             credentials"
        ),
        Violation::Stuck { session, lacks } => {
            format!("session {session} stays pending: it lacks {lacks}")
        }
        Violation::Unruled { session } => {
            format!("credentials of session {session} are on their way before any policy is known")
        }
        Violation::BeyondParent { session, parent } => format!(
            "session {session} is active although session {parent}, which it is chained to, was stopped"
        ),
        Violation::Unanswered { session, commands } => format!(
            "{} commands wait for session {session}, for which nothing is under way",
            commands.len()
        ),
        Violation::Misreported {
            session,
            status,
            told,
        } => format!("session {session} is {status} and is reported as {told}"),
        _ => return None,
    })
}
