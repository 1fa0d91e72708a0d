//! Providers are asked for credentials, and answer.

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::ids::OperationId;
use crate::model::session::Lease;
use crate::state::phase::{Operation, OperationStage};
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
            let Some(tracked) = self.state.sessions.get_mut(&id) else {
                continue;
            };
            let parent = tracked.session.parent().cloned();
            let attempt = tracked.failures.saturating_add(1);
            let Some(operation) = tracked
                .phase
                .operation_mut()
                .filter(|o| o.stage == OperationStage::Queued)
            else {
                continue;
            };
            operation.stage = OperationStage::Issuing;
            let operation = operation.id;
            // From here on, only a later edit makes the outcome outdated, or a failure.
            tracked.renews_edit = std::mem::take(&mut tracked.outdated);
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
        let session = self.state.operations.get(&id).cloned();
        let current = session.filter(|session| {
            self.state
                .sessions
                .get(session)
                .and_then(|t| t.phase.operation())
                .is_some_and(|o| o.id == id && o.stage == OperationStage::Issuing)
        });
        let Some(session) = current else {
            self.stale(id);
            if result.is_ok() {
                self.effects.push(Effect::Discard { operation: id });
            }
            return;
        };
        self.state.issuing -= 1;
        self.state
            .timers
            .clear(&TimerKey::Deadline(session.clone()));
        let lease = match result {
            Ok(lease) if lease.expired(self.now) => {
                self.effects.push(Effect::Discard { operation: id });
                let message = "the credentials had ended when they arrived";
                let failure = Failure::new(ErrorKind::ClockSkew, message)
                    .with_hint("check this machine's clock");
                return self.fail(&session, failure);
            }
            Ok(lease) => lease,
            Err(failure) => return self.fail(&session, failure),
        };
        self.note_reachable(&session);
        let Some(tracked) = self.state.sessions.get(&session) else {
            return;
        };
        if tracked.outdated {
            // Edited meanwhile: these credentials are those of another definition.
            self.effects.push(Effect::Discard { operation: id });
            return self.begin_anew(&session, id);
        }
        let profile = tracked.session.named_profile.clone();
        let mut displaced = Vec::new();
        for other in self.occupants(&session, profile.as_ref()) {
            let Some(holder) = self.state.sessions.get(&other) else {
                continue;
            };
            if self.state.is_overdue(&other) {
                self.effects.push(Effect::Discard { operation: id });
                let name = &holder.session.name;
                let message =
                    format!("session {name} may still take or leave the named profile; try again");
                return self.fail(&session, Failure::new(ErrorKind::Delivery, message));
            }
            if holder
                .phase
                .operation()
                .is_some_and(Operation::is_publishing)
            {
                self.effects.push(Effect::Discard { operation: id });
                let name = &holder.session.name;
                let message = if holder.publishing_profile == profile {
                    format!("session {name} took the named profile meanwhile")
                } else {
                    format!("session {name} is about to leave the named profile; try again")
                };
                return self.fail(&session, Failure::new(ErrorKind::Delivery, message));
            }
            if holder.phase.lease().is_some() && holder.published_profile == profile {
                displaced.push(other);
            }
        }
        // What no session stands for gives way too; it could not be retracted yet.
        let orphans = self.state.orphans.iter();
        let there = orphans.filter(|(id, orphan)| {
            **id != session && profile.is_some() && orphan.profile == profile
        });
        displaced.extend(there.map(|(id, _)| id.clone()));
        let Some(tracked) = self.state.sessions.get_mut(&session) else {
            return;
        };
        tracked.publishing_profile.clone_from(&profile);
        if let Some(operation) = tracked.phase.operation_mut() {
            operation.stage = OperationStage::Publishing(lease);
        }
        self.set_delivery_deadline(&session);
        self.effects.push(Effect::Publish {
            operation: id,
            session,
            profile,
            displaced,
        });
    }
}
