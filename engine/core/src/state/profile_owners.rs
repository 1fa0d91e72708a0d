//! Which sessions claim which named profiles, or once did: found from either side, so that what
//! happens to one session costs nothing for the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::session_id::SessionId;

/// Sessions and their named profiles. A claim stays until its session is forgotten, since the chain
/// may hold credentials under a profile that the session has left.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProfileOwners {
    by_profile: BTreeMap<String, BTreeSet<SessionId>>,
    by_session: BTreeMap<SessionId, BTreeSet<String>>,
}

impl ProfileOwners {
    /// The session claims a profile.
    pub(crate) fn add(&mut self, id: &SessionId, profile: &str) {
        let profiles = self.by_session.entry(id.clone()).or_default();
        if profiles.insert(profile.to_owned()) {
            let sessions = self.by_profile.entry(profile.to_owned()).or_default();
            sessions.insert(id.clone());
        }
    }

    /// Who claims a profile.
    pub(crate) fn of(&self, profile: &str) -> impl Iterator<Item = &SessionId> {
        self.by_profile.get(profile).into_iter().flatten()
    }

    /// Who claims a profile that this session claims, itself included.
    pub(crate) fn beside(&self, id: &SessionId) -> impl Iterator<Item = &SessionId> {
        let profiles = self.by_session.get(id).into_iter().flatten();
        profiles.flat_map(|profile| self.of(profile))
    }

    /// Forgets a session.
    pub(crate) fn forget(&mut self, id: &SessionId) {
        for profile in self.by_session.remove(id).into_iter().flatten() {
            if let Some(sessions) = self.by_profile.get_mut(&profile) {
                sessions.remove(id);
                if sessions.is_empty() {
                    self.by_profile.remove(&profile);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(sessions: impl Iterator<Item = &'a SessionId>) -> Vec<&'a str> {
        let mut names: Vec<_> = sessions.map(SessionId::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn claims_are_found_from_either_side_until_their_session_goes() {
        let [a, b, c] = ["a", "b", "c"].map(SessionId::new);
        let mut claims = ProfileOwners::default();
        claims.add(&a, "one");
        claims.add(&b, "one");
        claims.add(&b, "two");
        claims.add(&c, "two");
        claims.add(&c, "two");
        assert_eq!(names(claims.of("one")), ["a", "b"]);
        assert_eq!(names(claims.beside(&a)), ["a", "b"]);
        assert_eq!(names(claims.beside(&b)), ["a", "b", "b", "c"]);
        claims.forget(&b);
        assert_eq!(names(claims.of("one")), ["a"]);
        assert_eq!(names(claims.beside(&c)), ["c"]);
        claims.forget(&a);
        claims.forget(&c);
        assert!(claims.by_profile.is_empty() && claims.by_session.is_empty());
    }
}
