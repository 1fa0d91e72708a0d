//! What changed from one version to the next.

use std::collections::HashSet;
use std::sync::Arc;

use dayfly_core::session::{Session, SessionId};

use crate::projection::Projection;
use crate::workspace::Workspace;

/// A session that is new or was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsert {
    /// The session.
    pub session: Arc<Session>,
    /// Its state as the file has it.
    pub written: Projection,
}

/// What changed from one version of the Workspace to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Sessions that are new, or that have another content or state than before; in file order.
    pub upserts: Vec<Upsert>,
    /// Sessions that are no longer there, in their old order.
    pub removed: Vec<SessionId>,
}

impl Difference {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.removed.is_empty()
    }
}

/// What `new` has that `old` had not, and the reverse. Where a session merely moved in the file,
/// nothing changed.
#[must_use]
pub fn diff(old: Option<&Workspace>, new: &Workspace) -> Difference {
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
            upserts.push(Upsert {
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
    Difference { upserts, removed }
}
