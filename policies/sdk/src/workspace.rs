//! What a rule of the world `stateful-policy` may ask, as traits, so that tests bring their own.

use crate::bindings::dayfly::policy::{state, workspace};
use crate::{Filter, Scope, Session, SessionKey, StateError};

/// Questions about the sessions that the policy is granted.
pub trait Workspace {
    /// The session with this key.
    fn get(&self, key: SessionKey) -> Option<Session>;

    /// How many sessions match.
    fn count(&self, filter: &Filter) -> u32;

    /// Sessions that match, in the order of their keys, behind the key `after`, at most `limit`;
    /// an empty answer is the end.
    fn find(&self, filter: &Filter, after: Option<SessionKey>, limit: u32) -> Vec<Session>;
}

/// What a rule remembers between calls; a write counts once the verdict is accepted.
pub trait State {
    /// The value, if there is one.
    fn get(&self, scope: Scope, key: &str) -> Option<Vec<u8>>;

    /// Writes a value.
    ///
    /// # Errors
    /// Over the quota, too large, or no such session in the grant.
    fn set(&mut self, scope: Scope, key: &str, value: &[u8]) -> Result<(), StateError>;

    /// Removes a value, if there is one.
    fn delete(&mut self, scope: Scope, key: &str);
}

/// The engine's answers, inside a component.
pub(crate) struct Engine;

impl Workspace for Engine {
    fn get(&self, key: SessionKey) -> Option<Session> {
        workspace::get(key)
    }

    fn count(&self, filter: &Filter) -> u32 {
        workspace::count(filter)
    }

    fn find(&self, filter: &Filter, after: Option<SessionKey>, limit: u32) -> Vec<Session> {
        workspace::find(filter, after, limit)
    }
}

impl State for Engine {
    fn get(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        state::get(scope, key)
    }

    fn set(&mut self, scope: Scope, key: &str, value: &[u8]) -> Result<(), StateError> {
        state::set(scope, key, value)
    }

    fn delete(&mut self, scope: Scope, key: &str) {
        state::delete(scope, key);
    }
}
