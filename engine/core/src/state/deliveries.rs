//! Where the credentials of each session are to be, where they are, and what is being done about the
//! difference.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::events::input::Order;
use crate::model::delivery::{Delivery, Place};
use crate::model::failure::Failure;
use crate::model::ids::CommandId;
use crate::model::ids::OperationId;
use crate::model::placement::{DeliveryProblem, Placement, PublicationPlace, WantedDeliveries};
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::removals::Removals;

/// How long to wait before a place that failed is tried again, at first and at most.
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_LONGEST: Duration = Duration::from_secs(15 * 60);
/// A file that another program wrote sooner than this after a try is tried again by the timer alone:
/// what was written may be that try.
const OWN_WRITE: Duration = Duration::from_secs(2);

/// Where the credentials of one session are.
#[derive(Clone, Debug, Default)]
pub struct DeliveryState {
    /// Where they were to go with the last change that the chain made.
    wanted: Delivery,
    /// Where they are in force.
    in_force: Delivery,
    /// Where they should be and are not, and why.
    failed: Vec<(Place, Failure)>,
    /// Where they should not be and still are, and why.
    left: Vec<(Place, Failure)>,
    /// Whether somebody else changed something of it.
    disturbed: bool,
    /// Whether the chain took them back only in part, which is tried again.
    half_retracted: bool,
    pub(crate) removals: Removals,
    /// The problem that was told last.
    pub(crate) told: Option<DeliveryProblem>,
}

impl DeliveryState {
    /// Credentials that were found in these places.
    pub(crate) fn found(in_force: Delivery) -> Self {
        Self {
            wanted: in_force.clone(),
            in_force,
            ..Self::default()
        }
    }

    /// Where they are in force.
    #[must_use]
    pub const fn in_force(&self) -> &Delivery {
        &self.in_force
    }

    /// Where they should be and are not, and why: what is tried again, and what is left alone
    /// since others took it away again and again.
    pub fn missing(&self) -> impl Iterator<Item = (Place, &Failure)> {
        let failed = self.failed.iter().map(|(place, why)| (*place, why));
        failed.chain(self.removals.left_alone())
    }

    /// Where something of the session is that should not be there, and why it still is.
    #[must_use]
    pub fn left(&self) -> &[(Place, Failure)] {
        &self.left
    }

    /// Places where the credentials are not put back any more, since others took them away again.
    pub fn left_alone(&self) -> impl Iterator<Item = Place> {
        self.removals.left_alone().map(|(place, _)| place)
    }

    /// Whether somebody else changed something, so that the credentials are put in place anew.
    #[must_use]
    pub const fn is_disturbed(&self) -> bool {
        self.disturbed
    }

    /// Whether the chain took the credentials back only in part. That is tried again; what is in force
    /// all the same after that is put back.
    #[must_use]
    pub const fn is_half_retracted(&self) -> bool {
        self.half_retracted
    }

    pub(crate) fn is_well(&self) -> bool {
        self.failed.is_empty() && self.left.is_empty() && !self.disturbed && !self.half_retracted
    }

    /// Whether nobody but the chain changed anything, and the chain did what it was asked to.
    pub(crate) const fn is_untouched(&self) -> bool {
        !self.disturbed && !self.half_retracted
    }

    /// Whether nothing failed and the last change of the chain was for these places.
    pub(crate) fn is_as(&self, wanted: &Delivery) -> bool {
        self.is_well() && self.wanted == *wanted
    }

    /// Whether nothing is missing, and the last change of the chain was for other places.
    pub(crate) fn is_for_others_than(&self, wanted: &Delivery) -> bool {
        self.failed.is_empty() && self.wanted != *wanted
    }

    fn failed_at(&self, place: Place) -> bool {
        let mut all = self.failed.iter().chain(&self.left);
        all.any(|(failed, _)| *failed == place)
    }

