//! Sessions wait for their provider, and those for which a person or a program waits go first.

use crate::arbitration::Actor;
use crate::context::StepContext;
use crate::model::session::Access;
use crate::model::session_id::SessionId;
use crate::state::State;
use crate::state::lane::Lane;
use crate::state::phase::OperationStage;
use crate::state::timers::TimerKey;

/// How far up a chain of sessions is looked for somebody who waits.
const GENERATIONS: u32 = 8;

impl State {
    /// Whom the calls for a session count for.
    pub(crate) fn call_lane(&self, id: &SessionId) -> Lane {
        let Some(state) = self.sessions.get(id) else {
            return Lane::Local;
        };
        match &state.session.access {
            // The sign-in of one person, which is renewed four times an hour, has no rate either.
            Access::Localstack { .. }
            | Access::Process { .. }
            | Access::AwsInstance { .. }
            | Access::AwsLogin { .. } => Lane::Local,
            Access::AwsSsoRole { integration_id, .. } => Lane::Sso(integration_id.clone()),
            Access::Azure { tenant_id, .. } => Lane::Azure(tenant_id.clone()),
            Access::AwsRolesAnywhere { anywhere, .. } => {
                let account = anywhere.account().map(str::to_owned);
                Lane::Anywhere(account.unwrap_or_else(|| id.to_string()))
            }
            // The caller is the session that it is chained to.
            Access::AwsIamRoleChained { parent, .. } => {
                let known = self.sessions.get(parent);
                let account = known.and_then(|t| t.session.account.clone());
                Lane::Sts(account.unwrap_or_else(|| parent.to_string()))
            }
            Access::AwsIamUser { .. }
            | Access::AwsIamRoleFederated { .. }
            | Access::AwsIamRoleWebIdentity { .. } => {
                let account = state.session.account.clone();
                Lane::Sts(account.unwrap_or_else(|| id.to_string()))
            }
        }
    }
}

impl StepContext<'_> {
    /// The session waits for its provider from now on.
    pub(crate) fn enqueue(&mut self, id: &SessionId) {
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        let urgent = self.is_awaited(id, GENERATIONS);
        let lane = self.state.call_lane(id);
        let state = self.state.sessions.get_mut(id);
        if let Some(operation) = state.and_then(|t| t.phase.operation_mut()) {
            operation.stage = OperationStage::Queued;
            self.state.queue.push(id.clone(), lane, urgent);
        }
    }

    /// A person or a program waits for the session now: it, or the one that it is chained to, comes
    /// before those that nobody waits for.
    pub(crate) fn move_to_front(&mut self, id: &SessionId) {
        let mut id = id.clone();
        for _ in 0..=GENERATIONS {
            let Some(state) = self.state.sessions.get(&id) else {
                return;
            };
            match state.phase.operation().map(|o| o.stage) {
                Some(OperationStage::Queued) => {
                    if let Some(lane) = self.state.queue.lane(&id).cloned() {
                        self.state.queue.remove(&id);
                        self.state.queue.push(id, lane, true);
                    }
                    return;
                }
                Some(OperationStage::Parent) => match state.session.parent() {
                    Some(parent) => id = parent.clone(),
                    None => return,
                },
                _ => return,
            }
        }
    }

    /// Whether a person or a program waits for the session, or for one chained to it.
    pub(crate) fn is_awaited(&self, id: &SessionId, generations: u32) -> bool {
        let Some(state) = self.state.sessions.get(id) else {
            return false;
        };
        let by = state.phase.operation().map(|o| &o.by);
        if !state.waiting.is_empty() || matches!(by, Some(Actor::Person | Actor::Client)) {
            return true;
        }
        let children = self.state.children.get(id).into_iter().flatten();
        generations > 0
            && children
                .filter(|child| {
                    let child = self.state.sessions.get(*child);
                    let operation = child.and_then(|t| t.phase.operation());
                    operation.is_some_and(|o| o.stage == OperationStage::Parent)
                })
                .any(|child| self.is_awaited(child, generations - 1))
    }
}
