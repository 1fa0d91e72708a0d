//! Has the chain carry out what the core wants of it, and tells the core what came of that.
//!
//! Where credentials are to be, where they are and when what failed is tried again is the core's. Here
//! are the secrets, the files and the words for a person.

use std::sync::Arc;

use dayfly_chain::{Deliver, Order, PublicationCheck, PublicationPlace};
use dayfly_core::delivery::{self, Delivery, Place};
use dayfly_core::effect::OperationId;
use dayfly_core::input::Input;
use dayfly_core::placement::{ChangedPlace, DeliveryProblem, Placement, WantedDeliveries};
use dayfly_core::session::{ErrorKind, Failure, SessionId};
use dayfly_core::state::SessionState;
use dayfly_vault::TemporaryCredentials;

use super::chain_changes::Change;
use super::engine_loop::EngineLoop;
use super::sources::default_region;
use crate::chain_job::{Job, Purpose};
use crate::chain_worker::KEPT;
use crate::report::{FailureReport, KeyReport, PlaceReport, SessionReport};

impl EngineLoop {
    /// Tells the core where credentials are to be put: what a session says itself, else the
    /// Workspace, else the configuration.
    pub(super) fn tell_wanted_deliveries(&mut self) {
        // Where either was never known, nobody knows where they should be.
        if self.suspended.is_some() {
            return;
        }
        let Some(workspace) = self.workspace.as_deref() else {
            return;
        };
        let usual = workspace.usual_delivery().or(self.config.delivery.as_ref());
        let own = workspace.own_deliveries();
        let wanted = WantedDeliveries {
            usual: usual.cloned().unwrap_or_else(delivery::usual),
            sessions: own.map(|(id, own)| (id.clone(), own.clone())).collect(),
        };
        self.enter(Input::Deliveries(wanted));
    }

    /// Publishes what an operation obtained.
    pub(super) fn publish(
        &mut self,
        operation: OperationId,
        session: SessionId,
        profile: Option<String>,
        displaced: Vec<SessionId>,
        delivery: Delivery,
    ) -> Option<Input> {
        let credentials = self.deliveries.pending.remove(&operation);
        let order = credentials.clone().and_then(|credentials| {
            let displaced = displaced.clone();
            self.order_to_publish(&session, profile, displaced, credentials, delivery)
        });
        let (Some(credentials), Some(order)) = (credentials, order) else {
            let message = "Dayfly no longer has the credentials it was to publish";
            let result = Err(Failure::new(ErrorKind::Other, message));
            return Some(Input::Delivered { operation, result });
        };
        let change = Change::Publish {
            session,
            displaced,
            credentials,
        };
        self.change_chain(operation, change, order);
        None
    }

    pub(super) fn retract(&mut self, operation: OperationId, session: SessionId) {
        let order = Order::Retract {
            session: session.clone(),
        };
        self.change_chain(operation, Change::Retract { session }, order);
    }

    fn change_chain(&mut self, operation: OperationId, change: Change, order: Order) {
        self.deliveries.under_way.insert(operation, change);
        self.chain.send(Job {
            purpose: Purpose::Operation(operation),
            order,
        });
    }

    /// Puts credentials that are in force where they should be.
    pub(super) fn align(
        &self,
        session: SessionId,
        profile: Option<String>,
        delivery: Delivery,
    ) -> Option<Input> {
        let credentials = self.held.of(&session);
        let order = credentials.and_then(|credentials| {
            self.order_to_publish(&session, profile, Vec::new(), credentials, delivery)
        });
        let Some(order) = order else {
            let message = "the credentials that were to be put there are gone";
            let result = Err(Failure::new(ErrorKind::Other, message));
            return Some(Input::Aligned { session, result });
        };
        self.chain.send(Job {
            purpose: Purpose::Align(session),
            order,
        });
        None
    }

    /// Removes what the chain holds of a session that is not in force.
    pub(super) fn clear_leftover(&self, session: SessionId) {
        self.chain.send(Job {
            purpose: Purpose::Clear(session.clone()),
            order: Order::Retract { session },
        });
    }

    /// Credentials of a session as the chain takes them.
    fn order_to_publish(
        &self,
        session: &SessionId,
        profile: Option<String>,
        displaced: Vec<SessionId>,
        credentials: Arc<TemporaryCredentials>,
        delivery: Delivery,
    ) -> Option<Order> {
        let session = &self.state.session(session)?.session;
        let default = default_region(&self.config, self.workspace.as_deref());
        Some(Order::Publish(Box::new(Deliver {
            session: session.id.clone(),
            session_name: session.name.clone(),
            profile,
            credentials,
            displaced,
            region: session.region.as_deref().or(default).map(str::to_owned),
            delivery,
        })))
    }

    /// The chain answered.
    pub(super) fn delivered(
        &mut self,
        purpose: Purpose,
        result: Result<Placement, Failure>,
        left: Option<Delivery>,
    ) {
        match purpose {
            Purpose::Operation(operation) => self.operation_delivered(operation, result, left),
            Purpose::Align(session) => {
                self.enter(Input::Aligned {
                    session: session.clone(),
                    result,
                });
                self.watch_places(&session);
            }
            Purpose::Clear(session) => {
                let result = result.map(drop);
                self.enter(Input::LeftoverCleared { session, result });
            }
        }
    }

