//! Which files and repositories are watched, for whom.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dayfly_core::policy::{EntryName, Subscription};
use dayfly_policy::{PathPattern, Paths};

use super::engine_loop::EngineLoop;
use crate::watching::{Terms, Wanted};

impl EngineLoop {
    /// Has watched what the entries in force asked for; those that are new or different are told
    /// what is there.
    pub(super) fn watch_files(&self, fresh: &BTreeSet<EntryName>) {
        let Some(watching) = &self.watching else {
            return;
        };
        let mut wanted = Wanted::default();
        for (name, in_force) in &self.policies.entries {
            let entry = &in_force.prepared.entry;
            let mut own = crate::watching::Fresh::default();
            for subscription in &entry.subscriptions {
                match subscription {
                    Subscription::Files(pattern) => {
                        let Some(below) = below(&entry.grant.paths, pattern) else {
                            continue;
                        };
                        let terms = wanted.files.entry(pattern.clone());
                        let terms = terms.or_insert_with(|| Terms {
                            content: false,
                            below: below.clone(),
                        });
                        terms.content |= entry.grant.reads();
                        // The strictest for all, since all are told the same.
                        if terms.below.starts_with(&below) {
                            terms.below = below;
                        }
                        own.files.insert(pattern.clone());
                    }
                    Subscription::Branch(pattern) => {
                        let Some(below) = below(&entry.grant.paths, pattern) else {
                            continue;
                        };
                        let known = wanted.branches.entry(pattern.clone());
                        let known = known.or_insert_with(|| below.clone());
                        if known.starts_with(&below) {
                            *known = below;
                        }
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

/// The folder that the grants of an entry name for a pattern: the uppermost, as that is the
/// strictest. None where no grant covers the pattern, which was refused before.
fn below(grants: &[String], pattern: &str) -> Option<PathBuf> {
    let home = std::env::home_dir();
    let covers = |grant: &&String| {
        let paths = Paths::new(std::slice::from_ref(*grant), home.as_deref());
        paths.is_ok_and(|paths| paths.cover(pattern).unwrap_or(false))
    };
    let roots = grants.iter().filter(covers);
    let roots = roots.filter_map(|grant| Some(PathPattern::parse(grant).ok()?.root()));
    roots.min_by_key(|root| root.components().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_to_what_the_grant_names_and_not_to_what_the_policy_names() {
        let grants = ["/srv/a/**", "/srv/a/b/*", "/etc/x"].map(str::to_owned);
        let of = |pattern: &str| below(&grants, pattern).map(|p| p.display().to_string());
        assert_eq!(of("/srv/a/b/c").as_deref(), Some("/srv/a"));
        assert_eq!(of("/srv/a/**/y").as_deref(), Some("/srv/a"));
        assert_eq!(of("/etc/x").as_deref(), Some("/etc"));
        assert_eq!(of("/etc/y"), None);
    }
}
