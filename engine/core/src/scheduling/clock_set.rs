//! The clock was set: what is measured in spans goes on as if it had not been.
//!
//! Waits after failures, pauses, deadlines and penalties are kept as moments. Where the clock is set
//! back by an hour, none of them may last an hour longer. What is meant as a moment stays where it
//! is: the end of credentials, holds, schedules, sign-ins, wake-ups, a person's order.

use crate::context::StepContext;
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    pub(crate) fn shift_spans(&mut self, set_ms: i64) {
        if set_ms == 0 {
            return;
        }
        let shift =
            |at: Timestamp| Timestamp::from_millis(at.as_millis().saturating_add_signed(set_ms));
        self.state.timers.shift(shift, |key| match key {
            TimerKey::Deadline(_)
            | TimerKey::Orphan(_)
            | TimerKey::Ask(_)
            | TimerKey::Lane(_)
            | TimerKey::Delivery => true,
            // All sessions and keys are considered again.
            TimerKey::Reconsider(_)
            | TimerKey::Key(_)
            | TimerKey::Expiry(_)
            | TimerKey::Expiring(_)
            | TimerKey::Wake(..)
            | TimerKey::Schedule(..)
            | TimerKey::SignIn(_) => false,
        });
        for state in self.state.sessions.values_mut() {
            state.retry_at = state.retry_at.map(shift);
            state.damping.shift(shift);
        }
        for policy in self.state.entries.values_mut() {
            policy.not_before = policy.not_before.map(shift);
        }
        self.state.unreachable.shift(shift);
        self.state.deliveries.shift(shift);
        self.state.keys.shift(shift);
    }

    /// The clock jumped: nobody waits longer than from now on.
    pub(crate) fn settle_rates(&mut self) {
        let now = self.now;
        for entry in self.state.entries.values_mut() {
            if let Some(rate) = entry.entry.grant.rate {
                entry.bucket.settle(rate, now);
            }
        }
        let latest = now.plus(self.state.settings.damping.freeze);
        for state in self.state.sessions.values_mut() {
            state.damping.clock_jumped(latest);
        }
        let calls = self.state.settings.calls;
        self.state.queue.settle(&calls, now);
        self.reconsider.extend(self.state.sessions.keys().cloned());
        self.keys.extend(self.state.keys.of.keys().cloned());
    }
}
