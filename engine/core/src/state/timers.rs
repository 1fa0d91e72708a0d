//! All that is to happen at a moment, in one ordered set.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::policy::EntryName;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::lane::Lane;

/// What happens when a timer is due. One timer a key: setting it again moves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    /// The credentials of a session end.
    Expiry(SessionId),
    /// The credentials of a session come to their end.
    Expiring(SessionId),
    /// The operation of a session has taken too long.
    Deadline(SessionId),
    /// Something that kept a session from its action ends: a backoff, a hold, a proposal.
    Reconsider(SessionId),
    /// Credentials that belong to no session could not be retracted.
    Orphan(SessionId),
    /// A wake-up that a policy asked for.
    Wake(EntryName, String),
    /// A policy entry that failed may be asked again.
    Ask(EntryName),
    /// An account takes calls again.
    Lane(Lane),
    /// The next moment of an entry's schedule, counted from 0.
    Schedule(EntryName, usize),
    /// The end of a sign-in is to be announced, by the id of its integration.
    SignIn(String),
    /// The long-lived key of a session is due, is tried again, or a call about it has taken too long.
    Key(SessionId),
    /// Places that credentials could not be put in, or taken away from, are tried again.
    Delivery,
}

/// Timers, ordered by moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Timestamp, TimerKey)>,
    by_key: BTreeMap<TimerKey, Timestamp>,
}

impl Timers {
    /// Sets or moves a timer.
    pub(crate) fn set(&mut self, key: TimerKey, at: Timestamp) {
        if let Some(old) = self.by_key.insert(key.clone(), at) {
            self.by_time.remove(&(old, key.clone()));
        }
        self.by_time.insert((at, key));
    }

    /// Removes a timer, if it is set.
    pub(crate) fn clear(&mut self, key: &TimerKey) {
        if let Some(at) = self.by_key.remove(key) {
            self.by_time.remove(&(at, key.clone()));
        }
    }

    /// Sets the timer, or removes it where there is no moment.
    pub(crate) fn put(&mut self, key: TimerKey, at: Option<Timestamp>) {
        match at {
            Some(at) => self.set(key, at),
            None => self.clear(&key),
        }
    }

    /// Moves those timers that are wanted.
    pub(crate) fn shift(
        &mut self,
        to: impl Fn(Timestamp) -> Timestamp,
        wanted: impl Fn(&TimerKey) -> bool,
    ) {
        let wanted = self.by_key.iter().filter(|(key, _)| wanted(key));
        let moved: Vec<_> = wanted.map(|(key, at)| (key.clone(), to(*at))).collect();
        for (key, at) in moved {
            self.set(key, at);
        }
    }

    /// The earliest moment.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer that is due.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, TimerKey)> {
        if self.next()? > now {
            return None;
        }
        let (at, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some((at, key))
    }

    /// The moment that this timer is set to.
    pub(crate) fn get(&self, key: &TimerKey) -> Option<Timestamp> {
        self.by_key.get(key).copied()
    }
}
