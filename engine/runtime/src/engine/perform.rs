//! Has effects carried out by the workers.

use std::sync::Arc;

use dayfly_core::effect::{Effect, OperationId};
use dayfly_core::input::Input;
use dayfly_core::policy::{Context, EntryName, EvaluationId, Event, Fault, FaultKind};
use dayfly_core::session::{ErrorKind, Failure, SessionId};

use super::{EngineLoop, MEND};
use crate::clock;
use crate::evaluators::Question;
use crate::message::Ordered;
use crate::recording::Recording;

impl EngineLoop {
    /// Has an effect carried out. What fails at once comes back as an input.
    pub(super) fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Evaluate {
                entry,
                evaluation,
                generation,
                context,
                events,
            } => self.evaluate(entry, evaluation, generation, context, events),
            Effect::Issue {
                operation,
                session,
                parent,
                attempt: _,
            } => self.issue(operation, &session, parent.as_ref()),
            Effect::Publish {
                operation,
                session,
                profile,
                displaced,
                delivery,
            } => self.publish(operation, session, profile, displaced, delivery),
            Effect::Retract { operation, session } => {
                self.retract(operation, session);
                None
            }
            Effect::Align {
                session,
                profile,
                delivery,
            } => self.align(session, profile, delivery),
            Effect::ClearLeftover { session } => {
                self.clear_leftover(session);
                None
            }
            Effect::TellDelivery { session, problem } => {
                self.tell_delivery(&session, problem);
                None
            }
            Effect::TellLeftover { session, failure } => {
                self.tell_leftover(&session, failure);
                None
            }
            Effect::Cancel { operation } => {
                self.issuing.cancel(operation);
                None
            }
            Effect::Discard { operation } => {
                self.deliveries.discard(operation);
                None
            }
            Effect::Project {
                session,
                projection,
            } => {
                self.workspace_worker.write(session, projection);
                None
            }
            Effect::Remember { session, word } => {
                self.memory.remember(session, word);
                None
            }
            Effect::Reply { command, reply } => {
                if let Some((session, answer)) = self.commands.remove(&command) {
                    let session = self.state.session(&session).map(|t| self.session_report(t));
                    let _ = answer.send(Ok(Ordered { reply, session }));
                }
                None
            }
            Effect::CommitPolicyState { entry, evaluation } => {
                self.commit(&entry, evaluation);
                None
            }
            Effect::ForgetSession { session } => {
                self.forget(&session);
                None
            }
            Effect::AwaitPolicies => {
                self.awaits_policies = true;
                None
            }
            Effect::Record(note) => {
                self.recorded.push(note);
                None
            }
        }
    }

    fn evaluate(
        &mut self,
        entry: EntryName,
        evaluation: EvaluationId,
        generation: u64,
        context: Context,
        events: Vec<Event>,
    ) -> Option<Input> {
        let in_force = self.entries.get(&entry);
        let Some(in_force) = in_force.filter(|e| e.prepared.entry.generation == generation) else {
            let fault = Fault {
                kind: FaultKind::Host,
                message: "the policy entry is not in force any more".into(),
            };
            return Some(Input::Evaluated {
                entry,
                evaluation,
                result: Err(fault),
            });
        };
        let sees = self.state.entry(&entry).map(|e| e.views().clone());
        let recorder = self.recording.as_ref().and_then(Recording::recorder);
        self.evaluating += 1;
        let question = Question {
            entry,
            evaluation,
            policy: in_force.prepared.policy.clone(),
            context,
            events,
            sees: sees.unwrap_or_default(),
            state: in_force.state.clone(),
        };
        self.evaluators.ask(question, recorder);
        None
    }

    fn issue(
        &mut self,
        operation: OperationId,
        session: &SessionId,
        parent: Option<&SessionId>,
    ) -> Option<Input> {
        let failed = |kind, message: &str| {
            let result = Err(Failure::new(kind, message));
            Some(Input::Issued { operation, result })
        };
        if let Some(why) = &self.suspended {
            let failure = Failure::new(ErrorKind::Misconfigured, why.as_str());
            let result = Err(failure.with_hint(MEND));
            return Some(Input::Issued { operation, result });
        }
        let Some(tracked) = self.state.session(session) else {
            return failed(ErrorKind::Other, "the session is gone");
        };
        let parent_session = parent
            .and_then(|id| self.state.session(id))
            .map(|parent| Arc::clone(&parent.session));
        let parent = match parent {
            Some(id) => match self.held.of(id) {
                Some(credentials) => Some(credentials),
                None => {
                    let message = "the session that it is chained to has no credentials";
                    return failed(ErrorKind::Parent, message);
                }
            },
            None => None,
        };
        self.issuing.begin(
            operation,
            Arc::clone(&self.providers),
            Arc::clone(&tracked.session),
            (parent, parent_session),
            clock::now(),
            self.messages.clone(),
        );
        None
    }
}
