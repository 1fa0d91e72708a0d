//! What is chained to another session waits until that one has credentials, and starts or renews it where that is needed.

use crate::arbitration::{Actor, Lost, ProposedAct, Rank, Situation, arbitrate};
use crate::context::StepContext;
use crate::lifecycle::operation_approval::Approval;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::policy::{Action, Reason};
use crate::model::session::{Lease, Status};
use crate::model::session_id::SessionId;
use crate::state::phase::{OperationStage, Phase};
use crate::state::session_state::SessionState;
use crate::state::timers::TimerKey;

/// How many deadlines of one provider call a session waits for its parent.
const PARENT_DEADLINES: u32 = 10;

/// What a session does about the one that it is chained to.
enum ParentStep {
    /// Its credentials are good.
    Ready,
    /// The parent is not ready, and an operation is running that changes that.
    Wait,
    /// The parent must be started or renewed first.
    Begin(Action),
    /// It will not be ready.
    Fail(Failure),
}

impl StepContext<'_> {
    /// Goes on with an operation that waits for the parent, where it need not wait any more.
    pub(crate) fn advance(&mut self, id: &SessionId) {
        let operation = { self.state.sessions.get(id) }.and_then(|t| t.phase.operation());
        let Some(cause) = operation
            .filter(|operation| operation.stage == OperationStage::Parent)
            .map(|operation| operation.cause)
        else {
            return;
        };
        if !self.is_approved(id) {
            return self.set_parent_deadline(id);
        }
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let rank = state.started_rank;
        let Some(parent) = state.session.parent().cloned() else {
            return self.enqueue(id);
        };
        match self.parent_step(&parent, rank) {
            ParentStep::Ready => self.enqueue(id),
            ParentStep::Wait => self.set_parent_deadline(id),
            ParentStep::Begin(action) => {
                self.begin(&parent, action, Actor::Child, rank, cause);
                self.set_parent_deadline(id);
            }
            ParentStep::Fail(failure) => self.fail(id, failure),
        }
    }

    /// What a session does about the one that it is chained to.
    fn parent_step(&self, id: &SessionId, rank: Rank) -> ParentStep {
        let Some(parent) = self.state.sessions.get(id).filter(|p| p.present) else {
            let message = format!("the parent session {id} is not in the Workspace");
            return ParentStep::Fail(Failure::new(ErrorKind::Parent, message));
        };
        match &parent.phase {
            // The parent is about to be stopped; then this session is looked at again.
            Phase::Active(lease) if lease.expired(self.now) => ParentStep::Wait,
            Phase::Active(lease) => {
                let may_renew = parent.retry_at.is_none()
                    && parent.session.fault.is_none()
                    && self.unanswered(id).is_none();
                let renews = self.mostly_spent(*lease)
                    && may_renew
                    && matches!(self.approval(id, Action::Rotate, rank), Approval::Granted);
                if renews {
                    ParentStep::Begin(Action::Rotate)
                } else {
                    ParentStep::Ready
                }
            }
            Phase::Inactive => self.inactive_parent_step(id, parent, rank),
            Phase::Starting(_) | Phase::Rotating(..) | Phase::Stopping(..) => ParentStep::Wait,
        }
    }

    fn inactive_parent_step(
        &self,
        id: &SessionId,
        parent: &SessionState,
        rank: Rank,
    ) -> ParentStep {
        let name = &parent.session.name;
        let fail = |message: String| ParentStep::Fail(Failure::new(ErrorKind::Parent, message));
        if let Some(fault) = &parent.session.fault {
            return fail(format!("the parent session {name}: {fault}"));
        }
        if parent.needs_person
            && let Some(failure) = parent.last_failure.clone()
        {
            // The child waits for the same person.
            let message = format!("the parent session {name}: {}", failure.message);
            return ParentStep::Fail(Failure { message, ..failure });
        }
        if parent.retry_at.is_some_and(|at| at > self.now) {
            let failure = parent.last_failure.as_ref();
            let why = failure.map_or("", |failure| failure.message.as_str());
            return fail(format!("the parent session {name} failed: {why}"));
        }
        if matches!(self.approval(id, Action::Start, rank), Approval::Awaited) {
            return ParentStep::Wait;
        }
        match self.may_start_for_child(id, rank) {
            Ok(()) => ParentStep::Begin(Action::Start),
            Err(why) => fail(format!("the parent session {name} cannot start: {why}")),
        }
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
        let Some(state) = self.state.sessions.get(id) else {
            return Err("it is not in the Workspace".into());
        };
        let mut proposals = self.active_proposals(id, state);
        // What a person says of the child holds for what the child needs.
        proposals.acts.push(ProposedAct {
            actor: Actor::Child,
            rank,
            action: Action::Start,
            revision: None,
            not_after: None,
            why: Reason::new("child", "a session that is chained to it needs it"),
            unanswered: false,
        });
        let mine = proposals.acts.len() - 1;
        let situation = Situation {
            now: self.now,
            status: Status::Inactive,
            revision: state.view.revision,
        };
        let result = arbitrate(situation, &proposals.acts, &proposals.holds);
        if result.action == Some(Action::Start) {
            let obstacle = self.profile_obstacle(id, &Actor::Child, rank);
            let obstacle = self.unanswered(id).or(obstacle);
            return obstacle.map_or(Ok(()), Err);
        }
        let mut lost = result.lost.iter();
        let lost = lost.find_map(|(index, lost)| (*index == mine).then_some(lost));
        Err(match lost {
            Some(Lost::Held { by, why }) => format!("{by}: {why}"),
            Some(Lost::Outranked { by: Actor::Person }) => {
                "you stopped it; start or release it".into()
            }
            Some(Lost::Outranked { by }) => format!("{by} wants it stopped"),
            Some(Lost::Ended | Lost::Stale | Lost::Satisfied) | None => {
                "it must stay inactive".into()
            }
        })
    }
}
