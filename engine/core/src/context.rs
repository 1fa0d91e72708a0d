//! What one call of [`step`](crate::step::step) works with.

use std::collections::BTreeSet;

use crate::events::effect::{Effect, Reply};
use crate::events::journal::{JournalEntry, JournalEvent};
use crate::model::ids::{Cause, OperationId};
use crate::model::policy::Action;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::State;

/// One call of [`step`].
pub(crate) struct StepContext<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
    /// Sessions for which something changed that may change what is to be done.
    pub(crate) reconsider: BTreeSet<SessionId>,
    /// Sessions whose long-lived keys may have something done about them.
    pub(crate) keys: BTreeSet<SessionId>,
    /// Credentials may not be where they should be, once it is clear what is done to their sessions.
    pub(crate) realign: bool,
}

impl StepContext<'_> {
    pub(crate) fn new_cause(&mut self) -> Cause {
        self.state.next_cause += 1;
        Cause(self.state.next_cause)
    }

    pub(crate) fn new_operation(&mut self, session: &SessionId) -> OperationId {
        self.state.next_operation += 1;
        let id = OperationId(self.state.next_operation);
        self.state.operations.insert(id, session.clone());
        id
    }

    pub(crate) fn record(&mut self, cause: Cause, what: JournalEvent) {
        self.effects.push(Effect::Record(JournalEntry {
            at: self.now,
            cause,
            what,
        }));
    }

    /// Answers the commands that wait for this session.
    pub(crate) fn reply(&mut self, id: &SessionId, answer: impl Fn(Action) -> Option<Reply>) {
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        let mut rest = Vec::new();
        for (command, action) in std::mem::take(&mut state.waiting) {
            match answer(action) {
                Some(reply) => {
                    state.demands.remove(&command);
                    self.effects.push(Effect::Reply { command, reply });
                }
                None => rest.push((command, action)),
            }
        }
        state.waiting = rest;
    }
}
