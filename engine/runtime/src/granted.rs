//! What one policy entry may know of the sessions.

use std::ops::Bound;
use std::sync::Arc;

use dayfly_core::grant::Selector;
use dayfly_core::policy::{SessionKey, SessionView};
use dayfly_policy::WorkspaceQuery;
use imbl::OrdMap;

/// The granted ones of all sessions, at one moment. Made at once, however many there are.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) views: OrdMap<SessionKey, Arc<SessionView>>,
    pub(crate) sessions: Selector,
}

impl WorkspaceQuery for Granted {
    fn get(&self, key: SessionKey) -> Option<Arc<SessionView>> {
        let view = self.views.get(&key)?;
        self.sessions.matches(view).then(|| Arc::clone(view))
    }

    fn scan(&self, after: Option<SessionKey>, visit: &mut dyn FnMut(&Arc<SessionView>) -> bool) {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        for (_, view) in self.views.range((begin, Bound::Unbounded)) {
            if self.sessions.matches(view) && !visit(view) {
                return;
            }
        }
    }
}
