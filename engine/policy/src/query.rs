//! The questions about sessions that a guest may ask, and who answers them.

use std::collections::BTreeMap;
use std::ops::Bound;

use dayfly_core::policy::{SessionFacts, SessionKey, SessionView};
use dayfly_core::session::{SessionType, Status};
use imbl::OrdMap;

/// Which sessions are meant: those that match all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionQuery {
    /// Of one of these types; none: of any.
    pub types: Option<Vec<SessionType>>,
    /// With this status.
    pub status: Option<Status>,
    /// With this value of this label.
    pub label: Option<(String, String)>,
    /// Published under this named profile.
    pub named_profile: Option<String>,
    /// With a name that begins like this.
    pub name_prefix: Option<String>,
}

impl SessionQuery {
    /// Whether the session is meant.
    #[must_use]
    pub fn matches(&self, session: &SessionFacts) -> bool {
        self.types
            .as_ref()
            .is_none_or(|types| types.contains(&session.session_type))
            && self.status.is_none_or(|s| session.status == s)
            && self
                .label
                .as_ref()
                .is_none_or(|(key, value)| session.labels.get(key) == Some(value))
            && (self.named_profile.is_none() || self.named_profile == session.named_profile)
            && self
                .name_prefix
                .as_ref()
                .is_none_or(|prefix| session.name.starts_with(prefix.as_str()))
    }
}

/// The sessions that a policy entry is granted, at one moment. What it does not answer with does
/// not exist for the guest.
///
/// It must answer the same for as long as a call runs, and never wait. A map by key is one, such as
/// what the core keeps for each entry: a call gets a clone of it, at once, however large it is.
pub trait WorkspaceQuery: Send + Sync {
    /// The session with this key.
    fn get(&self, key: SessionKey) -> Option<SessionView>;

    /// Shows the sessions behind the key `after`, in the order of their keys, until `visit`
    /// answers false.
    fn scan(&self, after: Option<SessionKey>, visit: &mut dyn FnMut(&SessionView) -> bool);

    /// How many sessions match. An implementor with an index may do better.
    fn count(&self, query: &SessionQuery) -> u32 {
        let mut count = 0u32;
        self.scan(None, &mut |session| {
            count = count.saturating_add(u32::from(query.matches(session)));
            true
        });
        count
    }

    /// The first `limit` sessions behind `after` that match. An implementor with an index may do
    /// better.
    fn find(
        &self,
        query: &SessionQuery,
        after: Option<SessionKey>,
        limit: usize,
    ) -> Vec<SessionView> {
        let mut found = Vec::new();
        if limit > 0 {
            self.scan(after, &mut |session| {
                if query.matches(session) {
                    found.push(session.clone());
                }
                found.len() < limit
            });
        }
        found
    }
}

impl WorkspaceQuery for OrdMap<SessionKey, SessionView> {
    fn get(&self, key: SessionKey) -> Option<SessionView> {
        OrdMap::get(self, &key).cloned()
    }

    fn scan(&self, after: Option<SessionKey>, visit: &mut dyn FnMut(&SessionView) -> bool) {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        for (_, session) in self.range((begin, Bound::Unbounded)) {
            if !visit(session) {
                return;
            }
        }
    }
}

impl WorkspaceQuery for BTreeMap<SessionKey, SessionView> {
    fn get(&self, key: SessionKey) -> Option<SessionView> {
        BTreeMap::get(self, &key).cloned()
    }

    fn scan(&self, after: Option<SessionKey>, visit: &mut dyn FnMut(&SessionView) -> bool) {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        for session in self.range((begin, Bound::Unbounded)).map(|(_, s)| s) {
            if !visit(session) {
                return;
            }
        }
    }
}
