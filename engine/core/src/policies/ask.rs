//! Policies are asked about what changed.

use std::ops::Bound;

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::journal::JournalEvent;
use crate::model::policy::{Context, EntryName, EvaluationId, Event, Fields, SessionChange};
use crate::state::entry_state::{PendingChange, PendingEvaluation};

impl StepContext<'_> {
    /// Asks every entry that has something to hear and is not working on a question.
    pub(crate) fn ask_entries(&mut self) {
        let names: Vec<_> = self.state.entries.keys().cloned().collect();
        for name in names {
            self.ask(&name);
        }
    }

    fn ask(&mut self, name: &EntryName) {
        let Some(tracking) = self.state.entries.get_mut(name) else {
            return;
        };
        let idle = tracking.pending_evaluation.is_none()
            && !tracking.suspended
            && tracking.not_before.is_none();
        let nothing = tracking.pending_changes.is_empty()
            && !tracking.has_others()
            && tracking.resync.is_none();
        if !idle || nothing {
            return;
        }
        let batch_max = self.state.settings.batch_max;
        let mut sessions = Vec::new();
        let mut others = Vec::new();
        let mut page = None;
        let mut events = Vec::new();
        let mut cause = tracking.others_cause;
        let mut resync = None;
        if let Some((reason, after)) = tracking.resync.take() {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let behind = tracking.visibility.views().range((from, Bound::Unbounded));
            let views: Vec<_> = behind.take(batch_max).map(|(_, v)| v.clone()).collect();
            for view in &views {
                let id = &view.facts.id;
                let cause = self.state.sessions.get(id).map(|t| t.cause);
                let dirty = tracking
                    .pending_changes
                    .remove(id)
                    .unwrap_or(PendingChange {
                        fields: Fields::NONE,
                        previous_status: None,
                        outcome: None,
                        last_view: None,
                        cause: cause.unwrap_or_default(),
                    });
                sessions.push((id.clone(), dirty));
            }
            let last = views.len() < batch_max;
            let next = views.last().map(|view| view.key);
            page = Some((reason, after, next.filter(|_| !last)));
            events.push(Event::Resync {
                reason,
                sessions: views,
                last,
            });
            if after.is_none() {
                resync = Some(reason);
                others = tracking.take_engine_events();
                events.extend(others.iter().cloned());
            }
        } else {
            let mut changes = Vec::new();
            while changes.len() < batch_max {
                let Some((id, dirty)) = tracking.pending_changes.pop_first() else {
                    break;
                };
                let current = tracking.visibility.view(&id).cloned();
                let Some(after) = current.or_else(|| dirty.last_view.clone()) else {
                    continue;
                };
                cause = dirty.cause;
                changes.push(SessionChange {
                    after,
                    previous_status: dirty.previous_status,
                    fields: dirty.fields,
                    outcome: dirty.outcome,
                });
                sessions.push((id, dirty));
            }
            if !changes.is_empty() {
                events.push(Event::Sessions(changes));
            }
            others = tracking.take_others(self.state.settings.files_max);
            events.extend(others.iter().cloned());
        }
        if events.is_empty() {
            return;
        }
        self.state.next_evaluation += 1;
        let id = EvaluationId(self.state.next_evaluation);
        tracking.sequence += 1;
        let context = Context {
            now: self.now,
            sequence: tracking.sequence,
            seed: tracking.random.next_u64(),
            dry_run: tracking.entry.shadow,
            workspace_revision: tracking.visibility.revision(),
        };
        let ids = sessions.iter().map(|(id, _)| id.clone()).collect();
        let generation = tracking.entry.generation;
        tracking.pending_evaluation = Some(PendingEvaluation {
            id,
            sessions,
            ids,
            others,
            page,
            cause,
        });
        let entry = name.clone();
        if let Some(reason) = resync {
            self.record(
                cause,
                JournalEvent::Resync {
                    entry: entry.clone(),
                    reason,
                },
            );
        }
        self.effects.push(Effect::Evaluate {
            entry,
            evaluation: id,
            generation,
            context,
            events,
        });
    }
}
