//! What is chained to another session waits until that one has credentials, and starts or renews it where that is needed.

use crate::arbitration::{Actor, Lost, Rank, Situation, StandingAct, arbitrate};
use crate::context::StepContext;
use crate::lifecycle::operation_approval::Ruling;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::policy::{Action, Reason};
use crate::model::session::{Lease, Status};
use crate::model::session_id::SessionId;
use crate::state::phase::{OperationStage, Phase};
use crate::state::timers::TimerKey;

/// How many deadlines of one provider call a session waits for its parent.
const PARENT_DEADLINES: u32 = 10;

impl StepContext<'_> {
    /// Goes on with an operation that waits for the parent, where it need not wait any more.
    pub(crate) fn advance(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let Some(operation) = tracked.phase.operation().cloned() else {
            return;
        };
        if operation.stage != OperationStage::Parent {
            return;
        }
        if !self.may_go_on(id) {
            return self.set_parent_deadline(id);
        }
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let rank = tracked.started_rank;
        let Some(parent_id) = tracked.session.parent().cloned() else {
            return self.enqueue(id);
        };
        let fail = |turn: &mut Self, message: String| {
            turn.fail(id, Failure::new(ErrorKind::Parent, message));
        };
        let Some(parent) = self.state.sessions.get(&parent_id).filter(|p| p.present) else {
            return fail(
                self,
                format!("the parent session {parent_id} is not in the Workspace"),
            );
        };
        let name = parent.session.name.clone();
        match &parent.phase {
            Phase::Active(lease) => {
                let spent = self.mostly_spent(*lease)
                    && parent.retry_at.is_none()
                    && self.unanswered(&parent_id).is_none();
                if lease.expired(self.now) {
                    // It is about to be retracted; then this session is told.
                } else if spent
                    && parent.session.fault.is_none()
                    && matches!(self.ruling(&parent_id, Action::Rotate, rank), Ruling::Free)
                {
                    self.begin(
                        &parent_id,
                        Action::Rotate,
                        Actor::Child,
                        rank,
                        operation.cause,
                    );
                } else {
                    return self.enqueue(id);
                }
            }
            Phase::Inactive => {
                if let Some(fault) = parent.session.fault.clone() {
                    return fail(self, format!("the parent session {name}: {fault}"));
                }
                if parent.needs_person
                    && let Some(failure) = parent.last_failure.clone()
                {
                    // The child waits for the same person.
                    let message = format!("the parent session {name}: {}", failure.message);
                    return self.fail(id, Failure { message, ..failure });
                }
                if parent.retry_at.is_some_and(|at| at > self.now) {
                    let why = parent
                        .last_failure
                        .as_ref()
                        .map_or("", |f| f.message.as_str());
                    return fail(self, format!("the parent session {name} failed: {why}"));
                }
                if matches!(
                    self.ruling(&parent_id, Action::Start, rank),
                    Ruling::Awaited
                ) {
                    return self.set_parent_deadline(id);
                }
                if let Err(why) = self.may_start_for_child(&parent_id, rank) {
                    return fail(
                        self,
                        format!("the parent session {name} may not start: {why}"),
                    );
                }
                self.begin(
                    &parent_id,
                    Action::Start,
                    Actor::Child,
                    rank,
                    operation.cause,
                );
            }
            Phase::Starting(_) | Phase::Rotating(..) | Phase::Stopping(..) => {}
        }
        self.set_parent_deadline(id);
    }

    /// What waits for its parent, or for a guard rail, does not wait for ever.
    pub(crate) fn set_parent_deadline(&mut self, id: &SessionId) {
        let waits = self
            .state
            .sessions
            .get(id)
            .and_then(|t| t.phase.operation());
        if waits.is_some_and(|o| o.stage == OperationStage::Parent) {
            let deadline = self
                .now
                .plus(self.state.settings.issue_deadline * PARENT_DEADLINES);
            let key = TimerKey::Deadline(id.clone());
            if self.state.timers.get(&key).is_none() {
                self.state.timers.set(key, deadline);
            }
        }
    }

    /// Whether two thirds of the lifetime are over.
    fn mostly_spent(&self, lease: Lease) -> bool {
        lease
            .expires_at
            .is_some_and(|end| end.since(self.now).saturating_mul(3) < end.since(lease.issued_at))
    }

    /// Whether a session may be started on behalf of one that is chained to it.
    fn may_start_for_child(&self, id: &SessionId, rank: Rank) -> Result<(), String> {
        let Some(tracked) = self.state.sessions.get(id) else {
            return Err("it is gone".into());
        };
        let mut standing = self.active_proposals(id, tracked);
        // What a person says of the child holds for what the child needs.
        standing.acts.push(StandingAct {
            voice: Actor::Child,
            rank,
            action: Action::Start,
            revision: None,
            not_after: None,
            why: Reason::new("child", "a session chained to it needs it"),
            unanswered: false,
        });
        let mine = standing.acts.len() - 1;
        let revision = tracked.view.revision;
        let situation = Situation {
            now: self.now,
            status: Status::Inactive,
            revision,
        };
        let result = arbitrate(situation, &standing.acts, &standing.holds);
        if result.action == Some(Action::Start) {
            let obstacle = self.profile_obstacle(id, &Actor::Child, rank);
            let obstacle = self.unanswered(id).or(obstacle);
            return obstacle.map_or(Ok(()), Err);
        }
        Err(result
            .lost
            .iter()
            .find(|(index, _)| *index == mine)
            .map_or_else(
                || "it is to stay inactive".into(),
                |(_, lost)| match lost {
                    Lost::Held { by, why } => format!("{by}: {why}"),
                    Lost::Outranked { by: Actor::Person } => {
                        "you stopped it; start it, or release it".into()
                    }
                    Lost::Outranked { by } => format!("{by} wants it stopped"),
                    Lost::Ended | Lost::Stale | Lost::Satisfied => "it is to stay inactive".into(),
                },
            ))
    }
}
