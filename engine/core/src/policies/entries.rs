//! Which policy entries are in force.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::context::StepContext;
use crate::events::input::Entry;
use crate::events::journal::JournalEvent;
use crate::model::policy::{EngineEvent, EntryName, Fault, FaultKind, ResyncReason};
use crate::model::random::Random;
use crate::model::rates::TokenBucket;
use crate::model::session_id::SessionId;
use crate::state::entry_state::EntryState;
use crate::state::index::Index;
use crate::state::session_state::SessionState;
use crate::state::timers::TimerKey;
use crate::state::visibility::Visibility;

impl StepContext<'_> {
    /// Puts these entries in force, and no others.
    pub(crate) fn policies(&mut self, entries: Vec<Entry>) {
        let cause = self.new_cause();
        let cold = self.state.entries.is_empty();
        let mut old = std::mem::take(&mut self.state.entries);
        let mut changed = Vec::new();
        for entry in entries {
            let name = entry.name.clone();
            let kept = old.remove(&name).filter(|tracking| tracking.entry == entry);
            let tracking = kept.unwrap_or_else(|| {
                changed.push(name.clone());
                let reason = if cold {
                    ResyncReason::ColdStart
                } else {
                    ResyncReason::Reconfigured
                };
                let last_fault = entry.unusable.as_ref().map(|message| Fault {
                    kind: FaultKind::Host,
                    message: message.clone(),
                });
                let random = Random::of(self.state.seed, name.as_str());
                let sight = first_sight(&entry, &self.state.sessions);
                EntryState {
                    suspended: last_fault.is_some(),
                    entry,
                    failures: 0,
                    last_fault,
                    pending_changes: BTreeMap::new(),
                    others: VecDeque::new(),
                    files: BTreeMap::new(),
                    branches: BTreeMap::new(),
                    others_cause: cause,
                    resync: Some((reason, None)),
                    pending_evaluation: None,
                    proposals: BTreeMap::new(),
                    wakes: BTreeMap::new(),
                    notices: BTreeSet::new(),
                    not_before: None,
                    sequence: 0,
                    bucket: TokenBucket::default(),
                    visibility: sight,
                    random,
                }
            });
            self.state.entries.insert(name, tracking);
        }
        // Timers of entries that went, or that begin anew, are void.
        for (name, tracking) in old {
            self.clear_timers(&name, &tracking);
        }
        for name in &changed {
            self.state.timers.clear(&TimerKey::Ask(name.clone()));
            self.schedule(name);
        }
        self.undamp(&changed);
        let subscriptions = self
            .state
            .entries
            .iter()
            .map(|(name, tracking)| (name, tracking.entry.subscriptions.as_slice()));
        self.state.index = Index::new(subscriptions);
        let known = std::mem::replace(&mut self.state.policies_known, true);
        if !known && self.state.settings.announces {
            self.announce(EngineEvent::Started, cause);
        }
        let entries = self.state.entries.keys().cloned().collect();
        self.record(cause, JournalEvent::PoliciesAccepted { entries, changed });
        if !known {
            self.tell_sign_ins();
        }
        self.reconsider.extend(self.state.sessions.keys().cloned());
        self.all_go_on();
    }

    fn clear_timers(&mut self, name: &EntryName, tracking: &EntryState) {
        for wake in tracking.wakes.keys() {
            self.state
                .timers
                .clear(&TimerKey::Wake(name.clone(), wake.clone()));
        }
        for index in 0..tracking.entry.schedules.len() {
            self.state
                .timers
                .clear(&TimerKey::Schedule(name.clone(), index));
        }
        self.state.timers.clear(&TimerKey::Ask(name.clone()));
    }
}

/// What a new entry sees.
fn first_sight(entry: &Entry, sessions: &BTreeMap<SessionId, SessionState>) -> Visibility {
    let mut sight = Visibility::default();
    let granted: Vec<_> = sessions
        .iter()
        .filter(|(_, t)| t.present && entry.grant.sessions.matches(&t.view))
        .collect();
    for (_, tracked) in &granted {
        sight.show(&tracked.view);
    }
    // A session may be chained to one that comes later.
    for (id, _) in granted {
        sight.relink(id);
    }
    sight
}
