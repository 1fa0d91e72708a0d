//! Puts credentials that are in force where they should be: another delivery that the person writes
//! down comes in force at once, and a place that failed is tried again.

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::input::Order;
use crate::events::journal::JournalEvent;
use crate::model::delivery::Delivery;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::ids::CommandId;
use crate::model::ids::{Cause, OperationId};
use crate::model::placement::{DeliveryProblem, Placement, WantedDeliveries};
use crate::model::policy::Action;
use crate::model::session::SessionType;
use crate::model::session_id::SessionId;
use crate::state::deliveries::{ChainChange, DeliveryState};
use crate::state::phase::Phase;
use crate::state::session_state::SessionState;
use crate::state::timers::TimerKey;

impl StepContext<'_> {
    /// It is said anew where credentials are to be put.
    pub(crate) fn deliveries(&mut self, wanted: WantedDeliveries) {
        self.state.deliveries.wanted = Some(wanted);
        self.align();
    }

    /// Asks the chain to publish what an operation obtained, wherever that is to go.
    pub(crate) fn ask_to_publish(
        &mut self,
        operation: OperationId,
        session: SessionId,
        profile: Option<String>,
        displaced: Vec<SessionId>,
    ) {
        let delivery = self.state.deliveries.wanted_now(&session);
        let change = ChainChange::Publish {
            session: session.clone(),
            displaced: displaced.clone(),
            wanted: delivery.clone(),
        };
        self.state.deliveries.under_way.insert(operation, change);
        self.effects.push(Effect::Publish {
            operation,
            session,
            profile,
            displaced,
            delivery,
        });
    }

    /// Asks the chain to take back the credentials of a session.
    pub(crate) fn ask_to_retract(&mut self, operation: OperationId, session: &SessionId) {
        let session = session.clone();
        let change = ChainChange::Retract {
            session: session.clone(),
        };
        self.state.deliveries.under_way.insert(operation, change);
        self.effects.push(Effect::Retract { operation, session });
    }

    /// The chain answered a change that the life of a session waits for.
    pub(crate) fn note_delivered(
        &mut self,
        operation: OperationId,
        result: Result<Placement, Failure>,
    ) {
        match (self.state.deliveries.under_way.remove(&operation), result) {
            (
                Some(ChainChange::Publish {
                    session,
                    displaced,
                    wanted,
                }),
                Ok(placement),
            ) => {
                for gone in displaced {
                    self.unplaced(&gone);
                }
                // The person may have written another delivery meanwhile.
                self.realign |= wanted != self.state.deliveries.wanted_now(&session);
                self.placed(&session, wanted, placement);
            }
            // What stays as it was may have had to be put elsewhere meanwhile: of this session, and
            // of those that were to give way to it and did not.
            (
                Some(ChainChange::Publish {
                    session, displaced, ..
                }),
                Err(_),
            ) => {
                self.realign |=
                    !displaced.is_empty() || !self.state.deliveries.is_as_wanted(&session);
            }
            (Some(ChainChange::Retract { session }), Ok(_)) => self.unplaced(&session),
            (Some(ChainChange::Retract { session }), Err(_)) => {
                self.realign |= !self.state.deliveries.is_as_wanted(&session);
            }
            (None, _) => {}
        }
    }

    /// The credentials of a session were to be replaced, and were not: the person may have written
    /// another delivery for them meanwhile.
    pub(crate) fn stays_in_force(&mut self, session: &SessionId) {
        let deliveries = &self.state.deliveries;
        let wanted = deliveries.wanted_now(session);
        let state = deliveries.sessions.get(session);
        self.realign |= state.is_some_and(|state| state.is_for_others_than(&wanted));
    }

    /// Only so much of the credentials of a session could be taken back: they are here yet.
    pub(crate) fn still_in_force(&mut self, session: &SessionId, places: &Delivery) {
        if let Some(state) = self.state.deliveries.sessions.get_mut(session) {
            state.keep_only(places);
            self.retry_places_later();
        }
    }

    /// Remembers where credentials are now, and tells where that is not as it should be.
    fn placed(&mut self, session: &SessionId, wanted: Delivery, mut placement: Placement) {
        for leftover in std::mem::take(&mut placement.leftover) {
            let name = self.state.name_of(&leftover);
            let message = format!(
                "{name} lost its named profile, but Dayfly could not remove its credentials"
            );
            self.left_over(leftover, Failure::new(ErrorKind::Delivery, message));
        }
        if self.state.deliveries.placed(session, wanted, placement) {
            self.retry_places_later();
        }
        let state = self.state.deliveries.sessions.get(session);
        let problem = state.and_then(DeliveryState::problem);
        self.tell_delivery(session, problem);
    }

    /// The credentials of a session are out of the chain.
    fn unplaced(&mut self, session: &SessionId) {
        self.tell_delivery(session, None);
        self.state.deliveries.sessions.remove(session);
    }

    /// Tells what is wrong with the places of a session, where that is something else than before.
    pub(crate) fn tell_delivery(&mut self, session: &SessionId, problem: Option<DeliveryProblem>) {
        let Some(state) = self.state.deliveries.sessions.get_mut(session) else {
            return;
        };
        if state.told != problem {
            state.told.clone_from(&problem);
            let session = session.clone();
            self.effects.push(Effect::TellDelivery { session, problem });
        }
    }

    /// Something failed, and is tried again by the timer.
    pub(crate) fn retry_places_later(&mut self) {
        let at = self.state.deliveries.retry_at(self.now);
        if self.state.timers.get(&TimerKey::Delivery).is_none() {
            self.state.timers.set(TimerKey::Delivery, at);
        }
    }

    /// Tries again what failed.
    pub(crate) fn retry_places(&mut self) {
        self.state.deliveries.wait_longer();
        self.clear_leftovers();
        self.align();
        // Nothing is moved while nobody knows where to, and nothing is forgotten.
        if self.state.timers.get(&TimerKey::Delivery).is_none()
            && self.state.deliveries.awaits_retry()
        {
            self.retry_places_later();
        }
    }

    /// Puts credentials that are in force where they should be and are not.
    pub(crate) fn align(&mut self) {
        // Without a Workspace or a configuration nobody knows where they should be.
        let deliveries = &self.state.deliveries;
        if deliveries.wanted.is_none() || self.state.workspace_revision == 0 || self.state.stopping
        {
            return;
        }
        let giving_way = deliveries.giving_way();
        let changing = deliveries.changing();
        let misplaced = deliveries.sessions.iter().filter_map(|(id, state)| {
            let tracked = self.state.sessions.get(id)?;
            // Another takes its profile: put there again, these would be in the other's place.
            if giving_way.contains(id) || deliveries.aligning.contains_key(id) {
                return None;
            }
            // The chain may still replace these, or take them back, and must not find them put there
            // again after that.
            if changing.contains(id) {
                return None;
            }
            let wanted = deliveries.wanted_now(id);
            let to_move = self.is_to_be_placed(tracked, state) && !state.is_as(&wanted);
            to_move.then(|| (id.clone(), tracked.published_profile.clone(), wanted))
        });
        for (session, profile, delivery) in misplaced.collect::<Vec<_>>() {
            let aligning = &mut self.state.deliveries.aligning;
            aligning.insert(session.clone(), delivery.clone());
            self.effects.push(Effect::Align {
                session,
                profile,
                delivery,
            });
        }
        // What cannot be moved now, as an operation is under way that may fail, is not forgotten.
        let timer = self.state.timers.get(&TimerKey::Delivery);
        if timer.is_none() && self.is_move_postponed() {
            self.retry_places_later();
        }
    }

    /// Whether credentials that are in force are not where they should be, and nothing moves them now.
    fn is_move_postponed(&self) -> bool {
        let deliveries = &self.state.deliveries;
        let mut misplaced = deliveries.sessions.iter().filter(|(id, state)| {
            !deliveries.aligning.contains_key(*id) && !state.is_as(&deliveries.wanted_now(id))
        });
        deliveries.awaits_retry()
            || misplaced.any(|(id, state)| {
                let tracked = self.state.sessions.get(id);
                tracked.is_some_and(|t| {
                    t.present && t.phase.lease().is_some() && goes_to_places(t, state)
                })
            })
    }

    /// An answer that nobody waits for any more.
    pub(crate) fn stale_answer(&mut self, session: &SessionId) {
        let what = format!("a change of the places of {session}");
        self.record(Cause::default(), JournalEvent::Stale { what });
    }

    /// Credentials that were in force were put elsewhere, or could not be.
    pub(crate) fn aligned(&mut self, session: &SessionId, result: Result<Placement, Failure>) {
        let Some(wanted) = self.state.deliveries.aligning.remove(session) else {
            return self.stale_answer(session);
        };
        if let Some(state) = self.state.deliveries.sessions.get(session) {
            match result {
                Ok(placement) => self.placed(session, wanted, placement),
                Err(failure) => {
                    let unmoved = state.unmoved(&wanted, &failure);
                    let before = (state.is_disturbed(), state.is_half_retracted());
                    self.placed(session, wanted, unmoved);
                    self.still_unmended(session, before);
                }
            }
            // What the person wrote meanwhile.
            let now = self.state.deliveries.wanted_now(session);
            let state = self.state.deliveries.sessions.get(session);
            if state.is_some_and(|state| state.is_for_others_than(&now)) {
                self.align();
            }
        }
        self.ensured(session);
    }

    /// Nothing was put in place: what others did to it, and what was taken back only in part, is as it was,
    /// and is tried again.
    fn still_unmended(&mut self, session: &SessionId, (disturbed, half_retracted): (bool, bool)) {
        let state = self.state.deliveries.sessions.get_mut(session);
        let Some(state) = state.filter(|_| disturbed || half_retracted) else {
            return;
        };
        if disturbed {
            state.disturb();
        }
        if half_retracted {
            state.stay_half_retracted();
        }
        self.retry_places_later();
    }

    /// A person's command. One to start a session that is active waits until its credentials are
    /// where they should be, whatever somebody did to them.
    pub(crate) fn command_of_person(&mut self, id: CommandId, session: &SessionId, order: Order) {
        if self.ensures(session, &order) {
            let waiting = self.state.deliveries.waiting.entry(session.clone());
            return waiting.or_default().push((id, order));
        }
        self.command(Some(id), session, order);
    }

    fn ensures(&mut self, session: &SessionId, order: &Order) -> bool {
        let starts = matches!(
            order,
            Order::Do {
                action: Action::Start,
                ..
            }
        );
        let known = self.state.deliveries.wanted.is_some();
        let tracked = self.state.sessions.get(session);
        let active = tracked.is_some_and(|t| matches!(t.phase, Phase::Active(_)) && t.present);
        if !known || !starts || !active || self.state.stopping {
            return false;
        }
        if let Some(state) = self.state.deliveries.sessions.get_mut(session) {
            state.removals.forgive();
            state.disturb();
        }
        self.align();
        self.state.deliveries.aligning.contains_key(session)
    }

    /// Carries out the commands that waited for that.
    fn ensured(&mut self, session: &SessionId) {
        if self.state.deliveries.aligning.contains_key(session) {
            return;
        }
        let waiting = self.state.deliveries.waiting.remove(session);
        for (id, order) in waiting.unwrap_or_default() {
            self.command(Some(id), session, order);
        }
    }

    /// Whether the credentials of a session are in force, are to stay so, and go to places at all.
    fn is_to_be_placed(&self, tracked: &SessionState, state: &DeliveryState) -> bool {
        let Phase::Active(lease) = tracked.phase else {
            return false;
        };
        let retracted_again =
            lease.expired(self.now) || tracked.retry_at.is_some_and(|at| at > self.now);
        if !tracked.present || (state.is_half_retracted() && retracted_again) {
            return false;
        }
        goes_to_places(tracked, state)
    }
}

/// Whether the credentials of a session go to places at all: those of Azure need no named profile.
fn goes_to_places(tracked: &SessionState, state: &DeliveryState) -> bool {
    let azure = tracked.session.session_type() == SessionType::Azure;
    tracked.published_profile.is_some() || azure || !state.is_untouched()
}
