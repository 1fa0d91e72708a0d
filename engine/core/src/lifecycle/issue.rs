//! Providers are asked for credentials, and answer.

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::ids::OperationId;
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::state::phase::OperationStage;
use crate::state::queue::Next;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// Hands the next waiting session to its provider; whether there was one and room for it.
    pub(crate) fn issue_next(&mut self) -> bool {
        if self.state.issuing >= self.state.settings.issuing_max {
            return false;
        }
        let calls = self.state.settings.calls;
        while let Some(next) = self.state.queue.pop(&calls, self.now) {
            let id = match next {
                Next::Session(id) => id,
                Next::Dry(lane, until) => {
                    self.state.timers.set(TimerKey::Lane(lane), until);
                    continue;
                }
            };
            let Some(state) = self.state.sessions.get_mut(&id) else {
                continue;
            };
            let parent = state.session.parent().cloned();
            let attempt = state.failures.saturating_add(1);
            let Some(operation) = state
                .phase
                .operation_mut()
                .filter(|o| o.stage == OperationStage::Queued)
            else {
                continue;
            };
            operation.stage = OperationStage::Issuing;
            let operation = operation.id;
            // From here on, only a later edit makes the outcome outdated, or a failure.
            state.renews_edit = std::mem::take(&mut state.outdated);
            self.state.issuing += 1;
            let deadline = self.now.plus(self.state.settings.issue_deadline);
            self.state
                .timers
                .set(TimerKey::Deadline(id.clone()), deadline);
            self.effects.push(Effect::Issue {
                operation,
                session: id,
                parent,
                attempt,
            });
            return true;
        }
        false
    }

    /// The provider answered.
    pub(crate) fn issued(&mut self, id: OperationId, result: Result<Lease, Failure>) {
        let Some(session) = self.session_issuing(id) else {
            self.stale(id);
            if result.is_ok() {
                self.effects.push(Effect::Discard { operation: id });
            }
            return;
        };
        self.state.issuing -= 1;
        let deadline = TimerKey::Deadline(session.clone());
        self.state.timers.clear(&deadline);
        let lease = match result {
            Ok(lease) if lease.expired(self.now) => {
                self.effects.push(Effect::Discard { operation: id });
                let message = "the credentials had already expired when they arrived";
                let failure = Failure::new(ErrorKind::ClockSkew, message);
                return self.fail(&session, failure.with_hint("check this machine's clock"));
            }
            Ok(lease) => lease,
            Err(failure) => return self.fail(&session, failure),
        };
        self.note_reachable(&session);
        let Some(state) = self.state.sessions.get(&session) else {
            return;
        };
        if state.outdated {
            // Edited meanwhile: these credentials are those of another definition.
            self.effects.push(Effect::Discard { operation: id });
            return self.restart(&session, id);
        }
        let profile = state.session.named_profile.clone();
        match self.displaced_by(&session, profile.as_ref()) {
            Ok(displaced) => self.publish(session, id, lease, profile, displaced),
            Err(message) => {
                self.effects.push(Effect::Discard { operation: id });
                self.fail(&session, Failure::new(ErrorKind::Delivery, message));
            }
        }
    }

    /// The session whose operation waits for this answer of a provider.
    fn session_issuing(&self, id: OperationId) -> Option<SessionId> {
        let session = self.state.operations.get(&id)?;
        let operation = self.state.sessions.get(session)?.phase.operation()?;
        let waits = operation.id == id && operation.stage == OperationStage::Issuing;
        waits.then(|| session.clone())
    }

    /// Hands the credentials to the chain.
    fn publish(
        &mut self,
        session: SessionId,
        operation: OperationId,
        lease: Lease,
        profile: Option<String>,
        displaced: Vec<SessionId>,
    ) {
        let Some(state) = self.state.sessions.get_mut(&session) else {
            return;
        };
        state.publishing_profile.clone_from(&profile);
        if let Some(operation) = state.phase.operation_mut() {
            operation.stage = OperationStage::Publishing(lease);
        }
        self.set_delivery_deadline(&session);
        self.ask_to_publish(operation, session, profile, displaced);
    }
}
