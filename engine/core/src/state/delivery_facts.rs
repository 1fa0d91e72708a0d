//! What is known of where credentials are, for reports and for the audit.

use crate::model::delivery::Delivery;
use crate::model::session_id::SessionId;
use crate::model::time::Timestamp;
use crate::state::State;
use crate::state::deliveries::DeliveryState;
use crate::state::timers::TimerKey;

impl State {
    /// Where the credentials of a session are; none where the chain holds nothing of it.
    #[must_use]
    pub fn delivery(&self, session: &SessionId) -> Option<&DeliveryState> {
        self.deliveries.sessions.get(session)
    }

    /// All that are known.
    pub fn deliveries(&self) -> impl Iterator<Item = (&SessionId, &DeliveryState)> {
        self.deliveries.sessions.iter()
    }

    /// Whether anybody has said where credentials are to be.
    #[must_use]
    pub const fn deliveries_known(&self) -> bool {
        self.deliveries.wanted.is_some()
    }

    /// Whether the engine is about to stop, so that nothing is moved any more.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Where the credentials of a session are to be, as the person wrote it.
    #[must_use]
    pub fn wanted_delivery(&self, session: &SessionId) -> Delivery {
        self.deliveries.wanted(session)
    }

    /// Sessions whose credentials are being put where they should be.
    pub fn aligning(&self) -> impl Iterator<Item = &SessionId> {
        self.deliveries.aligning.keys()
    }

    /// Whether the credentials of a session are being put where they should be.
    #[must_use]
    pub fn is_aligning(&self, session: &SessionId) -> bool {
        self.deliveries.aligning.contains_key(session)
    }

    /// When places that failed are tried again.
    #[must_use]
    pub fn places_retried(&self) -> Option<Timestamp> {
        self.timers.get(&TimerKey::Delivery)
    }

    /// Whether the chain is making a change that the life of this session waits for.
    #[must_use]
    pub fn is_changing(&self, session: &SessionId) -> bool {
        let mut changes = self.deliveries.under_way.values();
        changes.any(|change| change.session() == session)
    }

    /// Whether another session is about to take the named profile of this one.
    #[must_use]
    pub fn gives_way(&self, session: &SessionId) -> bool {
        self.deliveries.giving_way().contains(session)
    }

    /// Sessions that are not in force and have something somewhere, which is to be removed.
    pub fn leftovers(&self) -> impl Iterator<Item = &SessionId> {
        self.deliveries.leftovers.iter()
    }

    /// Whether the chain is removing what it holds of a session that is not in force.
    #[must_use]
    pub fn is_clearing(&self, session: &SessionId) -> bool {
        self.deliveries.clearing.contains(session)
    }

    /// Sessions for which commands wait until their credentials are where they should be.
    pub fn ensured(&self) -> impl Iterator<Item = &SessionId> {
        self.deliveries.waiting.keys()
    }

    /// The name of a session, or its id where the Workspace never had it.
    pub(crate) fn name_of(&self, session: &SessionId) -> String {
        let tracked = self.sessions.get(session);
        let name = tracked.map_or(session.as_str(), |t| t.session.name.as_str());
        name.to_owned()
    }
}
