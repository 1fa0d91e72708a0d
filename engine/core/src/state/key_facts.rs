//! What others may read of long-lived keys.

use crate::model::session_id::SessionId;
use crate::state::State;
use crate::state::keys::KeyState;

impl State {
    /// The long-lived keys that are looked after, by session.
    pub fn keys(&self) -> impl Iterator<Item = (&SessionId, &KeyState)> {
        self.keys.of.iter()
    }

    /// The long-lived key of a session, where it is looked after.
    #[must_use]
    pub fn key(&self, session: &SessionId) -> Option<&KeyState> {
        self.keys.of.get(session)
    }

    /// The session whose key is looked at or replaced right now, and whether it is replaced.
    #[must_use]
    pub fn key_call(&self) -> Option<(&SessionId, bool)> {
        let call = self.keys.under_way.as_ref()?;
        Some((&call.session, call.rotates))
    }
}
