//! Which files and repositories are watched, for whom.

use std::collections::BTreeSet;

use dayfly_core::policy::{EntryName, Subscription};

use super::Loop;
use crate::watching::Wanted;

impl Loop {
    /// Has watched what the entries in force asked for; those that are new or different are told
    /// what is there.
    pub(super) fn watch_files(&self, fresh: &BTreeSet<EntryName>) {
        let Some(watching) = &self.watching else {
            return;
        };
        let mut wanted = Wanted::default();
        for (name, in_force) in &self.entries {
            let entry = &in_force.prepared.entry;
            let mut own = crate::watching::Fresh::default();
            for subscription in &entry.subscriptions {
                match subscription {
                    Subscription::Files(pattern) => {
                        let content = wanted.files.entry(pattern.clone()).or_default();
                        *content |= entry.grant.reads();
                        own.files.insert(pattern.clone());
                    }
                    Subscription::Branch(pattern) => {
                        wanted.branches.insert(pattern.clone());
                        own.branches.insert(pattern.clone());
                    }
                    _ => {}
                }
            }
            if fresh.contains(name) && own != crate::watching::Fresh::default() {
                wanted.fresh.insert(name.clone(), own);
            }
        }
        watching.want(wanted);
    }
}
