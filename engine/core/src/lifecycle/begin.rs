//! A START or a ROTATE begins.

use crate::arbitration::{Actor, Rank};
use crate::context::StepContext;
use crate::events::journal::JournalEvent;
use crate::model::ids::{Cause, OperationId};
use crate::model::policy::{Action, Fields};
use crate::model::session_id::SessionId;
use crate::state::phase::{Operation, OperationStage, Phase};

impl StepContext<'_> {
    /// Begins a START or a ROTATE.
    pub(crate) fn begin(
        &mut self,
        id: &SessionId,
        action: Action,
        by: Actor,
        rank: Rank,
        cause: Cause,
    ) {
        let operation = self.new_operation(id);
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let stage = OperationStage::Parent;
        let under_way = Operation {
            id: operation,
            cause,
            by: by.clone(),
            stage,
        };
        state.phase = match (&state.phase, action) {
            (Phase::Inactive, Action::Start) => Phase::Starting(under_way),
            (Phase::Active(lease), Action::Rotate) => Phase::Rotating(*lease, under_way),
            _ => {
                self.state.operations.remove(&operation);
                return;
            }
        };
        state.cause = cause;
        state.recorded_deferral = None;
        state.needs_approval = false;
        if action == Action::Start {
            state.started_rank = rank;
            state.for_child = by == Actor::Child;
        }
        let session = id.clone();
        self.record(
            cause,
            JournalEvent::Began {
                session,
                operation,
                action,
                by,
            },
        );
        self.mark_changed(id, Fields::STATUS, None, cause);
        self.advance(id);
    }

    /// Has the operation obtain credentials again, for the session as it is now.
    pub(crate) fn restart(&mut self, id: &SessionId, old: OperationId) {
        self.state.operations.remove(&old);
        let operation = self.new_operation(id);
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        if let Some(under_way) = state.phase.operation_mut() {
            under_way.id = operation;
            under_way.stage = OperationStage::Parent;
        }
        self.advance(id);
    }
}
