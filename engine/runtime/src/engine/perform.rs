//! Has effects carried out by the workers.

use std::sync::Arc;

use dayfly_core::effect::{Effect, OperationId, Reply};
use dayfly_core::input::{CommandId, Input};
use dayfly_core::policy::{Context, EntryName, EvaluationId, Event, Fault, FaultKind};
use dayfly_core::session::{ErrorKind, Failure, SessionId};

use super::engine_loop::{EngineLoop, MEND};
use crate::clock;
use crate::key_calls::KeyWork;
use crate::message::Ordered;
use crate::question::Question;
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
            Effect::Align {
                session,
                profile,
                delivery,
            } => self.align(session, profile, delivery),
            Effect::LookAtKey { call, session } => {
                self.call_about_key(call, session, KeyWork::Look)
            }
            Effect::RotateKey {
                call,
                session,
                older_than,
            } => self.call_about_key(call, session, KeyWork::Rotate(older_than)),
            effect => {
                self.carry_out(effect);
                None
            }
        }
    }

    /// Has an effect carried out that cannot fail at once.
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            // As above.
            Effect::Evaluate { .. }
            | Effect::Issue { .. }
            | Effect::Publish { .. }
            | Effect::LookAtKey { .. }
            | Effect::RotateKey { .. }
            | Effect::Align { .. } => {}
            Effect::Retract { operation, session } => self.retract(operation, session),
            Effect::ClearLeftover { session } => self.clear_leftover(session),
            Effect::TellDelivery { session, problem } => self.tell_delivery(&session, problem),
            Effect::TellLeftover { session, failure } => self.tell_leftover(&session, failure),
            Effect::Cancel { operation } => self.issuing.cancel(operation),
            Effect::Discard { operation } => self.deliveries.discard(operation),
            Effect::Project {
                session,
                projection,
            } => self.workspace_worker.write(session, projection),
            Effect::Remember { session, word } => self.memory.remember(session, word),
            Effect::Reply { command, reply } => self.answer(command, reply),
            Effect::CommitPolicyState { entry, evaluation } => self.commit(&entry, evaluation),
            Effect::ForgetSession { session } => self.forget(&session),
            Effect::AwaitPolicies => self.policies.awaits_policies = true,
            Effect::Record(note) => self.records.recorded.push(note),
        }
    }

    /// Answers a command.
    fn answer(&mut self, command: CommandId, reply: Reply) {
        if let Some((session, answer)) = self.callers.commands.remove(&command) {
            let session = self.state.session(&session).map(|t| self.session_report(t));
            let _ = answer.send(Ok(Ordered { reply, session }));
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
        let in_force = self.policies.entries.get(&entry);
        let Some(in_force) = in_force.filter(|e| e.prepared.entry.generation == generation) else {
            let fault = Fault {
                kind: FaultKind::Host,
                message: "the policy entry is no longer in force".into(),
            };
            return Some(Input::Evaluated {
                entry,
                evaluation,
                result: Err(fault),
            });
        };
        let sees = self.state.entry(&entry).map(|e| e.views().clone());
        let recorder = self.recording.as_ref().and_then(Recording::recorder);
        self.policies.evaluating += 1;
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
            return failed(ErrorKind::Other, "the session no longer exists");
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
            Arc::clone(&self.cloud.providers),
            Arc::clone(&tracked.session),
            (parent, parent_session),
            clock::now(),
            self.messages.clone(),
        );
        None
    }
}
