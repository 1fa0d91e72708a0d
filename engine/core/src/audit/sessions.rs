//! Every session comes to an end by itself, and is reported as it is.

use crate::arbitration::Tier;
use crate::audit::Audit;
use crate::audit::violation::Violation;
use crate::model::policy::Outcome;
use crate::model::session_id::SessionId;
use crate::state::phase::{OperationStage, Phase};
use crate::state::session_state::SessionState;

impl Audit<'_> {
    pub(super) fn session(&mut self, id: &SessionId, tracked: &SessionState) {
        let session = || id.clone();
        self.credentials(id, tracked);
        if let Some(lacks) = self.lacks(id, tracked) {
            let session = session();
            self.broken(Violation::Stuck { session, lacks });
        }
        let settled = matches!(tracked.phase, Phase::Inactive | Phase::Active(_));
        let known = self.state.policies_known();
        if !known && tracked.phase.operation().is_some() {
            self.broken(Violation::Unruled { session: session() });
        }
        let looked_after = self.state.reconsidered(id).is_some() || self.state.is_overdue(id);
        if settled && !tracked.present && !looked_after {
            self.broken(Violation::Lingering { session: session() });
        }
        if let Some(parent) = self.outlived(tracked) {
            let session = session();
            self.broken(Violation::BeyondParent { session, parent });
        }
        let commands: Vec<_> = tracked.waiting().collect();
        let asked = || {
            self.state.entries().any(|(_, entry)| {
                let rail = entry.entry.rank.tier == Tier::GuardRail && !entry.entry.shadow;
                let waits = rail || (!tracked.waits_as_person() && !entry.entry.shadow);
                waits && entry.is_asked() && entry.is_awaited(id)
            })
        };
        if settled && known && !commands.is_empty() && !asked() {
            let session = session();
            self.broken(Violation::Unanswered { session, commands });
        }
        let status = tracked.phase.status();
        let written = tracked.present.then_some(tracked.projected.status);
        let told = [Some(tracked.view.status), written];
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
    fn credentials(&mut self, id: &SessionId, tracked: &SessionState) {
        let Some(ends) = tracked.phase.lease().and_then(|lease| lease.expires_at) else {
            return;
        };
        // The chain has them in hand, and what it answers is acted on.
        if matches!(tracked.phase, Phase::Stopping(..)) || tracked.publishing().is_some() {
            return;
        }
        let session = id.clone();
        let watched = self.state.expiry(id);
        if ends > self.now {
            if watched.is_none_or(|at| at > ends) {
                self.broken(Violation::Unwatched { session, ends });
            }
        } else if watched.is_none() || tracked.last_failure.is_none() {
            // Only a retraction that failed, and is tried again, may leave them there.
            let ended = ends;
            self.broken(Violation::ServedPastExpiry { session, ended });
        }
    }

    /// What a pending session lacks to come to an end by itself.
    fn lacks(&self, id: &SessionId, tracked: &SessionState) -> Option<&'static str> {
        let (operation, stage) = match &tracked.phase {
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
    fn outlived(&self, tracked: &SessionState) -> Option<SessionId> {
        let Phase::Active(lease) = tracked.phase else {
            return None;
        };
        let parent_id = tracked.session.parent()?;
        let parent = self.state.session(parent_id)?;
        let stopped = match parent.phase {
            Phase::Inactive | Phase::Stopping(_, _, Outcome::Stopped) => parent.stopped_at?,
            _ => return None,
        };
        // A retraction that failed is tried again; credentials of an earlier definition of the
        // session may come from another.
        let excused = tracked.retry_at.is_some_and(|at| at > self.now) || tracked.outdated;
        (lease.issued_at <= stopped && !excused).then(|| parent_id.clone())
    }
}
