//! Wake-ups that policies asked for.

use crate::context::StepContext;
use crate::model::policy::{EntryName, Event};
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// A wake-up is due; one call serves all whose moment has come.
    pub(crate) fn wake(&mut self, entry: &EntryName, id: &str, due: Timestamp) {
        let Some(policy) = self.state.entries.get_mut(entry) else {
            return;
        };
        let now = self.now;
        let wakes = policy.wakes.iter();
        let ready: Vec<_> = wakes
            .filter(|(wake, at)| *wake == id || **at <= now)
            .map(|(wake, at)| (wake.clone(), *at))
            .collect();
        for (wake, at) in ready {
            policy.wakes.remove(&wake);
            let key = TimerKey::Wake(entry.clone(), wake.clone());
            self.state.timers.clear(&key);
            policy.others.push_back(Event::Wake {
                id: wake,
                due: at.min(due),
            });
        }
    }
}
