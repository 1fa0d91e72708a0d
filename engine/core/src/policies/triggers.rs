//! What happens beside sessions: schedules, watched files and repositories, custom events, the
//! engine and the machine. Each goes to the policies that asked for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::input::{ObservedPath, PathObservation};
use crate::events::journal::{JournalEvent, SeenFile};
use crate::model::ids::Cause;
use crate::model::policy::{EngineEvent, EntryName, Event, FileChange, ResyncReason};
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;

/// Further moments that one event counts at most, beside the one that it names.
const MISSED_MAX: u32 = 1_000;

/// A clock that is set by more than this was wrong, and schedules start again by the right one. By
/// less, they go on: what was passed over is reported once, what was reported is not reported again. The
/// same bound as that of Vixie cron.
const CLOCK_WRONG_BY: Duration = Duration::from_secs(3 * 3_600);

/// Files that a line of the journal names.
const FILES_NAMED_MAX: usize = 8;

impl StepContext<'_> {
    /// Sets the timers of an entry's schedules.
    pub(crate) fn schedule(&mut self, name: &EntryName) {
        let Some(policy) = self.state.entries.get(name) else {
            return;
        };
        for (index, schedule) in policy.entry.schedules.iter().enumerate() {
            let key = TimerKey::Schedule(name.clone(), index);
            self.state.timers.put(key, schedule.0.next(self.now));
        }
    }

    /// Moments of a schedule have come; all are reported by one event.
    pub(crate) fn scheduled(&mut self, name: EntryName, index: usize, due: Timestamp) {
        let Some(policy) = self.state.entries.get_mut(&name) else {
            return;
        };
        let Some(schedule) = policy.entry.schedules.get(index).cloned() else {
            return;
        };
        let mut missed = 0;
        let mut next = schedule.0.next(due);
        while missed < MISSED_MAX
            && let Some(at) = next.filter(|at| *at <= self.now)
        {
            missed += 1;
            next = schedule.0.next(at);
        }
        let next = next.filter(|at| *at > self.now);
        let next = next.or_else(|| schedule.0.next(self.now));
        let key = TimerKey::Schedule(name.clone(), index);
        self.state.timers.put(key, next);
        let expression = schedule.0.expression().to_owned();
        let earlier = policy.others.iter_mut().find_map(|event| match event {
            Event::Schedule {
                expression: e,
                missed,
                ..
            } if *e == expression => Some(missed),
            _ => None,
        });
        match earlier {
            // It has not seen the last one yet.
            Some(count) => *count = count.saturating_add(missed + 1).min(MISSED_MAX),
            None => policy.others.push_back(Event::Schedule {
                expression: expression.clone(),
                due,
                missed,
            }),
        }
        let cause = self.new_cause();
        self.caused(&name, cause);
        self.record(
            cause,
            JournalEvent::Scheduled {
                entry: name,
                expression,
                due,
                missed,
            },
        );
    }

    /// Watched files and repositories are as this says; `to` names the one entry that gets the event,
    /// where only one has begun to watch.
    pub(crate) fn watched(&mut self, seen: Vec<ObservedPath>, to: Option<&EntryName>) {
        let cause = self.new_cause();
        let mut files: Vec<SeenFile> = Vec::new();
        let mut count = 0;
        let mut notified: BTreeSet<EntryName> = BTreeSet::new();
        for ObservedPath { patterns, what } in seen {
            let entries = self.subscribers(&patterns, &what, to);
            for name in &entries {
                let Some(policy) = self.state.entries.get_mut(name) else {
                    continue;
                };
                policy.others_cause = cause;
                match &what {
                    PathObservation::File(change) => policy.file_changed(change),
                    PathObservation::Branch(change) => policy.branch_changed(change),
                }
            }
            match what {
                PathObservation::File(FileChange { path, kind, .. }) => {
                    count += 1;
                    if files.len() < FILES_NAMED_MAX {
                        let path = path.to_string();
                        files.push(SeenFile { path, kind });
                    }
                    notified.extend(entries);
                }
                PathObservation::Branch(change) => {
                    let seen = JournalEvent::BranchSeen {
                        repository: change.repository.to_string(),
                        kind: change.kind,
                        branch: change.branch,
                        previous: change.previous,
                        entries: entries.into_iter().collect(),
                    };
                    self.record(cause, seen);
                }
            }
        }
        if count > 0 {
            let entries = notified.into_iter().collect();
            let seen = JournalEvent::FilesSeen {
                count,
                files,
                entries,
            };
            self.record(cause, seen);
        }
    }

    /// Entries that subscribed to a file or repository by one of these patterns, each once.
    fn subscribers(
        &self,
        patterns: &[Arc<str>],
        what: &PathObservation,
        to: Option<&EntryName>,
    ) -> BTreeSet<EntryName> {
        let index = &self.state.index;
        let entries = patterns.iter().flat_map(|pattern| match what {
            PathObservation::File(_) => index.files(pattern),
            PathObservation::Branch(_) => index.branches(pattern),
        });
        let entries = entries.filter(|name| to.is_none_or(|to| to == *name));
        entries.cloned().collect()
    }

    pub(crate) fn custom(&mut self, name: String, data: String) {
        let cause = self.new_cause();
        let entries = self.state.index.custom(&name).to_vec();
        for entry in &entries {
            self.queue_custom_event(entry, &name, data.clone(), cause);
        }
        self.record(cause, JournalEvent::Custom { name, entries });
    }

    /// Queues a custom event for one entry; where too many wait, the entry evaluates everything again.
    pub(crate) fn queue_custom_event(
        &mut self,
        entry: &EntryName,
        name: &str,
        data: String,
        cause: Cause,
    ) {
        let most = self.state.settings.customs_max;
        let Some(policy) = self.state.entries.get_mut(entry) else {
            return;
        };
        policy.others_cause = cause;
        let custom = |event: &Event| matches!(event, Event::Custom { .. });
        if policy.others.iter().filter(|e| custom(e)).count() >= most {
            policy.others.retain(|event| !custom(event));
            policy.resync = Some((ResyncReason::Overflow, None));
        } else {
            let name = name.to_owned();
            policy.others.push_back(Event::Custom { name, data });
        }
    }

    /// The machine slept, or somebody set its clock.
    pub(crate) fn resumed(&mut self, slept_ms: u64, set_ms: i64) {
        let cause = self.new_cause();
        for policy in self.state.entries.values_mut() {
            policy.resync = Some((ResyncReason::Resumed, None));
        }
        if u128::from(set_ms.unsigned_abs()) > CLOCK_WRONG_BY.as_millis() {
            let names: Vec<_> = self.state.entries.keys().cloned().collect();
            for name in names {
                self.schedule(&name);
            }
        }
        if slept_ms > 0 {
            self.announce(EngineEvent::Resumed(slept_ms), cause);
        }
        if set_ms != 0 {
            self.announce(EngineEvent::ClockSet(set_ms), cause);
        }
        self.record(cause, JournalEvent::Resumed { slept_ms, set_ms });
    }

    /// The engine is about to stop: policies that asked may still have sessions stopped.
    pub(crate) fn stopping(&mut self, deadline: Timestamp) {
        self.state.stopping = true;
        if !self.state.settings.announces {
            return;
        }
        let cause = self.new_cause();
        let entries = self.announce(EngineEvent::Stopping(deadline), cause);
        if !entries.is_empty() {
            self.effects.push(Effect::AwaitPolicies);
            self.record(cause, JournalEvent::Stopping { deadline, entries });
        }
    }

    /// Queues what happened to the engine for the entries that subscribed to it, and answers which these are.
    pub(crate) fn announce(&mut self, event: EngineEvent, cause: Cause) -> Vec<EntryName> {
        let entries = self.state.index.engine(event.moment());
        for name in &entries {
            let Some(policy) = self.state.entries.get_mut(name) else {
                continue;
            };
            policy.others_cause = cause;
            // Of several that the entry has not seen yet the last counts.
            let same =
                |other: &Event| matches!(other, Event::Engine(e) if e.moment() == event.moment());
            policy.others.retain(|other| !same(other));
            policy.others.push_back(Event::Engine(event));
        }
        entries
    }

    fn caused(&mut self, name: &EntryName, cause: Cause) {
        if let Some(policy) = self.state.entries.get_mut(name) {
            policy.others_cause = cause;
        }
    }
}
