//! What one policy entry sees: the sessions of its grant, under names of its own, and nothing that
//! follows from others. Two entries know the same session by other keys, and no number that an
//! entry gets counts what lies outside its grant.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::policy::{SessionFacts, SessionKey, SessionView, Views};
use crate::model::session_id::SessionId;

/// The sessions that one entry is granted, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visibility {
    keys: BTreeMap<SessionId, SessionKey>,
    views: Views,
    /// The key that was given last; no key is given twice.
    last: u32,
    /// Versions of the Workspace that changed something here.
    revision: u64,
    /// The latest of these.
    version: u64,
}

impl Visibility {
    /// The key that the entry knows a session by; none where it does not see it.
    pub(crate) fn key(&self, id: &SessionId) -> Option<SessionKey> {
        self.keys.get(id).copied()
    }

    /// The session as the entry sees it.
    pub(crate) fn view(&self, id: &SessionId) -> Option<&SessionView> {
        self.views.get(&self.key(id)?)
    }

    /// The session that the entry means by this key; none where there is none any more.
    pub(crate) fn session(&self, key: SessionKey) -> Option<&SessionId> {
        self.views.get(&key).map(|view| &view.facts.id)
    }

    /// Whether the entry was ever given this key.
    pub(crate) const fn was_given(&self, key: SessionKey) -> bool {
        1 <= key.0 && key.0 <= self.last
    }

    /// All that it sees. Cheap to clone.
    pub(crate) const fn views(&self) -> &Views {
        &self.views
    }

    /// Counts the versions of the Workspace that changed something that it sees.
    pub(crate) const fn revision(&self) -> u64 {
        self.revision
    }

    /// A version of the Workspace changed something that it sees, or saw.
    pub(crate) const fn changed_in(&mut self, version: u64) {
        if self.version != version {
            self.version = version;
            self.revision += 1;
        }
    }

    /// Takes a session in, or takes up how it is now.
    pub(crate) fn show(&mut self, facts: &Arc<SessionFacts>) -> SessionView {
        let key = self.key(&facts.id).unwrap_or_else(|| {
            self.last = self.last.saturating_add(1);
            let key = SessionKey(self.last);
            self.keys.insert(facts.id.clone(), key);
            key
        });
        let parent = facts.chained_to.as_ref().and_then(|id| self.key(id));
        let view = SessionView {
            key,
            parent,
            facts: Arc::clone(facts),
        };
        self.views.insert(key, view.clone());
        view
    }

    /// The entry sees the session no more; how it was seen last.
    pub(crate) fn hide(&mut self, id: &SessionId) -> Option<SessionView> {
        let key = self.keys.remove(id)?;
        self.views.remove(&key)
    }

    /// Takes up which key the session is chained to, which may have come or gone; whether that
    /// changed anything.
    pub(crate) fn relink(&mut self, id: &SessionId) -> bool {
        let Some(view) = self.view(id) else {
            return false;
        };
        let parent = view.facts.chained_to.as_ref().and_then(|id| self.key(id));
        if view.parent == parent {
            return false;
        }
        let view = SessionView {
            parent,
            ..view.clone()
        };
        self.views.insert(view.key, view);
        true
    }
}
