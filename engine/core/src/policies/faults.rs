//! A policy that brings no answer is asked again later, or suspended.

use crate::context::StepContext;
use crate::events::journal::JournalEvent;
use crate::model::policy::{EntryName, Fault, FaultKind};
use crate::model::time::Timestamp;
use crate::state::entry_state::PendingEvaluation;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    pub(crate) fn fault(&mut self, name: &EntryName, asked: PendingEvaluation, fault: Fault) {
        let settings = self.state.settings;
        let Some(policy) = self.state.entries.get_mut(name) else {
            return;
        };
        policy.failures = policy.failures.saturating_add(1);
        let failures = policy.failures;
        policy.last_fault = Some(fault.clone());
        // Nothing of the call counts, so all of it is still to be answered.
        if let Some((reason, from, _)) = asked.page {
            policy.resync.get_or_insert((reason, from));
        } else {
            for (id, change) in asked.sessions {
                policy.pending_changes.entry(id).or_insert(change);
            }
        }
        policy.put_back(asked.others);
        let retry_at = if fault.kind == FaultKind::Permanent || failures >= settings.faults_max {
            policy.suspended = true;
            let sessions = &self.state.sessions;
            policy
                .pending_changes
                .retain(|id, _| sessions.contains_key(id));
            None
        } else {
            let at: Timestamp = settings
                .ask_again
                .retry_at(self.now, failures, &mut policy.random);
            policy.not_before = Some(at);
            self.state.timers.set(TimerKey::Ask(name.clone()), at);
            Some(at)
        };
        if !policy.entry.shadow {
            // Whoever waits for its answer, a person for a guard rail's and a program for everybody's, is
            // told that there is none.
            let sessions = self.state.sessions.iter();
            let waiting = sessions.filter(|(_, state)| !state.waiting.is_empty());
            self.reconsider.extend(waiting.map(|(id, _)| id.clone()));
        }
        let (entry, evaluation) = (name.clone(), asked.id);
        let faulted = JournalEvent::Faulted {
            entry,
            evaluation,
            fault,
            failures,
            retry_at,
        };
        self.record(asked.cause, faulted);
    }
}
