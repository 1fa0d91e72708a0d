//! Where the credentials of each session stand, and putting them where they should.
//!
//! The core knows whether credentials are in the chain. At which targets is settings and facts of
//! this machine: a target that fails leaves the others in force and is tried again, and another
//! delivery that the person writes down comes in force at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use dayfly_chain::{Deliver, Order, PublicationPlace};
use dayfly_core::delivery::{self, Delivery, Place};
use dayfly_core::session::{ErrorKind, Failure, SessionId, SessionType};
use dayfly_core::state::{Phase, SessionState};
use tokio::time::Instant;

use super::EngineLoop;
use super::published::{Ensuring, Removals};
use super::sources::default_region;
use crate::chain_worker::{Job, Placement, Purpose};
use crate::report::{FailureReport, PlaceReport, SessionReport};

/// How long to wait before a target that failed is tried again, at first and at most.
const AGAIN: Duration = Duration::from_secs(30);
const AGAIN_AT_MOST: Duration = Duration::from_secs(15 * 60);
/// A file that was written sooner than this after a try is tried again by the clock alone: what
/// was written may be that try.
const BETWEEN: Duration = Duration::from_secs(2);

/// Where credentials stand.
#[derive(Clone, Debug, Default)]
pub(super) struct DeliveryState {
    /// Where they were to go.
    pub(super) wanted: Delivery,
    /// Where they are.
    pub(super) in_force: Delivery,
    /// Where they should be, and why they are not.
    pub(super) failed: Vec<(Place, Failure)>,
    /// Where they should not be, and why they still are.
    pub(super) left: Vec<(Place, Failure)>,
    /// Whether somebody else changed something of it.
    disturbed: bool,
}

impl DeliveryState {
    /// Of what was found in these places.
    pub(super) fn found(in_force: Delivery) -> Self {
        Self {
            wanted: in_force.clone(),
            in_force,
            ..Self::default()
        }
    }

    fn is_well(&self) -> bool {
        self.failed.is_empty() && self.left.is_empty() && !self.disturbed
    }
}

/// Where all credentials stand.
#[derive(Debug, Default)]
pub(super) struct DeliveryStates {
    sessions: BTreeMap<SessionId, DeliveryState>,
    /// Those that are being put elsewhere, and where.
    aligning: BTreeMap<SessionId, Delivery>,
    /// When what failed is tried again.
    pub(super) again: Option<Instant>,
    /// How long that is waited for.
    delay: Option<Duration>,
    /// When what failed was last tried.
    tried: Option<Instant>,
    /// What others took away.
    pub(super) removals: Removals,
    /// Sessions that nobody stands for and that have something somewhere yet.
    pub(super) leftovers: BTreeSet<SessionId>,
    /// Orders that wait until credentials are where they should be.
    pub(super) ensuring: Ensuring,
    /// The files of the targets.
    files: BTreeMap<Place, PathBuf>,
}

impl DeliveryStates {
    pub(super) fn new(files: BTreeMap<Place, PathBuf>) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    pub(super) fn insert(&mut self, session: SessionId, standing: DeliveryState) {
        self.sessions.insert(session, standing);
    }

    /// Credentials that were to be taken away stand in these places yet.
    pub(super) fn leave(&mut self, session: &SessionId, left: Delivery) {
        if let Some(standing) = self.sessions.get_mut(session) {
            standing.in_force = left;
        }
    }

    pub(super) fn remove(&mut self, session: &SessionId) {
        self.sessions.remove(session);
        self.removals.forgive(session);
    }

    pub(super) fn get(&self, session: &SessionId) -> Option<&DeliveryState> {
        self.sessions.get(session)
    }

    /// The sessions that stand anywhere.
    pub(super) fn sessions(&self) -> Vec<SessionId> {
        self.sessions.keys().cloned().collect()
    }

    /// Credentials are not in a place any more; whether they were.
    pub(super) fn lose(&mut self, session: &SessionId, place: Place) -> bool {
        let standing = self.sessions.get_mut(session);
        standing.is_some_and(|standing| {
            standing.disturbed = true;
            standing.in_force.remove(&place)
        })
    }

    /// Credentials are to be put back in a place, and until then are not there for this reason.
    pub(super) fn missing(&mut self, session: &SessionId, place: Place, why: Failure) {
        if let Some(standing) = self.sessions.get_mut(session) {
            standing.failed.retain(|(failed, _)| *failed != place);
            standing.failed.push((place, why));
        }
    }