    /// The chain made a change for these places.
    fn place(&mut self, wanted: Delivery, placement: Placement) {
        self.wanted = wanted;
        self.in_force = placement.in_force;
        self.failed = placement.failed;
        self.left = placement.left;
        self.disturbed = false;
        self.half_retracted = false;
    }

    /// What a change that failed as a whole leaves: all stays where it is, which is not where all
    /// should be.
    pub(crate) fn unmoved(&self, wanted: &Delivery, failure: &Failure) -> Placement {
        let because = |place: &Place| (*place, failure.clone());
        let missing = wanted.difference(&self.in_force);
        let surplus = self.in_force.difference(wanted);
        let mut left = self.left.clone();
        let known: Delivery = left.iter().map(|(place, _)| *place).collect();
        left.extend(surplus.filter(|p| !known.contains(p)).map(because));
        Placement {
            in_force: self.in_force.intersection(wanted).copied().collect(),
            failed: missing.map(because).collect(),
            left,
            leftover: Vec::new(),
        }
    }

    /// What is wrong: what is missing comes before what is left.
    pub(crate) fn problem(&self) -> Option<DeliveryProblem> {
        let not_at = |(place, why): (Place, &Failure)| DeliveryProblem::NotAt(place, why.clone());
        let failed = self.failed.first().map(|(place, why)| (*place, why));
        let left = || {
            let (place, why) = self.left.first()?;
            Some(DeliveryProblem::StillAt(*place, why.clone()))
        };
        let alone = || self.removals.left_alone().next().map(not_at);
        failed.map(not_at).or_else(left).or_else(alone)
    }

    /// The credentials are not at a place any more; whether they were.
    pub(crate) fn lose(&mut self, place: Place) -> bool {
        self.disturbed = true;
        self.in_force.remove(&place)
    }

    /// The credentials are to be put back at a place, and until then are not there for this reason.
    pub(crate) fn miss(&mut self, place: Place, why: Failure) {
        self.failed.retain(|(failed, _)| *failed != place);
        self.failed.push((place, why));
    }

    /// Only these places could not be cleared.
    pub(crate) fn keep_only(&mut self, places: &Delivery) {
        self.in_force.retain(|place| places.contains(place));
        self.left.retain(|(place, _)| places.contains(place));
        self.disturbed = false;
        self.half_retracted = true;
    }

    /// What could be taken back only in part is still so.
    pub(crate) const fn stay_half_retracted(&mut self) {
        self.half_retracted = true;
    }

    /// Somebody else changed something: all is put in place anew.
    pub(crate) const fn disturb(&mut self) {
        self.disturbed = true;
    }
}

/// A change of the chain that a session's life waits for.
#[derive(Clone, Debug)]
pub(crate) enum ChainChange {
    Publish {
        session: SessionId,
        displaced: Vec<SessionId>,
        wanted: Delivery,
    },
    Retract {
        session: SessionId,
    },
}

impl ChainChange {
    pub(crate) const fn session(&self) -> &SessionId {
        match self {
            Self::Publish { session, .. } | Self::Retract { session } => session,
        }
    }
}

/// Where all credentials are.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeliveryStates {
    /// Where they are to be; none: nobody has said it yet, and nothing is moved.
    pub(crate) wanted: Option<WantedDeliveries>,
    pub(crate) sessions: BTreeMap<SessionId, DeliveryState>,
    /// Those that are being put where they should be, and where that is.
    pub(crate) aligning: BTreeMap<SessionId, Delivery>,
    /// Changes that the life of a session waits for, or that were not answered in time.
    pub(crate) under_way: BTreeMap<OperationId, ChainChange>,
    /// Sessions that are not in force and have something somewhere, which could not be removed.
    pub(crate) leftovers: BTreeSet<SessionId>,
    /// Those of them that the chain is just removing.
    pub(crate) clearing: BTreeSet<SessionId>,
    /// Commands that wait until the credentials are where they should be.
    pub(crate) waiting: BTreeMap<SessionId, Vec<(CommandId, Order)>>,
    /// How long is waited for the next try.
    delay: Option<Duration>,
    /// When something failed last.
    tried: Option<Timestamp>,
}

