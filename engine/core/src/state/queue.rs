//! Sessions that wait for their provider: those for which a person or a program waits first, then in the
//! order in which they came, but never more calls to one account than its rate allows.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::rates::TokenBucket;
use crate::model::session_id::SessionId;
use crate::model::settings::CallRates;
use crate::model::time::Timestamp;
use crate::state::lane::Lane;

/// So many lanes that nobody waits in are kept before the first look at which may go.
const LANES: usize = 64;

/// Somebody waits, or nobody; then a number that grows.
type Ticket = (u8, u64);

#[derive(Clone, Debug, Default)]
struct Waiting {
    sessions: BTreeMap<Ticket, SessionId>,
    bucket: TokenBucket,
}

/// The queue: a lane for each account, and which of the lanes may go on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    places: BTreeMap<SessionId, (Ticket, Lane)>,
    lanes: BTreeMap<Lane, Waiting>,
    /// First places of lanes whose bucket was not found dry.
    open: BTreeSet<(Ticket, Lane)>,
    last: u64,
}

impl Queue {
    /// Those that wait, whoever is next.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SessionId> {
        self.places.keys()
    }

    /// When the rate of its account lets a waiting session go on; none: now.
    pub(crate) fn dry_until(
        &self,
        id: &SessionId,
        rates: &CallRates,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let (_, lane) = self.places.get(id)?;
        let rate = lane.rate(rates)?;
        self.lanes.get(lane)?.bucket.dry_until(rate, now)
    }

    /// The lane of a waiting session.
    pub(crate) fn lane(&self, id: &SessionId) -> Option<&Lane> {
        self.places.get(id).map(|(_, lane)| lane)
    }

    pub(crate) fn push(&mut self, id: SessionId, lane: Lane, urgent: bool) {
        self.last += 1;
        let ticket = (u8::from(!urgent), self.last);
        let waiting = self.lanes.entry(lane.clone()).or_default();
        let first = waiting.sessions.keys().next().copied();
        waiting.sessions.insert(ticket, id.clone());
        // A dry lane is opened by its timer, not by who comes.
        match first {
            None => {
                self.open.insert((ticket, lane.clone()));
            }
            Some(first) if ticket < first && self.open.remove(&(first, lane.clone())) => {
                self.open.insert((ticket, lane.clone()));
            }
            Some(_) => {}
        }
        self.places.insert(id, (ticket, lane));
    }

    pub(crate) fn remove(&mut self, id: &SessionId) {
        let Some((ticket, lane)) = self.places.remove(id) else {
            return;
        };
        let Some(waiting) = self.lanes.get_mut(&lane) else {
            return;
        };
        waiting.sessions.remove(&ticket);
        let next = waiting.sessions.keys().next().copied();
        if self.open.remove(&(ticket, lane.clone()))
            && let Some(next) = next
        {
            self.open.insert((next, lane));
        }
    }

    /// The bucket of this lane may have a token again.
    pub(crate) fn open(&mut self, lane: &Lane) {
        let first = self.lanes.get(lane).and_then(|w| w.sessions.keys().next());
        if let Some(first) = first {
            self.open.insert((*first, lane.clone()));
        }
    }

    /// Which session is next, or that a lane may not go on before a moment.
    pub(crate) fn pop(&mut self, rates: &CallRates, now: Timestamp) -> Option<Next> {
        let (ticket, lane) = self.open.pop_first()?;
        let waiting = self.lanes.get_mut(&lane)?;
        if let Some(rate) = lane.rate(rates) {
            if let Some(until) = waiting.bucket.dry_until(rate, now) {
                return Some(Next::Dry(lane, until));
            }
            waiting.bucket.take(rate, now);
        }
        let id = waiting.sessions.remove(&ticket)?;
        if let Some(next) = waiting.sessions.keys().next() {
            self.open.insert((*next, lane.clone()));
        }
        self.places.remove(&id);
        self.tidy(rates, now);
        Some(Next::Session(id))
    }

    /// The clock jumped: no lane waits longer than it would had it been emptied now.
    pub(crate) fn settle(&mut self, rates: &CallRates, now: Timestamp) {
        for (lane, waiting) in &mut self.lanes {
            if let Some(rate) = lane.rate(rates) {
                waiting.bucket.settle(rate, now);
            }
        }
        let lanes: Vec<_> = self.lanes.keys().cloned().collect();
        for lane in lanes {
            self.open(&lane);
        }
    }

    /// Forgets lanes that nobody waits in and that owe nothing.
    fn tidy(&mut self, rates: &CallRates, now: Timestamp) {
        let many = self.lanes.len();
        if many >= LANES && many.is_power_of_two() {
            self.lanes.retain(|lane, waiting| {
                let owes = lane.rate(rates).is_some() && !waiting.bucket.is_full(now);
                owes || !waiting.sessions.is_empty()
            });
        }
    }
}

/// What [`Queue::pop`] found.
pub(crate) enum Next {
    /// This session is next.
    Session(SessionId),
    /// No session of this lane may go on before.
    Dry(Lane, Timestamp),
}
