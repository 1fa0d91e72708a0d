//! Which policy entries subscribed to a change: an event that nobody subscribed to never reaches Wasm.

use std::collections::BTreeMap;

use crate::model::grant::has_label;
use crate::model::policy::{
    EngineMoments, EntryName, Fields, SessionFacts, SessionFilter, Subscription,
};
use crate::model::session::SessionType;

/// One session filter of one entry, ready to be tested.
#[derive(Clone, Debug)]
struct Interest {
    entry: EntryName,
    filter: SessionFilter,
}

/// Subscriptions of all entries, found by what happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    by_type: BTreeMap<SessionType, Vec<Interest>>,
    by_custom: BTreeMap<String, Vec<EntryName>>,
    by_files: BTreeMap<String, Vec<EntryName>>,
    by_branch: BTreeMap<String, Vec<EntryName>>,
    engine: Vec<(EngineMoments, EntryName)>,
}

impl Index {
    /// Builds the index from the subscriptions of every entry.
    pub(crate) fn new<'a>(
        entries: impl Iterator<Item = (&'a EntryName, &'a [Subscription])>,
    ) -> Self {
        let mut index = Self::default();
        for (entry, subscriptions) in entries {
            for subscription in subscriptions {
                match subscription {
                    Subscription::Sessions(filter) => {
                        let types: &[SessionType] = if filter.types.is_empty() {
                            &SessionType::ALL
                        } else {
                            &filter.types
                        };
                        for session_type in types {
                            index
                                .by_type
                                .entry(*session_type)
                                .or_default()
                                .push(Interest {
                                    entry: entry.clone(),
                                    filter: filter.clone(),
                                });
                        }
                    }
                    Subscription::Custom(name) => {
                        index
                            .by_custom
                            .entry(name.clone())
                            .or_default()
                            .push(entry.clone());
                    }
                    Subscription::Files(pattern) => {
                        let subscribers = index.by_files.entry(pattern.clone()).or_default();
                        subscribers.push(entry.clone());
                    }
                    Subscription::Branch(pattern) => {
                        let subscribers = index.by_branch.entry(pattern.clone()).or_default();
                        subscribers.push(entry.clone());
                    }
                    Subscription::Engine(moments) => {
                        index.engine.push((*moments, entry.clone()));
                    }
                    // The entry's timers bring it.
                    Subscription::Schedule(_) => {}
                }
            }
        }
        index
    }

    /// Entries that subscribed to changes of these fields of the session.
    pub(crate) fn concerned<'a>(
        &'a self,
        after: &'a SessionFacts,
        fields: Fields,
    ) -> impl Iterator<Item = &'a EntryName> {
        self.by_type
            .get(&after.session_type)
            .into_iter()
            .flatten()
            .filter(move |interest| wants(&interest.filter, after, fields))
            .map(|interest| &interest.entry)
    }

    /// Whether this entry subscribed to changes of these fields of the session.
    pub(crate) fn concerns(&self, entry: &EntryName, facts: &SessionFacts, fields: Fields) -> bool {
        self.concerned(facts, fields).any(|name| name == entry)
    }

    /// Entries that subscribed to a custom event.
    pub(crate) fn custom(&self, name: &str) -> &[EntryName] {
        self.by_custom.get(name).map_or(&[], Vec::as_slice)
    }

    /// Entries that subscribed to files by this pattern.
    pub(crate) fn files(&self, pattern: &str) -> &[EntryName] {
        self.by_files.get(pattern).map_or(&[], Vec::as_slice)
    }

    /// Entries that subscribed to branches by this pattern.
    pub(crate) fn branches(&self, pattern: &str) -> &[EntryName] {
        self.by_branch.get(pattern).map_or(&[], Vec::as_slice)
    }

    /// Entries that subscribed to what happened to the engine, each once.
    pub(crate) fn engine(&self, moment: EngineMoments) -> Vec<EntryName> {
        let wanted = self.engine.iter().filter(|(m, _)| m.contains(moment));
        let mut entries: Vec<EntryName> = wanted.map(|(_, name)| name.clone()).collect();
        entries.dedup();
        entries
    }
}

fn wants(filter: &SessionFilter, after: &SessionFacts, fields: Fields) -> bool {
    // A session that came or went concerns whoever could be concerned by it at all.
    let arrival = fields.intersects(Fields::ADDED.union(Fields::REMOVED));
    (arrival || filter.fields.is_empty() || filter.fields.intersects(fields))
        && (filter.statuses.is_empty()
            || filter.statuses.contains(&after.status)
            || fields.contains(Fields::REMOVED))
        && (filter.labels.is_empty() || filter.labels.iter().any(|l| has_label(after, l)))
}
