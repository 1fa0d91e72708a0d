//! Which policy entries are in force.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::context::StepContext;
use crate::events::input::Entry;
use crate::events::journal::JournalEvent;
use crate::model::ids::Cause;
use crate::model::policy::{EngineEvent, EntryName, Fault, FaultKind, ResyncReason};
use crate::model::random::Random;
use crate::model::rates::TokenBucket;
use crate::model::session_id::SessionId;
use crate::state::State;
use crate::state::entry_state::EntryState;
use crate::state::index::Index;
use crate::state::session_state::SessionState;
use crate::state::timers::TimerKey;
use crate::state::visibility::Visibility;

impl StepContext<'_> {
    /// Puts these entries in force, and no others.
    pub(crate) fn policies(&mut self, entries: Vec<Entry>) {
        let cause = self.new_cause();
        let changed = self.replace_entries(entries, cause);
        for name in &changed {
            self.state.timers.clear(&TimerKey::Ask(name.clone()));
            self.schedule(name);
        }
        self.damping_entries_changed(&changed);
        let entries = self.state.entries.iter();
        let subscriptions =
            entries.map(|(name, policy)| (name, policy.entry.subscriptions.as_slice()));
        self.state.index = Index::new(subscriptions);
        let known = std::mem::replace(&mut self.state.policies_known, true);
        if !known && self.state.settings.announces {
            self.announce(EngineEvent::Started, cause);
        }
        let entries = self.state.entries.keys().cloned().collect();
        self.record(cause, JournalEvent::PoliciesAccepted { entries, changed });
        if !known {
            self.announce_sign_ins();
        }
        self.reconsider.extend(self.state.sessions.keys().cloned());
        self.advance_all_waiting();
    }

    /// Entries that are as they were stay, with all that is known of them; those that are new or
    /// different, whose names this answers, begin from the start.
    fn replace_entries(&mut self, entries: Vec<Entry>, cause: Cause) -> Vec<EntryName> {
        let reason = if self.state.entries.is_empty() {
            ResyncReason::ColdStart
        } else {
            ResyncReason::Reconfigured
        };
        let mut old = std::mem::take(&mut self.state.entries);
        let mut changed = Vec::new();
        for entry in entries {
            let name = entry.name.clone();
            let same = old.remove(&name).filter(|policy| policy.entry == entry);
            let policy = same.unwrap_or_else(|| {
                changed.push(name.clone());
                new_entry(entry, reason, cause, self.state)
            });
            self.state.entries.insert(name, policy);
        }
        // Timers of entries that went, or that begin from the start, are void.
        for (name, policy) in old {
            self.clear_timers(&name, &policy);
        }
        changed
    }

    /// A suspended entry may be asked again.
    pub(crate) fn enable(&mut self, name: EntryName) {
        let policy = self.state.entries.get_mut(&name);
        // What only takes the place of a guard rail cannot be asked.
        if let Some(policy) = policy.filter(|policy| policy.entry.unusable.is_none()) {
            policy.suspended = false;
            policy.failures = 0;
            policy.not_before = None;
            policy.resync = Some((ResyncReason::Reconfigured, None));
            self.state.timers.clear(&TimerKey::Ask(name));
        }
    }

    fn clear_timers(&mut self, name: &EntryName, policy: &EntryState) {
        for wake in policy.wakes.keys() {
            self.state
                .timers
                .clear(&TimerKey::Wake(name.clone(), wake.clone()));
        }
        for index in 0..policy.entry.schedules.len() {
            self.state
                .timers
                .clear(&TimerKey::Schedule(name.clone(), index));
        }
        self.state.timers.clear(&TimerKey::Ask(name.clone()));
    }
}

/// An entry of which nothing is known yet.
fn new_entry(entry: Entry, reason: ResyncReason, cause: Cause, state: &State) -> EntryState {
    let last_fault = entry.unusable.as_ref().map(|message| Fault {
        kind: FaultKind::Host,
        message: message.clone(),
    });
    EntryState {
        suspended: last_fault.is_some(),
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
        visibility: initial_visibility(&entry, &state.sessions),
        random: Random::of(state.seed, entry.name.as_str()),
        entry,
    }
}

/// What a new entry sees.
fn initial_visibility(entry: &Entry, sessions: &BTreeMap<SessionId, SessionState>) -> Visibility {
    let mut visibility = Visibility::default();
    let granted: Vec<_> = sessions
        .iter()
        .filter(|(_, t)| t.present && entry.grant.sessions.matches(&t.view))
        .collect();
    for (_, state) in &granted {
        visibility.show(&state.view);
    }
    // A session may be chained to one that comes later.
    for (id, _) in granted {
        visibility.relink(id);
    }
    visibility
}
