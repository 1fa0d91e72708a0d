//! How an engine stops.

use std::time::Duration;

use dayfly_core::effect::JournalEvent;
use dayfly_core::input::{Input, PersistedStatus};
use dayfly_core::session::Status;
use tokio::sync::mpsc;

use super::engine_loop::EngineLoop;
use crate::clock;
use crate::message::Message;
use crate::provider_calls::Issuing;

/// How long changes of the chain that are under way may take when the engine stops.
const PARTING: Duration = Duration::from_secs(10);
/// How long policies may take before that to have sessions stopped, and their credentials to be
/// retracted.
const FAREWELL: Duration = Duration::from_secs(5);

impl EngineLoop {
    /// Policies that asked for it hear that the engine stops, and what they want stopped is.
    async fn shut_down_in_order(&mut self, incoming: &mut mpsc::Receiver<Message>) {
        let deadline = clock::now().plus(FAREWELL);
        self.enter(Input::Stopping { deadline });
        self.flush();
        let end = tokio::time::Instant::now() + FAREWELL;
        while self.policies.awaits_policies
            && (self.policies.evaluating > 0 || !self.deliveries.is_idle())
        {
            match tokio::time::timeout_at(end, incoming.recv()).await {
                Ok(Some(message @ (Message::Evaluated { .. } | Message::Delivered { .. }))) => {
                    self.take(message);
                    self.flush();
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
    }

    /// A key that is replaced is waited for as well: where it is cut off between two steps, the next
    /// engine has to go on.
    fn replaces_key(&self) -> bool {
        self.state.key_call().is_some_and(|(_, rotates)| rotates)
    }

    /// Ends what is under way: changes of the chain are waited for, calls of providers are
    /// abandoned, and the Workspace says what the chain holds.
    pub(super) async fn part(&mut self, incoming: &mut mpsc::Receiver<Message>) {
        self.shut_down_in_order(incoming).await;
        self.issuing = Issuing::default();
        let deadline = tokio::time::Instant::now() + PARTING;
        while !self.deliveries.is_idle() || self.replaces_key() {
            let next = tokio::time::timeout_at(deadline, incoming.recv()).await;
            match next {
                Ok(Some(answer @ Message::KeyAnswered { .. })) => self.take(answer),
                Ok(Some(Message::Delivered {
                    purpose,
                    result,
                    left,
                })) => {
                    self.delivered(purpose, result, left);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        for (id, tracked) in self.state.sessions() {
            if tracked.present && tracked.phase.status() == Status::Pending {
                let lease = tracked.phase.lease();
                let projection = PersistedStatus {
                    status: if lease.is_some() {
                        Status::Active
                    } else {
                        Status::Inactive
                    },
                    start: lease.map(|l| l.issued_at),
                    expiration: lease.and_then(|l| l.expires_at),
                };
                self.workspace_worker.write(id.clone(), projection);
            }
        }
        self.note(JournalEvent::Halted);
        self.flush();
        // Workers that still have something to say need not wait for somebody to hear it.
        incoming.close();
        while incoming.try_recv().is_ok() {}
    }
}
