//! Changes of a session are queued for the policies that see it, or did.

use std::sync::Arc;

use crate::context::StepContext;
use crate::model::ids::Cause;
use crate::model::policy::{EntryName, Fields, Outcome, SessionFacts, SessionView};
use crate::model::session_id::SessionId;
use crate::state::entry_state::{EntryState, PendingChange};

/// What changed about a session.
pub(super) struct Change {
    pub(super) before: Arc<SessionFacts>,
    pub(super) after: Arc<SessionFacts>,
    pub(super) fields: Fields,
    /// Whether what was proposed for it is void.
    pub(super) void: bool,
    /// Whether the session is in the Workspace, where what the person wrote of it changed.
    pub(super) written: Option<bool>,
    pub(super) outcome: Option<Outcome>,
    pub(super) cause: Cause,
}

impl Change {
    /// What is queued for an entry.
    fn for_entry(&self, fields: Fields, last_view: Option<SessionView>) -> PendingChange {
        let came = fields.contains(Fields::ADDED);
        PendingChange {
            fields,
            previous_status: (!came).then_some(self.before.status),
            outcome: self.outcome.filter(|_| !came),
            last_view,
            cause: self.cause,
        }
    }
}

impl StepContext<'_> {
    /// Queues a change for the policies that see the session, or did.
    pub(super) fn notify_policies(&mut self, id: &SessionId, change: &Change) {
        // A session that loses what a filter asks for concerns whoever it concerned before.
        let index = &self.state.index;
        let mut concerned: Vec<_> = index.concerned(&change.after, change.fields).collect();
        concerned.extend(index.concerned(&change.before, change.fields));
        concerned.sort_unstable();
        concerned.dedup();
        let mut relinked = Vec::new();
        for (name, policy) in &mut self.state.entries {
            let saw = policy.visibility.key(id).is_some();
            // What is granted follows from what the person wrote alone.
            let sees = match change.written {
                None => saw,
                Some(present) => present && policy.entry.grant.sessions.matches(&change.after),
            };
            if change.written.is_some() && (saw || sees) {
                policy.visibility.changed_in(self.state.workspace_revision);
            }
            match (saw, sees) {
                (false, false) => {}
                (false, true) => {
                    policy.visibility.show(&change.after);
                    // What was queued of an earlier stay is void.
                    policy.pending_changes.remove(id);
                    if index.concerns(name, &change.after, Fields::ADDED) {
                        let change = change.for_entry(Fields::ADDED, None);
                        policy.pending_changes.insert(id.clone(), change);
                    }
                    relinked.push(name.clone());
                }
                (true, false) => {
                    let last_view = policy.visibility.hide(id);
                    policy.proposals.remove(id);
                    policy.pending_changes.remove(id);
                    if index.concerns(name, &change.before, Fields::REMOVED) {
                        let change = change.for_entry(Fields::REMOVED, last_view);
                        policy.pending_changes.insert(id.clone(), change);
                    }
                    relinked.push(name.clone());
                }
                (true, true) => {
                    policy.visibility.show(&change.after);
                    // An entry whose proposal is void now gets the change, subscribed or not.
                    let spoke = policy.proposals.get(id).is_some_and(|o| !o.acts.is_empty());
                    if concerned.binary_search(&name).is_ok() || (spoke && change.void) {
                        policy.enqueue_change(id, change.for_entry(change.fields, None));
                    }
                }
            }
        }
        if !relinked.is_empty() {
            self.relink(id, &relinked, change.cause);
        }
    }

    /// For these entries a session came or went, whose key those chained to it show.
    pub(crate) fn relink(&mut self, id: &SessionId, entries: &[EntryName], cause: Cause) {
        let children = self.state.children.get(id).into_iter().flatten();
        for child in children {
            let Some(state) = self.state.sessions.get(child) else {
                continue;
            };
            for name in entries {
                let Some(policy) = self.state.entries.get_mut(name) else {
                    continue;
                };
                let asked = self.state.index.concerns(name, &state.view, Fields::TARGET);
                if policy.visibility.relink(child) && asked {
                    let change = PendingChange {
                        fields: Fields::TARGET,
                        previous_status: Some(state.view.status),
                        outcome: None,
                        last_view: None,
                        cause,
                    };
                    policy.enqueue_change(child, change);
                }
            }
        }
    }
}

impl EntryState {
    /// Queues a change, together with what the entry has not seen yet.
    fn enqueue_change(&mut self, id: &SessionId, change: PendingChange) {
        match self.pending_changes.get_mut(id) {
            Some(earlier) => earlier.merge(&change),
            None => {
                self.pending_changes.insert(id.clone(), change);
            }
        }
    }
}

impl PendingChange {
    fn merge(&mut self, later: &Self) {
        self.fields = self.fields.union(later.fields);
        self.outcome = later.outcome.or(self.outcome);
        self.cause = later.cause;
    }
}
