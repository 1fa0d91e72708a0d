//! Policies are asked about what changed.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::journal::JournalEvent;
use crate::model::ids::Cause;
use crate::model::policy::{
    Context, EntryName, EvaluationId, Event, Fields, ResyncReason, SessionChange, SessionKey,
};
use crate::model::session_id::SessionId;
use crate::state::entry_state::{EntryState, PendingChange, PendingEvaluation, ResyncPage};
use crate::state::session_state::SessionState;

impl StepContext<'_> {
    /// Calls every entry that has events and is not evaluating.
    pub(crate) fn ask_entries(&mut self) {
        let names: Vec<_> = self.state.entries.keys().cloned().collect();
        for name in names {
            self.ask(&name);
        }
    }

    fn ask(&mut self, name: &EntryName) {
        let settings = self.state.settings;
        let Some(policy) = self.state.entries.get_mut(name) else {
            return;
        };
        if !policy.is_idle() || !policy.has_events() {
            return;
        }
        let resync = policy.resync.take();
        let call = match resync {
            Some((reason, after)) => {
                let sessions = &self.state.sessions;
                resync_page(policy, sessions, settings.batch_max, reason, after)
            }
            None => changes(policy, settings.batch_max, settings.files_max),
        };
        if call.events.is_empty() {
            return;
        }
        self.state.next_evaluation += 1;
        let evaluation = EvaluationId(self.state.next_evaluation);
        policy.sequence += 1;
        let context = Context {
            now: self.now,
            sequence: policy.sequence,
            seed: policy.random.next_u64(),
            dry_run: policy.entry.shadow,
            workspace_revision: policy.visibility.revision(),
        };
        let generation = policy.entry.generation;
        policy.pending_evaluation = Some(PendingEvaluation {
            id: evaluation,
            ids: call.sessions.iter().map(|(id, _)| id.clone()).collect(),
            sessions: call.sessions,
            others: call.others,
            page: call.page,
            cause: call.cause,
        });
        let entry = name.clone();
        // Of the pages of a resync the first is recorded.
        if let Some((reason, None)) = resync {
            let entry = entry.clone();
            self.record(call.cause, JournalEvent::Resync { entry, reason });
        }
        self.effects.push(Effect::Evaluate {
            entry,
            evaluation,
            generation,
            context,
            events: call.events,
        });
    }
}

impl EntryState {
    /// Whether it may be asked: it works on no question and did not fail.
    fn is_idle(&self) -> bool {
        self.pending_evaluation.is_none() && !self.is_broken()
    }

    fn has_events(&self) -> bool {
        !self.pending_changes.is_empty() || self.has_others() || self.resync.is_some()
    }
}

/// A call of a policy: its events, and what they were made of, for another try.
struct Call {
    events: Vec<Event>,
    sessions: Vec<(SessionId, PendingChange)>,
    others: Vec<Event>,
    page: Option<ResyncPage>,
    cause: Cause,
}

/// A page of all sessions that the entry sees, behind this key.
fn resync_page(
    policy: &mut EntryState,
    known: &BTreeMap<SessionId, SessionState>,
    batch_max: usize,
    reason: ResyncReason,
    after: Option<SessionKey>,
) -> Call {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let behind = policy.visibility.views().range((from, Bound::Unbounded));
    let views: Vec<_> = behind.take(batch_max).map(|(_, v)| v.clone()).collect();
    let mut sessions = Vec::new();
    for view in &views {
        let id = &view.facts.id;
        let cause = known.get(id).map(|state| state.cause);
        let change = policy.pending_changes.remove(id);
        let change = change.unwrap_or_else(|| PendingChange {
            fields: Fields::NONE,
            previous_status: None,
            outcome: None,
            last_view: None,
            cause: cause.unwrap_or_default(),
        });
        sessions.push((id.clone(), change));
    }
    let last = views.len() < batch_max;
    let next = views.last().map(|view| view.key);
    let mut events = vec![Event::Resync {
        reason,
        sessions: views,
        last,
    }];
    let others = match after {
        None => policy.take_engine_events(),
        Some(_) => Vec::new(),
    };
    events.extend(others.iter().cloned());
    Call {
        events,
        sessions,
        others,
        page: Some((reason, after, next.filter(|_| !last))),
        cause: policy.others_cause,
    }
}

/// Changes that the entry has not seen, at most so many sessions and files.
fn changes(policy: &mut EntryState, batch_max: usize, files_max: usize) -> Call {
    let mut cause = policy.others_cause;
    let mut sessions = Vec::new();
    let mut changes = Vec::new();
    while changes.len() < batch_max {
        let Some((id, change)) = policy.pending_changes.pop_first() else {
            break;
        };
        let current = policy.visibility.view(&id).cloned();
        let Some(after) = current.or_else(|| change.last_view.clone()) else {
            continue;
        };
        cause = change.cause;
        changes.push(SessionChange {
            after,
            previous_status: change.previous_status,
            fields: change.fields,
            outcome: change.outcome,
        });
        sessions.push((id, change));
    }
    let mut events = Vec::new();
    if !changes.is_empty() {
        events.push(Event::Sessions(changes));
    }
    let others = policy.take_others(files_max);
    events.extend(others.iter().cloned());
    Call {
        events,
        sessions,
        others,
        page: None,
        cause,
    }
}
