//! Has effects carried out by the workers.

use std::sync::Arc;

use dayfly_chain::Order;
use dayfly_core::delivery::Delivery as Places;
use dayfly_core::effect::{Effect, OperationId};
use dayfly_core::input::Input;
use dayfly_core::policy::{Context, EntryName, EvaluationId, Event, Fault, FaultKind};
use dayfly_core::session::{ErrorKind, Failure, SessionId};

use super::{Delivery, EngineLoop, MEND};
use crate::chain_worker::{Job, Placement, Purpose};
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
            } => self.publish(operation, session, profile, displaced),
            Effect::Retract { operation, session } => {
                let order = Order::Retract {
                    session: session.clone(),
                };
                let delivery = Delivery::Retract { session };
                self.delivering.insert(operation, delivery);
                self.chain.send(Job {
                    purpose: Purpose::Operation(operation),
                    order,
                });
                None
            }
            Effect::Cancel { operation } => {
                self.issuing.cancel(operation);
                None
            }
            Effect::Discard { operation } => {
                self.pending_publication.remove(&operation);
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

    fn publish(
        &mut self,
        operation: OperationId,
        session: SessionId,
        profile: Option<String>,
        displaced: Vec<SessionId>,
    ) -> Option<Input> {
        let known = self.state.session(&session);
        let (Some(known), Some(credentials)) = (known, self.pending_publication.get(&operation))
        else {
            let message = "the credentials that were to be published are gone";
            let result = Err(Failure::new(ErrorKind::Other, message));
            return Some(Input::Delivered { operation, result });
        };
        let credentials = Arc::clone(credentials);
        let deliver = self.deliver(known, profile, credentials, displaced.clone());
        let delivery = Delivery::Publish {
            session,
            displaced,
            wanted: deliver.delivery.clone(),
        };
        self.delivering.insert(operation, delivery);
        self.chain.send(Job {
            purpose: Purpose::Operation(operation),
            order: Order::Publish(Box::new(deliver)),
        });
        None
    }

    pub(super) fn delivered(
        &mut self,
        purpose: &Purpose,
        result: Result<Placement, Failure>,
        left: Option<Places>,
    ) {
        let operation = match purpose {
            Purpose::Operation(operation) => *operation,
            Purpose::Align(session) => return self.aligned(session, result),
            Purpose::Tidy(session) => return self.tidied(session, result.map(drop)),
        };
        let delivery = self.delivering.remove(&operation);
        if let (Some(Delivery::Retract { session }), Some(left)) = (&delivery, left) {
            self.delivery_states.leave(session, left);
        }
        let credentials = self.pending_publication.remove(&operation);
        // Those that were to give way and did not may have had to be put elsewhere meanwhile.
        let mut moved = matches!(
            (&delivery, &result),
            (Some(Delivery::Publish { displaced, .. }), Err(_)) if !displaced.is_empty()
        );
        let result = result.map(|placement| match delivery {
            Some(Delivery::Publish {
                session,
                displaced,
                wanted,
            }) => {
                for gone in displaced {
                    self.held.remove(&gone);
                    self.unplaced(&gone);
                }
                // The person may have written another delivery meanwhile.
                moved = wanted != self.wanted_now(&session);
                self.placed(&session, wanted, placement);
                if let Some(credentials) = credentials {
                    self.held.put(session, credentials);
                }
            }
            Some(Delivery::Retract { session }) => {
                self.held.remove(&session);
                self.unplaced(&session);
            }
            None => {}
        });
        self.enter(Input::Delivered { operation, result });
        if moved {
            self.align();
        }
    }
}
