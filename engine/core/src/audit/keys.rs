//! Long-lived keys that have a rule are looked after.

use crate::audit::Audit;
use crate::audit::violation::Violation;

impl Audit<'_> {
    /// A key that is due later, or is tried again later, has a moment at which that happens; one that is looked
    /// at or replaced has a deadline.
    pub(super) fn keys(&mut self) {
        for (id, key) in self.state.keys() {
            if self
                .state
                .session(id)
                .is_none_or(|session| !session.present)
            {
                continue;
            }
            let at_work = self
                .state
                .key_call()
                .is_some_and(|(session, _)| session == id);
            let due = key.due().filter(|_| !key.outdated);
            let later = [due, key.retry_at].into_iter().flatten().max();
            let later = later.filter(|at| *at > self.now && !key.is_settled());
            let timer = self.state.key_timer(id);
            let forgotten = match later {
                _ if at_work => timer.is_none(),
                Some(at) => timer.is_none_or(|timer| timer > at),
                None => false,
            };
            if forgotten {
                let session = id.clone();
                self.broken(Violation::ForgottenKey { session });
            }
        }
    }
}

/// What is wrong, for a person.
pub(super) fn text(violation: &Violation) -> Option<String> {
    match violation {
        Violation::ForgottenKey { session } => Some(format!(
            "nothing will happen to the long-lived key of session {session} when it is due"
        )),
        _ => None,
    }
}
