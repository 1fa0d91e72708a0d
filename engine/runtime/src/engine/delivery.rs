//! Where the credentials of each session stand, and putting them where they should.
//!
//! The core knows whether credentials are in the chain. At which targets is settings and facts of
//! this machine: a target that fails leaves the others in force and is tried again, and another
//! delivery that the person writes down comes in force at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use dayfly_chain::{Deliver, Order};
use dayfly_core::delivery::{self, Delivery, Place};
use dayfly_core::session::{Failure, SessionId, SessionType};
use dayfly_core::state::{Phase, Tracked};
use tokio::time::Instant;

use super::Loop;
use super::sources::default_region;
use crate::chain_worker::{Job, Placement, Purpose};
use crate::report::{FailureReport, PlaceReport, SessionReport};

/// How long to wait before a target that failed is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// Where credentials stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Where they were to go.
    pub(super) wanted: Delivery,
    /// Where they are.
    pub(super) in_force: Delivery,
    /// Where they should be, and why they are not.
    pub(super) failed: Vec<(Place, Failure)>,
}

/// Where all credentials stand.
#[derive(Debug, Default)]
pub(super) struct Standings {
    sessions: BTreeMap<SessionId, Standing>,
    /// Those that are being put elsewhere, and where.
    aligning: BTreeMap<SessionId, Delivery>,
    /// When targets that failed are tried again.
    pub(super) again: Option<Instant>,
    /// The files of the targets.
    files: BTreeMap<Place, PathBuf>,
}

impl Standings {
    pub(super) fn new(files: BTreeMap<Place, PathBuf>) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    pub(super) fn insert(&mut self, session: SessionId, standing: Standing) {
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
    }

    pub(super) fn is_aligning(&self) -> bool {
        !self.aligning.is_empty()
    }
}

impl Loop {
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
        tracked: &Tracked,
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
            delivery: self.wanted(&session.id),
        }
    }

    /// Remembers where credentials stand now, and tells where that is not as it should be.
    pub(super) fn placed(&mut self, session: &SessionId, wanted: Delivery, placement: Placement) {
        let about = self.about(session);
        let failed = placement.failed.first();
        let problem = failed.map(|(place, failure)| {
            (
                format!("{place}: {}", failure.message),
                failure.hint.clone(),
            )
        });
        if problem.is_some() {
            self.standings.again.get_or_insert(Instant::now() + AGAIN);
        }
        self.trouble(&about, problem);
        let standing = Standing {
            wanted,
            in_force: placement.in_force,
            failed: placement.failed,
        };
        self.standings.insert(session.clone(), standing);
    }

    /// The credentials are out of the chain.
    pub(super) fn unplaced(&mut self, session: &SessionId) {
        self.standings.remove(session);
        let about = self.about(session);
        self.trouble(&about, None);
    }

    fn about(&self, session: &SessionId) -> String {
        let tracked = self.state.session(session);
        let name = tracked.map_or(session.as_str(), |t| t.session.name.as_str());
        format!("delivery of {name}")
    }

    /// Puts credentials that are in force where they should be and are not.
    pub(super) fn align(&mut self) {
        // Without a Workspace nobody knows where they should be.
        if self.workspace.is_none() || self.halting {
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
            let Some(standing) = self.standings.sessions.get(id) else {
                continue;
            };
            let profile = &tracked.published_profile;
            // Those of Azure need none.
            if profile.is_none() && tracked.session.session_type() != SessionType::Azure {
                continue;
            }
            let wanted = self.wanted(id);
            let as_wanted = standing.failed.is_empty() && standing.wanted == wanted;
            let under_way = self.standings.aligning.contains_key(id);
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
            self.standings.aligning.insert(session.clone(), wanted);
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
        let Some(wanted) = self.standings.aligning.remove(session) else {
            return;
        };
        let Some(standing) = self.standings.sessions.get(session) else {
            return;
        };
        let placement = match result {
            Ok(placement) => placement,
            // They stay where they are.
            Err(failure) => {
                let missing = wanted.iter().filter(|p| !standing.in_force.contains(p));
                Placement {
                    in_force: standing.in_force.clone(),
                    failed: missing.map(|place| (*place, failure.clone())).collect(),
                }
            }
        };
        self.placed(session, wanted, placement);
        // What the person wrote meanwhile.
        let stale = |s: &Standing| s.failed.is_empty() && s.wanted != self.wanted(session);
        if self.standings.sessions.get(session).is_some_and(stale) {
            self.align();
        }
    }

    /// A session as a person is told of it.
    pub(super) fn session_report(&self, tracked: &Tracked) -> SessionReport {
        let mut report = SessionReport::of(tracked);
        if let Some(needs) = &mut report.needs {
            needs.asking = match needs.sign_in.as_deref() {
                Some(idp) => self.desks.assertions.is_asking(idp),
                None => self.desks.mfa.is_asking(&tracked.session.id),
            };
        }
        let Some(standing) = self.standings.sessions.get(&tracked.session.id) else {
            return report;
        };
        let file = |place: &Place| self.standings.files.get(place).cloned();
        let in_force = standing.in_force.iter().map(|place| PlaceReport {
            target: *place,
            file: file(place),
            error: None,
        });
        let failed = standing.failed.iter().map(|(place, failure)| PlaceReport {
            target: *place,
            file: file(place),
            error: Some(FailureReport::from(failure)),
        });
        report.delivery = in_force.chain(failed).collect();
        report
    }
}