    fn operation_delivered(
        &mut self,
        operation: OperationId,
        result: Result<Placement, Failure>,
        left: Option<Delivery>,
    ) {
        let change = self.deliveries.under_way.remove(&operation);
        let mut published = None;
        match (change, &result) {
            (
                Some(Change::Publish {
                    session,
                    displaced,
                    credentials,
                }),
                Ok(_),
            ) => {
                for gone in displaced {
                    self.held.remove(&gone);
                }
                self.held.put(session.clone(), credentials);
                published = Some(session);
            }
            (Some(Change::Retract { session }), Ok(_)) => self.held.remove(&session),
            (Some(Change::Retract { session }), Err(_)) => {
                if let Some(places) = left {
                    self.enter(Input::StillInForce { session, places });
                }
            }
            (Some(Change::Publish { .. }), Err(_)) | (None, _) => {}
        }
        self.enter(Input::Delivered { operation, result });
        if let Some(session) = published {
            self.watch_places(&session);
        }
    }

    /// A person is to know what is wrong with the places of a session.
    pub(super) fn tell_delivery(&mut self, session: &SessionId, problem: Option<DeliveryProblem>) {
        let problem = problem.map(|problem| (problem.to_string(), problem.hint().cloned()));
        self.tell_of("delivery of", session, problem);
    }

    /// A person is to know what could not be removed of a session.
    pub(super) fn tell_leftover(&mut self, session: &SessionId, failure: Option<Failure>) {
        let problem = failure.map(|failure| {
            let message = format!("{}; Dayfly tries again", failure.message);
            (message, failure.hint)
        });
        self.tell_of("remains of", session, problem);
    }

    /// Tells a problem of a session under its name. What was told under the name that it had before, or
    /// of one that is forgotten by now, is not wrong any more.
    fn tell_of(
        &mut self,
        what: &'static str,
        session: &SessionId,
        problem: Option<(String, Option<String>)>,
    ) {
        let about = format!("{what} {}", self.name_of(session));
        let key = (what, session.clone());
        let before = match problem {
            Some(_) => self.deliveries.told.insert(key, about.clone()),
            None => self.deliveries.told.remove(&key),
        };
        if let Some(before) = before.filter(|before| *before != about) {
            self.trouble(&before, None);
        }
        self.trouble(&about, problem);
    }

    fn name_of(&self, session: &SessionId) -> String {
        let tracked = self.state.session(session);
        let name = tracked.map_or(session.as_str(), |t| t.session.name.as_str());
        name.to_owned()
    }

    /// Watches the files that credentials of a session are in, or should be in.
    pub(super) fn watch_places(&mut self, session: &SessionId) {
        if self.watching.is_none() {
            return;
        }
        let known = self.state.delivery(session);
        let in_file = known.is_some_and(|known| known.in_force().contains(&Place::CredentialsFile));
        let kept = (!in_file).then_some(PublicationPlace::Kept);
        let wanted = self.state.wanted_delivery(session).into_iter();
        for place in wanted.map(PublicationPlace::At).chain(kept) {
            if let Some(problem) = self.chain.watch(place) {
                let about = format!("watch of {}", name(place));
                self.trouble(&about, Some((problem, None)));
            }
        }
    }

    /// A file of the chain was written by somebody.
    pub(super) fn place_checked(&mut self, place: PublicationPlace, check: PublicationCheck) {
        if let PublicationPlace::At(target) = place {
            let problem = check.unread.map(|problem| (problem, None));
            self.trouble(target.as_str(), problem);
        }
        let file = self.deliveries.file(place);
        self.enter(Input::PlaceChanged(ChangedPlace {
            place,
            file,
            file_is_gone: check.gone,
            lost: check.lost,
            strange: check.strange,
        }));
    }

    /// A session as a person is told of it.
    pub(super) fn session_report(&self, tracked: &SessionState) -> SessionReport {
        let mut report = SessionReport::of(tracked);
        report.key = KeyReport::of(&self.state, &tracked.session.id);
        let workspace = self.workspace.as_ref();
        let layer = workspace.and_then(|workspace| workspace.layer(&tracked.session.id));
        report.layer = layer.map(str::to_owned);
        if let Some(needs) = &mut report.needs {
            needs.asking = match needs.sign_in.as_deref() {
                Some(idp) => self.cloud.input_brokers.assertions.is_asking(idp),
                None => self.cloud.input_brokers.mfa.is_asking(&tracked.session.id),
            };
        }
        let Some(known) = self.state.delivery(&tracked.session.id) else {
            return report;
        };
        let of = |target: Place, error: Option<&Failure>, left: bool| PlaceReport {
            target,
            file: self.deliveries.files.get(&target).cloned(),
            error: error.map(FailureReport::from),
            left,
        };
        let in_force = known.in_force().iter().map(|place| of(*place, None, false));
        let missing = known
            .missing()
            .map(|(place, why)| of(place, Some(why), false));
        let left = known
            .left()
            .iter()
            .map(|(place, why)| of(*place, Some(why), true));
        report.delivery = in_force.chain(missing).chain(left).collect();
        report
    }
}

fn name(place: PublicationPlace) -> &'static str {
    match place {
        PublicationPlace::At(target) => target.as_str(),
        PublicationPlace::Kept => KEPT,
    }
}
