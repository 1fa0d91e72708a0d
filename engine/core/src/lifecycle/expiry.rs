//! Credentials come to their end.

use crate::context::StepContext;
use crate::model::policy::{Fields, Outcome};
use crate::model::session::Lease;
use crate::model::session_id::SessionId;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// The credentials of a session come to their end, and nobody has renewed them.
    pub(crate) fn expiring(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get(id).filter(|t| t.present) else {
            return;
        };
        if state
            .phase
            .lease()
            .is_some_and(|lease| !lease.expired(self.now))
        {
            let cause = state.cause;
            self.mark_changed(id, Fields::EXPIRING, Some(Outcome::Expiring), cause);
        }
    }

    /// Sets the timers that go with credentials, or clears them where there are none.
    pub(crate) fn set_lease_timers(&mut self, id: &SessionId, lease: Option<Lease>) {
        let timers = &mut self.state.timers;
        let end = lease.and_then(|lease| lease.expires_at);
        timers.put(TimerKey::Expiry(id.clone()), end);
        let near = lease.and_then(Lease::comes_to_its_end);
        timers.put(TimerKey::Expiring(id.clone()), near);
    }

    /// Where the clock was set back, credentials whose retraction was put off may not have ended any
    /// more, and end before it would be tried again.
    pub(crate) fn watch_ends(&mut self) {
        for (id, state) in &self.state.sessions {
            let end = state.phase.lease().and_then(|lease| lease.expires_at);
            let key = TimerKey::Expiry(id.clone());
            let watched = self.state.timers.get(&key);
            if let (Some(end), Some(watched)) = (end, watched)
                && end > self.now
                && watched > end
            {
                self.state.timers.set(key, end);
            }
        }
    }

    /// The credentials of a session end.
    pub(crate) fn expire(&mut self, id: &SessionId) {
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        if !state
            .phase
            .lease()
            .is_some_and(|lease| lease.expired(self.now))
        {
            return;
        }
        let cause = state.cause;
        self.stop(id, Outcome::Expired, cause);
    }
}
