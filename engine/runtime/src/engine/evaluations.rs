//! A policy answered.

use dayfly_core::effect::JournalEvent;
use dayfly_core::input::Input;
use dayfly_core::policy::{EntryName, EvaluationId, Fault, Severity, Verdict};
use dayfly_core::session::SessionId;
use dayfly_policy::{Evaluated, Failed};

use super::engine_loop::EngineLoop;

impl EngineLoop {
    pub(super) fn evaluated(
        &mut self,
        entry: EntryName,
        evaluation: EvaluationId,
        result: Result<Evaluated, Failed>,
    ) {
        self.policies.evaluating = self.policies.evaluating.saturating_sub(1);
        let (log, writes, result): (_, _, Result<Verdict, Fault>) = match result {
            Ok(evaluated) => (evaluated.log, evaluated.state_writes, Ok(evaluated.verdict)),
            Err(failed) => (failed.log, Vec::new(), Err(failed.fault)),
        };
        for line in log.lines {
            self.note(JournalEvent::Said {
                entry: entry.clone(),
                severity: line.severity,
                text: line.message,
            });
        }
        if log.dropped > 0 {
            self.note(JournalEvent::Said {
                entry: entry.clone(),
                severity: Severity::Warning,
                text: format!("({} more lines were dropped)", log.dropped),
            });
        }
        self.policies.uncommitted = Some((evaluation, writes));
        self.enter(Input::Evaluated {
            entry,
            evaluation,
            result,
        });
        self.policies.uncommitted = None;
    }

    /// What the policy wrote with the answer that has just come is what its entry remembers.
    pub(super) fn commit(&mut self, entry: &EntryName, evaluation: EvaluationId) {
        let written = self
            .policies
            .uncommitted
            .take_if(|(of, _)| *of == evaluation);
        let Some((_, writes)) = written.filter(|(_, writes)| !writes.is_empty()) else {
            return;
        };
        if let Some(in_force) = self.policies.entries.get_mut(entry) {
            in_force.state.apply(writes);
            self.memory.keep_state(entry, &in_force.state);
        }
    }

    /// What entries remember of a session goes with it.
    pub(super) fn forget(&mut self, session: &SessionId) {
        for (name, in_force) in &mut self.policies.entries {
            let before = in_force.state.bytes();
            in_force.state.forget(session);
            if in_force.state.bytes() != before {
                self.memory.keep_state(name, &in_force.state);
            }
        }
    }
}
