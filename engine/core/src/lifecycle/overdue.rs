//! Deadlines of operations. What the cloud does not answer is given up. What the chain does not answer
//! cannot be: a disk or a network home that hangs may still do what it was asked for. The session is
//! not kept pending for that; the answer, when it comes, is the truth.

use crate::context::StepContext;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::ids::OperationId;
use crate::model::policy::Outcome;
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::state::overdue::{Change, OverdueChange};
use crate::state::phase::{Operation, OperationStage, Phase};
use crate::state::timers::TimerKey;

/// What to do where the chain does not answer.
pub(crate) const CHAIN_HINT: &str =
    "check that the disk or network share with your credentials files responds";

impl StepContext<'_> {
    /// The chain is about to be asked for something.
    pub(crate) fn set_delivery_deadline(&mut self, id: &SessionId) {
        let deadline = self.now.plus(self.state.settings.delivery_deadline);
        self.state
            .timers
            .set(TimerKey::Deadline(id.clone()), deadline);
    }

    /// What a session waits for was not answered in time.
    pub(crate) fn deadline_passed(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let slow = |who: &str| {
            let message = format!("{who} did not answer in time");
            Failure::new(ErrorKind::Network, message)
        };
        match state.phase.clone() {
            Phase::Inactive | Phase::Active(_) => {}
            Phase::Starting(operation) | Phase::Rotating(_, operation) => match operation.stage {
                OperationStage::Queued => {}
                OperationStage::Parent => {
                    self.cancel(id);
                    self.fail(id, slow("a guard rail, or its parent session,"));
                }
                OperationStage::Issuing => {
                    self.cancel(id);
                    self.fail(id, slow("the cloud"));
                }
                OperationStage::Publishing(lease) => {
                    let Some(state) = self.state.sessions.get_mut(id) else {
                        return;
                    };
                    let profile = state.publishing_profile.take();
                    let what = Change::Publish {
                        operation: operation.clone(),
                        lease,
                        profile,
                    };
                    self.leave_overdue(operation.id, id, what);
                    self.fail(
                        id,
                        unanswered_change("Dayfly did not publish the new credentials in time"),
                    );
                }
            },
            Phase::Stopping(lease, operation, outcome) => {
                self.leave_overdue(operation, id, Change::Retract(outcome));
                let failure = unanswered_change("Dayfly did not remove the credentials in time");
                self.retraction_failed(id, operation, lease, failure);
            }
        }
    }

    fn leave_overdue(&mut self, operation: OperationId, id: &SessionId, what: Change) {
        let session = id.clone();
        self.state
            .overdue
            .insert(operation, OverdueChange { session, what });
    }

    /// Why nothing is to be begun for a session while the chain owes an answer about it.
    pub(crate) fn unanswered(&self, id: &SessionId) -> Option<String> {
        let owed = self.state.is_overdue(id);
        owed.then(|| "the last change of its credentials files is still running".to_owned())
    }

    /// Whether the chain may still put credentials of a session under a named profile.
    pub(crate) fn may_still_take(&self, id: &SessionId, profile: &str) -> bool {
        self.state.overdue.values().any(|overdue| {
            let to = match &overdue.what {
                Change::Publish { profile, .. } => profile.as_deref(),
                Change::Retract(_) => None,
            };
            overdue.session == *id && to == Some(profile)
        })
    }

    /// A retraction that the chain was asked for, and that is waited for again.
    pub(crate) fn resume_retraction(&mut self, id: &SessionId) -> Option<OperationId> {
        let mut overdue = self.state.overdue.iter();
        let (operation, _) = overdue.find(|(_, overdue)| {
            overdue.session == *id && matches!(overdue.what, Change::Retract(_))
        })?;
        let operation = *operation;
        self.state.overdue.remove(&operation);
        self.state.operations.insert(operation, id.clone());
        Some(operation)
    }

    /// The chain answered after all.
    pub(crate) fn delivered_late(
        &mut self,
        id: OperationId,
        overdue: OverdueChange,
        result: Result<(), Failure>,
    ) {
        let session = overdue.session;
        match (overdue.what, result) {
            (
                Change::Publish {
                    operation,
                    lease,
                    profile,
                },
                Ok(()),
            ) => self.published_late(&session, operation, lease, profile),
            (Change::Retract(outcome), Ok(())) => {
                let state = self.state.sessions.get(&session);
                match state.map(|t| (&t.phase, t.cause)) {
                    Some((Phase::Active(_), cause)) => {
                        self.credentials_removed(&session, outcome, cause);
                        self.ended(&session, id, outcome, cause);
                    }
                    _ => self.stale(id),
                }
            }
            // As was believed.
            (_, Err(_)) => self.stale(id),
        }
        // Others may have waited for the named profile.
        self.settled(&session);
    }

    /// Credentials are in force that were given up. Nobody waits for them any more: unless somebody
    /// wants the session to be active all the same, they are retracted.
    fn published_late(
        &mut self,
        id: &SessionId,
        operation: Operation,
        lease: Lease,
        profile: Option<String>,
    ) {
        let wanted = self.is_wanted(id);
        let Some(state) = self.state.sessions.get_mut(id) else {
            return self.stale(operation.id);
        };
        match &state.phase {
            Phase::Inactive => {
                state.publishing_profile = profile;
                state.phase = Phase::Starting(operation.clone());
                self.published(id, &operation, lease);
                if !wanted {
                    self.stop(id, Outcome::Stopped, operation.cause);
                }
                self.note_outlived(id, lease);
            }
            Phase::Active(old) => {
                state.publishing_profile = profile;
                state.phase = Phase::Rotating(*old, operation.clone());
                self.published(id, &operation, lease);
                self.note_outlived(id, lease);
            }
            // What is being retracted is what was put there.
            Phase::Stopping(_, retraction, outcome) => {
                state.phase = Phase::Stopping(lease, *retraction, *outcome);
                state.published_profile.clone_from(&profile);
                for other in self.occupants(id, profile.as_ref()) {
                    let holder = self.state.sessions.get(&other);
                    if holder.is_some_and(|holder| {
                        holder.phase.lease().is_some() && holder.published_profile == profile
                    }) {
                        self.displace(&other, id, operation.cause);
                    }
                }
                self.stale(operation.id);
            }
            // Nothing is begun for a session while the chain owes an answer about it.
            Phase::Starting(_) | Phase::Rotating(..) => self.stale(operation.id),
        }
    }

    /// The session that this one is chained to may have been stopped since these credentials were
    /// issued: then they go the same way.
    fn note_outlived(&mut self, id: &SessionId, lease: Lease) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let parent = state.session.parent();
        let parent = parent.and_then(|parent| self.state.sessions.get(parent));
        let stopped = parent.is_some_and(|parent| {
            let is_out = matches!(
                parent.phase,
                Phase::Inactive | Phase::Stopping(_, _, Outcome::Stopped)
            );
            is_out && parent.stopped_at.is_some_and(|at| lease.issued_at <= at)
        });
        if let Some(state) = self.state.sessions.get_mut(id).filter(|_| stopped) {
            state.beyond_parent = state.phase != Phase::Inactive;
            self.reconsider.insert(id.clone());
        }
    }
}

/// The chain does not answer.
fn unanswered_change(message: &str) -> Failure {
    Failure::new(ErrorKind::Delivery, format!("{message}; they may still be")).with_hint(CHAIN_HINT)
}
