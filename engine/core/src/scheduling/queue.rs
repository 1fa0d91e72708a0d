//! Sessions that wait for their turn at a provider: those for whom somebody waits first, then in the
//! order in which they came, but never more calls to one account than its rate allows.

use std::collections::{BTreeMap, BTreeSet};

use crate::arbitration::Actor;
use crate::model::rates::{Rate, TokenBucket};
use crate::model::session::{Access, SessionId};
use crate::model::settings::CallRates;
use crate::model::time::Timestamp;
use crate::state::timers::TimerKey;
use crate::state::{OperationStage, State};
use crate::step::StepContext;

/// How far up a chain of sessions is looked for somebody who waits.
const GENERATIONS: u32 = 8;
/// So many lanes that nobody waits in are kept before the first look at which may go.
const LANES: usize = 64;

/// What takes calls as one: a kind of provider, and whom it counts them for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// AWS STS, for the account of the caller, or for the session that calls where that is unknown.
    Sts(String),
    /// The portal of one IAM Identity Center.
    Sso(String),
    /// Microsoft Entra ID, for one tenant.
    Azure(String),
    /// Nothing is called.
    Local,
}

impl Lane {
    /// How many calls it takes; none: as many as there are.
    const fn rate(&self, rates: &CallRates) -> Option<Rate> {
        match self {
            Self::Sts(_) => Some(rates.sts),
            Self::Sso(_) => Some(rates.sso),
            Self::Azure(_) => Some(rates.azure),
            Self::Local => None,
        }
    }
}

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

    /// The lane that a waiting session stands in.
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

    /// Who is next. A lane that turns out to be dry is told with the moment at which it is not.
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
    /// It is this session's turn.
    Session(SessionId),
    /// Nobody of this lane may go on before.
    Dry(Lane, Timestamp),
}

impl State {
    /// Whom the calls for a session count for.
    pub(crate) fn call_lane(&self, id: &SessionId) -> Lane {
        let Some(tracked) = self.sessions.get(id) else {
            return Lane::Local;
        };
        match &tracked.session.access {
            Access::Localstack { .. } => Lane::Local,
            Access::AwsSsoRole { integration_id, .. } => Lane::Sso(integration_id.clone()),
            Access::Azure { tenant_id, .. } => Lane::Azure(tenant_id.clone()),
            // The caller is the session that it is chained to.
            Access::AwsIamRoleChained { parent, .. } => {
                let known = self.sessions.get(parent);
                let account = known.and_then(|t| t.session.account.clone());
                Lane::Sts(account.unwrap_or_else(|| parent.to_string()))
            }
            Access::AwsIamUser { .. }
            | Access::AwsIamRoleFederated { .. }
            | Access::AwsIamRoleWebIdentity { .. } => {
                let account = tracked.session.account.clone();
                Lane::Sts(account.unwrap_or_else(|| id.to_string()))
            }
        }
    }
}

impl StepContext<'_> {
    /// The session waits for its turn from now on.
    pub(crate) fn enqueue(&mut self, id: &SessionId) {
        self.state.timers.clear(&TimerKey::Deadline(id.clone()));
        let urgent = self.is_awaited(id, GENERATIONS);
        let lane = self.state.call_lane(id);
        let tracked = self.state.sessions.get_mut(id);
        if let Some(operation) = tracked.and_then(|t| t.phase.operation_mut()) {
            operation.stage = OperationStage::Queued;
            self.state.queue.push(id.clone(), lane, urgent);
        }
    }

    /// Somebody waits for the session now: its turn, or that of the one it is chained to, comes
    /// before that of those for whom nobody does.
    pub(crate) fn hurry(&mut self, id: &SessionId) {
        let mut id = id.clone();
        for _ in 0..=GENERATIONS {
            let Some(tracked) = self.state.sessions.get(&id) else {
                return;
            };
            match tracked.phase.operation().map(|o| o.stage) {
                Some(OperationStage::Queued) => {
                    if let Some(lane) = self.state.queue.lane(&id).cloned() {
                        self.state.queue.remove(&id);
                        self.state.queue.push(id, lane, true);
                    }
                    return;
                }
                Some(OperationStage::Parent) => match tracked.session.parent() {
                    Some(parent) => id = parent.clone(),
                    None => return,
                },
                _ => return,
            }
        }
    }

    /// Whether a person or a program waits for the session, or for one chained to it.
    fn is_awaited(&self, id: &SessionId, generations: u32) -> bool {
        let Some(tracked) = self.state.sessions.get(id) else {
            return false;
        };
        let by = tracked.phase.operation().map(|o| &o.by);
        if !tracked.waiting.is_empty() || matches!(by, Some(Actor::Person | Actor::Client)) {
            return true;
        }
        let children = self.state.children.get(id).into_iter().flatten();
        generations > 0
            && children
                .filter(|child| {
                    let child = self.state.sessions.get(*child);
                    let operation = child.and_then(|t| t.phase.operation());
                    operation.is_some_and(|o| o.stage == OperationStage::Parent)
                })
                .any(|child| self.is_awaited(child, generations - 1))
    }
}
