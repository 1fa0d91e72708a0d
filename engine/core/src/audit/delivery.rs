//! Credentials that are in force are where they should be, or on their way there.

use crate::audit::Audit;
use crate::audit::delivery_violation::DeliveryViolation;
use crate::audit::violation::Violation;
use crate::events::input::RecoveredCredentials;
use crate::model::delivery::Delivery;
use crate::model::session::SessionType;
use crate::model::session_id::SessionId;
use crate::state::deliveries::DeliveryState;
use crate::state::phase::{OperationStage, Phase};
use crate::state::session_state::SessionState;

impl Audit<'_> {
    fn lost(&mut self, violation: DeliveryViolation) {
        self.broken(Violation::Delivery(violation));
    }

    /// What the core knows of the places is what it wants, or something is being done about it.
    pub(super) fn deliveries(&mut self) {
        if self.state.deliveries_known() && !self.state.is_stopping() {
            for (id, tracked) in self.state.sessions() {
                self.places(id, tracked);
            }
        }
        for (id, state) in self.state.deliveries() {
            let nowhere = state.in_force().is_empty() && state.left().is_empty();
            if !nowhere && !self.is_accounted_for(id) {
                let session = id.clone();
                self.lost(DeliveryViolation::Unaccounted { session });
            }
        }
        let retried = self.state.places_retried().is_some();
        if let Some(session) = self.state.leftovers().next().filter(|_| !retried).cloned() {
            self.lost(DeliveryViolation::Leftover { session });
        }
        let waiting = self
            .state
            .ensured()
            .filter(|id| !self.state.is_aligning(id));
        let waiting: Vec<_> = waiting.cloned().collect();
        for session in waiting {
            self.lost(DeliveryViolation::Unensured { session });
        }
    }

    /// The credentials of an active session.
    fn places(&mut self, id: &SessionId, tracked: &SessionState) {
        let active = matches!(tracked.phase, Phase::Active(_)) && tracked.present;
        if !active {
            return;
        }
        let azure = tracked.session.session_type() == SessionType::Azure;
        if tracked.published_profile.is_none() && !azure {
            return;
        }
        let state = self.state.delivery(id);
        let none = Delivery::new();
        let in_force = state.map_or(&none, DeliveryState::in_force);
        let mut wanted = self.state.wanted_delivery(id);
        for place in state.into_iter().flat_map(DeliveryState::left_alone) {
            wanted.remove(&place);
        }
        let left = state.is_some_and(|state| !state.left().is_empty());
        let looked_after = self.state.is_aligning(id)
            || self.state.gives_way(id)
            || self.state.is_changing(id)
            || self.state.places_retried().is_some();
        if (*in_force != wanted || left) && !looked_after {
            let (session, in_force) = (id.clone(), in_force.clone());
            self.lost(DeliveryViolation::Misplaced {
                session,
                wanted,
                in_force,
            });
        }
    }

    /// Whether a session whose credentials are somewhere is in force, or is being taken away.
    fn is_accounted_for(&self, id: &SessionId) -> bool {
        let phase = self.state.session(id).map(|tracked| &tracked.phase);
        let in_force = phase.is_some_and(|phase| {
            let stage = phase.operation().map(|operation| operation.stage);
            phase.lease().is_some() || matches!(stage, Some(OperationStage::Publishing(_)))
        });
        in_force || self.is_claimed(id) || self.state.is_changing(id)
    }

    /// Whether the chain is about to remove what it holds of a session that is not in force.
    pub(super) fn is_leftover(&self, id: &SessionId) -> bool {
        self.state.is_clearing(id) || self.state.leftovers().any(|other| other == id)
    }

    /// What the chain holds is in the places that the core believes.
    pub(super) fn places_held(&mut self, held: &[RecoveredCredentials]) {
        for found in held {
            let id = &found.session;
            let in_force = self
                .state
                .session(id)
                .is_some_and(|t| t.phase.lease().is_some());
            let Some(state) = self.state.delivery(id).filter(|_| in_force) else {
                continue;
            };
            // What others did is being mended; and earlier credentials stay where they are until
            // later ones are where they should be.
            let mended = state.is_disturbed()
                || state.is_half_retracted()
                || self.state.is_aligning(id)
                || state.missing().next().is_some();
            // Where they could not be taken away they are as they were.
            let left = state.left().iter().map(|(place, _)| *place);
            let believed: Delivery = state.in_force().iter().copied().chain(left).collect();
            let surplus = !mended && !found.in_force.is_subset(&believed);
            if surplus || !state.in_force().is_subset(&found.in_force) {
                self.lost(DeliveryViolation::Elsewhere {
                    session: id.clone(),
                    believed,
                    found: found.in_force.clone(),
                });
            }
        }
    }
}

/// A violation in words, where it is one of these.
pub(super) fn text(violation: &Violation) -> Option<String> {
    match violation {
        Violation::Delivery(violation) => Some(violation.to_string()),
        _ => None,
    }
}
