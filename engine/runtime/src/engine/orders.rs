//! What people and programs ask of the engine, and when they are answered.

use dayfly_core::input::{CommandId, Input, Order, UserInput};
use dayfly_core::policy::EntryName;
use dayfly_core::session::SessionId;

use super::callers::Answer;
use super::engine_loop::EngineLoop;
use crate::clock;
use crate::message::{Ask, OrderError};
use crate::report::StandingReport;
use crate::watching::Watching;
use crate::workspace_worker;

impl EngineLoop {
    pub(super) fn ask(&mut self, ask: Ask) {
        match ask {
            // Guard rails have to be in force before anything is done, and rules before they hear of
            // anything.
            Ask::Order { .. } | Ask::Emit { .. } | Ask::Enable { .. }
                if !self.policies.configured =>
            {
                self.keep_early(ask);
            }
            Ask::Order {
                asked,
                order,
                answer,
            } => self.take_order(asked, order, answer),
            Ask::Report(answer) => {
                let _ = answer.send(self.report());
            }
            Ask::Session { asked, answer } => {
                let _ = answer.send(self.report_of(&asked));
            }
            Ask::Standing { session, answer } => {
                let stands = self.state.proposals_for(&session, clock::now());
                let _ = answer.send(stands.iter().map(StandingReport::from).collect());
            }
            Ask::Enable { entry, answer } => {
                let name = EntryName::new(&entry);
                let known = self.policies.entries.contains_key(&name);
                if known {
                    self.enter(Input::Enable(name));
                }
                let _ = answer.send(known);
            }
            Ask::Emit { name, data, answer } => {
                self.enter(Input::Custom { name, data });
                let _ = answer.send(());
            }
            Ask::Attended { what, answer } => {
                if let UserInput::SignIn(id) = &what {
                    // Somebody else may have signed in.
                    self.cloud.azure.drop_held(id);
                }
                self.enter(Input::Attended(what));
                let _ = answer.send(());
            }
            Ask::Quiet(answer) => self.callers.quiet.push(answer),
            Ask::Alive(answer) => {
                let _ = answer.send(());
            }
            Ask::Halt => self.halting = true,
        }
    }

    /// An order is carried out once the Workspace file was looked at.
    pub(super) fn take_order(&mut self, asked: String, order: Order, answer: Answer) {
        self.callers.next_command += 1;
        let ticket = self.callers.next_command;
        self.callers.tickets.insert(ticket, (asked, order, answer));
        self.workspace_worker.look(ticket);
    }

    pub(super) fn order(&mut self, asked: &str, order: Order, answer: Answer) {
        let Some(workspace) = &self.workspace else {
            let problems = workspace_worker::problems(None, self.rejected.as_ref());
            let _ = answer.send(Err(OrderError::NoWorkspace(problems)));
            return;
        };
        let session = match workspace.resolve(asked) {
            Ok(entry) => entry.session.id.clone(),
            Err(error) => {
                let _ = answer.send(Err(error.into()));
                return;
            }
        };
        self.command(session, order, answer);
    }

    /// Gives an order to the core.
    pub(super) fn command(&mut self, session: SessionId, order: Order, answer: Answer) {
        if matches!(order, Order::Do { .. }) {
            self.cloud.input_brokers.mfa.wanted(&session);
        }
        self.callers.next_command += 1;
        let id = CommandId(self.callers.next_command);
        self.callers.commands.insert(id, (session.clone(), answer));
        self.enter(Input::Command { id, session, order });
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.policies.configured
            && self.policies.evaluating == 0
            && self.state.queue().next().is_none()
            && self.issuing.is_empty()
            && self.state.key_call().is_none()
            && self.deliveries.is_idle()
            && self.state.aligning().next().is_none()
            && self.callers.tickets.is_empty()
            && self.workspace_worker.is_idle()
            && self.config_worker.is_idle()
            && self.watching.as_ref().is_none_or(Watching::is_idle)
    }

    pub(super) fn answer_quiet(&mut self) {
        if !self.callers.quiet.is_empty() && self.is_quiet() {
            for answer in self.callers.quiet.drain(..) {
                let _ = answer.send(());
            }
        }
    }
}