impl DeliveryStates {
    /// Where the credentials of a session are to be.
    pub(crate) fn wanted(&self, session: &SessionId) -> Delivery {
        let said = self
            .wanted
            .as_ref()
            .map(|wanted| wanted.of(session).clone());
        said.unwrap_or_else(|| WantedDeliveries::default().usual)
    }

    /// The same, but for the places where others do not want them.
    pub(crate) fn wanted_now(&self, session: &SessionId) -> Delivery {
        let mut wanted = self.wanted(session);
        if let Some(state) = self.sessions.get(session) {
            for place in state.left_alone() {
                wanted.remove(&place);
            }
        }
        wanted
    }

    /// The chain made a change; whether something failed and is to be tried again.
    pub(crate) fn placed(
        &mut self,
        session: &SessionId,
        wanted: Delivery,
        placement: Placement,
    ) -> bool {
        let state = self.sessions.entry(session.clone()).or_default();
        state.place(wanted, placement);
        let failed = !state.failed.is_empty() || !state.left.is_empty();
        if self.delay.is_some() && self.sessions.values().all(DeliveryState::is_well) {
            self.delay = None;
        }
        failed
    }

    /// Something failed; when it is to be tried again.
    pub(crate) fn retry_at(&mut self, now: Timestamp) -> Timestamp {
        self.tried = Some(now);
        now.plus(self.delay.unwrap_or(RETRY_FIRST))
    }

    /// The chain is tried again now; the next time after longer.
    pub(crate) fn wait_longer(&mut self) {
        let delay = self.delay.unwrap_or(RETRY_FIRST) * 2;
        self.delay = Some(delay.min(RETRY_LONGEST));
    }

    /// Whether nothing is to be moved for a session.
    pub(crate) fn is_as_wanted(&self, session: &SessionId) -> bool {
        let state = self.sessions.get(session);
        state.is_none_or(|state| state.is_as(&self.wanted_now(session)))
    }

    /// Whether something is wrong that nothing is being done about.
    pub(crate) fn awaits_retry(&self) -> bool {
        let mut unwell = self.sessions.iter().filter(|(_, state)| !state.is_well());
        !self.leftovers.is_empty() || unwell.any(|(id, _)| !self.aligning.contains_key(id))
    }

    /// Whether something failed at a place a while ago, so that whoever wrote its file may have
    /// mended it.
    pub(crate) fn may_retry(&self, place: PublicationPlace, now: Timestamp) -> bool {
        let PublicationPlace::At(place) = place else {
            return false;
        };
        let tried = self.tried;
        tried.is_none_or(|tried| now.since(tried) > OWN_WRITE)
            && self.sessions.values().any(|state| state.failed_at(place))
    }

    /// Sessions whose named profile another is about to take.
    pub(crate) fn giving_way(&self) -> BTreeSet<&SessionId> {
        let displaced = self.under_way.values().filter_map(|change| match change {
            ChainChange::Publish { displaced, .. } => Some(displaced),
            ChainChange::Retract { .. } => None,
        });
        displaced.flatten().collect()
    }

    /// Sessions whose life waits for the chain, or that it owes an answer about.
    pub(crate) fn changing(&self) -> BTreeSet<&SessionId> {
        self.under_way.values().map(ChainChange::session).collect()
    }

    /// The clock was set.
    pub(crate) fn shift(&mut self, to: impl Fn(Timestamp) -> Timestamp + Copy) {
        self.tried = self.tried.map(to);
        for state in self.sessions.values_mut() {
            state.removals.shift(to);
        }
    }
}

#[cfg(test)]
#[path = "deliveries_tests.rs"]
mod tests;
