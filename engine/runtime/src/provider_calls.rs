//! Calls of providers that are under way.

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::effect::OperationId;
use dayfly_core::session::{ErrorKind, Failure, Session};
use dayfly_core::time::Timestamp;
use dayfly_providers::{IssueRequest, Providers};
use dayfly_vault::TemporaryCredentials;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::message::Message;

/// The calls, by what they are for.
#[derive(Debug, Default)]
pub(crate) struct Issuing(BTreeMap<OperationId, AbortHandle>);

impl Issuing {
    /// Begins a call; its outcome is one message, unless it is cancelled.
    pub(crate) fn begin(
        &mut self,
        operation: OperationId,
        providers: Arc<Providers>,
        session: Arc<Session>,
        (parent, parent_session): (Option<Arc<TemporaryCredentials>>, Option<Arc<Session>>),
        now: Timestamp,
        answers: mpsc::Sender<Message>,
    ) {
        let name = session.name.clone();
        let call = tokio::spawn(async move {
            let request = IssueRequest {
                session: &session,
                parent,
                parent_session: parent_session.as_deref(),
                now,
            };
            providers.issue(request).await
        });
        self.0.insert(operation, call.abort_handle());
        tokio::spawn(async move {
            let result = match call.await {
                Ok(answer) => answer.map(Arc::new).map_err(|e| e.failure()),
                Err(ended) if ended.is_cancelled() => return,
                // What a panic says might hold anything, so it is not passed on.
                Err(_) => Err(Failure::new(
                    ErrorKind::Other,
                    format!("the provider failed while it obtained credentials for \"{name}\""),
                )),
            };
            let _ = answers.send(Message::Issued { operation, result }).await;
        });
    }

    pub(crate) fn ended(&mut self, operation: OperationId) {
        self.0.remove(&operation);
    }

    /// Abandons a call.
    pub(crate) fn cancel(&mut self, operation: OperationId) {
        if let Some(call) = self.0.remove(&operation) {
            call.abort();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Issuing {
    fn drop(&mut self) {
        for call in self.0.values() {
            call.abort();
        }
    }
}