    /// Somebody else changed what stands of a session: it is put where it should be again.
    /// Whether it stands anywhere.
    pub(super) fn unkept(&mut self, session: &SessionId) -> bool {
        let standing = self.sessions.get_mut(session);
        standing.is_some_and(|standing| {
            standing.disturbed = true;
            true
        })
    }

    /// The file of a place, for a person.
    pub(super) fn file(&self, place: Place) -> String {
        let file = self.files.get(&place);
        file.map_or_else(|| place.to_string(), |file| file.display().to_string())
    }

    /// Whether credentials of a session are being put where they should be.
    pub(super) fn aligns(&self, session: &SessionId) -> bool {
        self.aligning.contains_key(session)
    }

    pub(super) fn retry_later(&mut self) {
        let delay = self.delay.unwrap_or(AGAIN);
        self.tried = Some(Instant::now());
        self.again.get_or_insert(Instant::now() + delay);
    }

    pub(super) fn wait_longer(&mut self) {
        let delay = self.delay.unwrap_or(AGAIN) * 2;
        self.delay = Some(delay.min(AGAIN_AT_MOST));
    }

    /// Whether something failed there a while ago, so that a change of the file may have mended it.
    pub(super) fn may_retry(&self, spot: PublicationPlace) -> bool {
        let PublicationPlace::At(place) = spot else {
            return false;
        };
        let ago = self.tried.is_none_or(|tried| tried.elapsed() > BETWEEN);
        let at = |all: &[(Place, Failure)]| all.iter().any(|(failed, _)| *failed == place);
        ago && { self.sessions.values() }.any(|s| at(&s.failed) || at(&s.left))
    }

    pub(super) fn is_aligning(&self) -> bool {
        !self.aligning.is_empty()
    }
}

impl EngineLoop {
    /// Where the credentials of a session are to go: what it says itself, else the Workspace,
    /// else the configuration.
    pub(super) fn wanted(&self, session: &SessionId) -> Delivery {
        let workspace = self.workspace.as_ref();
        let said = workspace.and_then(|w| w.delivery(session));
        let said = said.or(self.config.delivery.as_ref());
        said.cloned().unwrap_or_else(delivery::usual)
    }

    /// Credentials of a session as the chain takes them.
    pub(super) fn deliver(
        &self,
        tracked: &SessionState,
        profile: Option<String>,
        credentials: std::sync::Arc<dayfly_vault::TemporaryCredentials>,
        displaced: Vec<SessionId>,
    ) -> Deliver {
        let session = &tracked.session;
        let default = default_region(&self.config, self.workspace.as_deref());
        Deliver {
            session: session.id.clone(),
            session_name: session.name.clone(),
            profile,
            credentials,
            displaced,
            region: session.region.as_deref().or(default).map(str::to_owned),
            delivery: self.wanted_now(&session.id),
        }
    }

    /// Remembers where credentials stand now, and tells where that is not as it should be.
    pub(super) fn placed(&mut self, session: &SessionId, wanted: Delivery, placement: Placement) {
        for leftover in &placement.leftover {
            let name = self.name_of(leftover);
            let message = format!("{name} gave way, but its credentials could not be removed");
            self.left_over(leftover, &Failure::new(ErrorKind::Delivery, message));
        }
        let about = self.about(session);
        let failed = placement.failed.first().map(|failed| ("not at", failed));
        let left = placement.left.first().map(|left| ("still at", left));
        let failed = failed.or(left);
        if failed.is_some() {
            self.delivery_states.retry_later();
        }
        let alone = { self.delivery_states.removals.left_alone(session) }.next();
        let alone = alone.map(|(place, why)| ("not at", (place, why.clone())));
        let failed = failed.map(|(how, failed)| (how, failed.clone())).or(alone);
        let problem = failed.map(|(how, (place, failure))| {
            let message = format!("{how} {place}: {}", failure.message);
            (message, failure.hint)
        });
        self.trouble(&about, problem);
        let standing = DeliveryState {
            wanted,
            in_force: placement.in_force,
            failed: placement.failed,
            left: placement.left,
            disturbed: false,
        };
        self.delivery_states.insert(session.clone(), standing);
        if self
            .delivery_states
            .sessions
            .values()
            .all(DeliveryState::is_well)
        {
            self.delivery_states.delay = None;
        }
        self.watch_spots(session);
    }

    /// The credentials are out of the chain.
    pub(super) fn unplaced(&mut self, session: &SessionId) {
        self.delivery_states.remove(session);
        let about = self.about(session);
        self.trouble(&about, None);
    }

