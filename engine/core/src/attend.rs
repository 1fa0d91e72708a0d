//! What waits for a person, and goes on once the person has done it.

use std::collections::BTreeSet;

use crate::input::Attended;
use crate::policy::Fields;
use crate::session::SessionId;
use crate::step::Turn;

impl Turn<'_> {
    /// Tries again what waited for this, and what is chained to it.
    pub(crate) fn attended(&mut self, what: &Attended) {
        let mut next: Vec<SessionId> = match what {
            Attended::Session(id) => vec![id.clone()],
            Attended::SignIn(id) => {
                let sessions = self.state.sessions.iter();
                let meant = sessions.filter(|(_, t)| t.session.sign_in() == Some(id));
                meant.map(|(id, _)| id.clone()).collect()
            }
        };
        let mut seen = BTreeSet::new();
        while let Some(id) = next.pop() {
            if !seen.insert(id.clone()) {
                continue;
            }
            next.extend(self.state.children.get(&id).into_iter().flatten().cloned());
            if let Some(tracked) = self.state.sessions.get_mut(&id)
                && std::mem::take(&mut tracked.needs_person)
            {
                tracked.retry_at = None;
                tracked.told = None;
                // What failed is done now, so that policies which gave up on it look again. A
                // retraction that failed is not done.
                let retracts = tracked
                    .phase
                    .lease()
                    .is_some_and(|lease| lease.expired(self.now));
                if !retracts {
                    tracked.last_failure = None;
                    tracked.failures = 0;
                }
                let cause = tracked.cause;
                self.touch(&id, Fields::FAILURE, None, cause);
                self.reconsider.insert(id);
            }
        }
    }
}
