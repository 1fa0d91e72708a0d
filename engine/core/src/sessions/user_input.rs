//! What waits for a person, and goes on once the person has done it.

use std::collections::BTreeSet;

use crate::context::StepContext;
use crate::events::input::UserInput;
use crate::model::policy::Fields;
use crate::model::session_id::SessionId;

impl StepContext<'_> {
    /// Sessions that a person signs in to this integration or IdP for, and what is chained to them.
    pub(crate) fn sessions_needing(&self, sign_in: &str) -> BTreeSet<SessionId> {
        let sessions = self.state.sessions.iter();
        let meant = sessions.filter(|(_, t)| t.session.sign_in() == Some(sign_in));
        self.with_chained(meant.map(|(id, _)| id.clone()).collect())
    }

    fn with_chained(&self, mut next: Vec<SessionId>) -> BTreeSet<SessionId> {
        let mut all = BTreeSet::new();
        while let Some(id) = next.pop() {
            if all.insert(id.clone()) {
                next.extend(self.state.children.get(&id).into_iter().flatten().cloned());
            }
        }
        all
    }

    /// Tries again what waited for this, and what is chained to it.
    pub(crate) fn user_input_resolved(&mut self, what: &UserInput) {
        let waited = match what {
            UserInput::Session(id) => self.with_chained(vec![id.clone()]),
            UserInput::SignIn(id) => self.sessions_needing(id),
        };
        for id in waited {
            self.look_at_key_again(&id);
            if let Some(state) = self.state.sessions.get_mut(&id)
                && std::mem::take(&mut state.needs_person)
            {
                state.retry_at = None;
                state.recorded_deferral = None;
                // What failed is done now, so that policies which gave up on it look again. A
                // retraction that failed is not done.
                let retracts = state
                    .phase
                    .lease()
                    .is_some_and(|lease| lease.expired(self.now));
                if !retracts {
                    state.last_failure = None;
                    state.failures = 0;
                }
                let cause = state.cause;
                self.mark_changed(&id, Fields::FAILURE, None, cause);
                self.reconsider.insert(id);
            }
        }
    }
}