    pub(super) fn about(&self, session: &SessionId) -> String {
        format!("delivery of {}", self.name_of(session))
    }

    /// Puts credentials that are in force where they should be and are not.
    pub(super) fn align(&mut self) {
        // Without a Workspace or a configuration nobody knows where they should be.
        if self.workspace.is_none() || self.halting || self.suspended.is_some() {
            return;
        }
        let mut jobs = Vec::new();
        let giving_way = self.giving_way();
        for (id, tracked) in self.state.sessions() {
            let Phase::Active(_) = tracked.phase else {
                continue;
            };
            // Another takes its profile: put there again, these would be in the other's place.
            if giving_way.contains(id) {
                continue;
            }
            let Some(standing) = self.delivery_states.sessions.get(id) else {
                continue;
            };
            let profile = &tracked.published_profile;
            // Those of Azure need none.
            let nameless = profile.is_none();
            let azure = tracked.session.session_type() == SessionType::Azure;
            if nameless && !azure && !standing.disturbed {
                continue;
            }
            let as_wanted = standing.is_well() && standing.wanted == self.wanted_now(id);
            let under_way = self.delivery_states.aligning.contains_key(id);
            if !tracked.present || as_wanted || under_way {
                continue;
            }
            if let Some(credentials) = self.held.of(id) {
                let deliver = self.deliver(tracked, profile.clone(), credentials, Vec::new());
                jobs.push(deliver);
            }
        }
        for deliver in jobs {
            let (session, wanted) = (deliver.session.clone(), deliver.delivery.clone());
            self.delivery_states
                .aligning
                .insert(session.clone(), wanted);
            self.chain.send(Job {
                purpose: Purpose::Align(session),
                order: Order::Publish(Box::new(deliver)),
            });
        }
    }

    /// Sessions whose named profile another is about to take.
    fn giving_way(&self) -> BTreeSet<SessionId> {
        let under_way = self.delivering.values();
        let displaced = under_way.filter_map(|delivery| match delivery {
            super::Delivery::Publish { displaced, .. } => Some(displaced),
            super::Delivery::Retract { .. } => None,
        });
        displaced.flatten().cloned().collect()
    }

    /// Credentials that were in force were put elsewhere, or could not be.
    pub(super) fn aligned(&mut self, session: &SessionId, result: Result<Placement, Failure>) {
        let Some(wanted) = self.delivery_states.aligning.remove(session) else {
            return;
        };
        let Some(standing) = self.delivery_states.sessions.get(session) else {
            return self.ensured(session);
        };
        let placement = match result {
            Ok(placement) => placement,
            // They stay where they are.
            Err(failure) => {
                let missing = wanted.iter().filter(|p| !standing.in_force.contains(p));
                Placement {
                    in_force: standing.in_force.clone(),
                    failed: missing.map(|place| (*place, failure.clone())).collect(),
                    left: standing.left.clone(),
                    leftover: Vec::new(),
                }
            }
        };
        self.placed(session, wanted, placement);
        // What the person wrote meanwhile.
        let stale = |s: &DeliveryState| s.failed.is_empty() && s.wanted != self.wanted_now(session);
        if self
            .delivery_states
            .sessions
            .get(session)
            .is_some_and(stale)
        {
            self.align();
        }
        self.ensured(session);
    }

    /// A session as a person is told of it.
    pub(super) fn session_report(&self, tracked: &SessionState) -> SessionReport {
        let mut report = SessionReport::of(tracked);
        if let Some(needs) = &mut report.needs {
            needs.asking = match needs.sign_in.as_deref() {
                Some(idp) => self.desks.assertions.is_asking(idp),
                None => self.desks.mfa.is_asking(&tracked.session.id),
            };
        }
        let Some(standing) = self.delivery_states.sessions.get(&tracked.session.id) else {
            return report;
        };
        let of = |target: Place, error: Option<&Failure>, left: bool| PlaceReport {
            target,
            file: self.delivery_states.files.get(&target).cloned(),
            error: error.map(FailureReport::from),
            left,
        };
        let failed = standing.failed.iter().map(|(place, why)| (*place, why));
        let failed = failed.chain(
            self.delivery_states
                .removals
                .left_alone(&tracked.session.id),
        );
        let in_force = standing
            .in_force
            .iter()
            .map(|place| of(*place, None, false));
        let failed = failed.map(|(place, why)| of(place, Some(why), false));
        let left = { standing.left.iter() }.map(|(place, why)| of(*place, Some(why), true));
        report.delivery = in_force.chain(failed).chain(left).collect();
        report
    }
}
