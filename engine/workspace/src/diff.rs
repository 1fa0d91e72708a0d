//! What changed from one version to the next.

use std::collections::HashSet;
use std::sync::Arc;

use dayfly_core::input::{SessionUpsert, WorkspaceChange};
use dayfly_core::session::SessionId;

use crate::workspace::Workspace;

/// What `new` has that `old` had not, and the reverse. Where a session merely moved in the file,
/// nothing changed.
#[must_use]
pub fn diff(old: Option<&Workspace>, new: &Workspace) -> WorkspaceChange {
    let mut upserts = Vec::new();
    for (place, entry) in new.entries.iter().enumerate() {
        let before = old.and_then(|old| {
            // Mostly the same session stands at the same place, and is the same value.
            old.entries
                .get(place)
                .filter(|b| Arc::ptr_eq(&b.session, &entry.session))
                .or_else(|| old.get(&entry.session.id))
        });
        let same = before.is_some_and(|b| {
            b.projection == entry.projection
                && (Arc::ptr_eq(&b.session, &entry.session) || b.session == entry.session)
        });
        if !same {
            upserts.push(SessionUpsert {
                session: Arc::clone(&entry.session),
                written: entry.projection,
            });
        }
    }
    let removed = match old {
        // The index is shared where no id came or went.
        Some(old) if !Arc::ptr_eq(&old.by_id, &new.by_id) => {
            let ids: HashSet<&SessionId> = new.entries.iter().map(|e| &e.session.id).collect();
            let gone = old.entries.iter().map(|e| &e.session.id);
            gone.filter(|id| !ids.contains(id)).cloned().collect()
        }
        _ => Vec::new(),
    };
    WorkspaceChange { upserts, removed }
}
