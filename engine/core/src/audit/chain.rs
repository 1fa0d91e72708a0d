//! What the chain holds is what the core believes.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::Audit;
use crate::audit::violation::Violation;
use crate::events::input::RecoveredCredentials;
use crate::model::session_id::SessionId;
use crate::state::deliveries::DeliveryState;
use crate::state::phase::Phase;
use crate::state::session_state::SessionState;

impl Audit<'_> {
    /// One session a named profile, as the core sees it.
    pub(super) fn profiles(&mut self) {
        let holders = self.state.sessions().filter_map(|(id, state)| {
            state.phase.lease()?;
            Some((state.published_profile.as_deref()?, id))
        });
        let shared: Vec<_> = shared_profiles(holders).collect();
        self.found.extend(shared);
    }

    /// What the chain holds is what the core believes.
    pub(super) fn chain(&mut self, held: &[RecoveredCredentials], moving: bool) {
        // What gave way and could not be removed is tried again.
        let places = held
            .iter()
            .filter(|f| !self.is_leftover(&f.session))
            .filter_map(|f| Some((f.profile.as_deref()?, &f.session)));
        let shared: Vec<_> = shared_profiles(places).collect();
        for violation in shared {
            // What the core sees the same way was said already.
            if !self.found.contains(&violation) {
                self.broken(violation);
            }
        }
        for found in held {
            let violation = match self.state.session(&found.session) {
                // The chain's answer, which came too late, is on its way.
                Some(_) if moving && self.state.is_overdue(&found.session) => None,
                Some(state) => {
                    difference_from_belief(state, found, moving, self.is_claimed(&found.session))
                }
                None if self.is_claimed(&found.session) => None,
                None => Some(unretracted(found)),
            };
            self.found.extend(violation);
        }
        let there: BTreeSet<_> = held.iter().map(|found| &found.session).collect();
        for (id, state) in self.state.sessions() {
            if state.phase.lease().is_none() || there.contains(id) {
                continue;
            }
            // The chain could take them back only in part: that is tried again.
            let known = self.state.delivery(id);
            if known.is_some_and(DeliveryState::is_half_retracted) {
                continue;
            }
            let stopping = matches!(state.phase, Phase::Stopping(..));
            let excused =
                moving && (stopping || self.state.is_overdue(id) || self.is_displaced(id, state));
            if !excused {
                let session = id.clone();
                self.broken(Violation::Missing { session });
            }
        }
    }

    /// Whether credentials that belong to no session are retracted, or will be claimed.
    pub(super) fn is_claimed(&self, id: &SessionId) -> bool {
        let awaited = self.state.is_unclaimed(id);
        let orphan = self.state.orphan(id);
        let retracted =
            orphan.is_some_and(|(operation, again)| operation.is_some() || again.is_some());
        awaited || retracted || self.is_leftover(id)
    }

    /// Whether another session is taking the named profile of this one.
    fn is_displaced(&self, id: &SessionId, state: &SessionState) -> bool {
        let profile = state.published_profile.as_deref();
        self.state.sessions().any(|(other, t)| {
            other != id && profile.is_some() && t.publishing().is_some_and(|(_, to)| to == profile)
        })
    }
}

/// Pairs of sessions whose credentials are under one named profile.
fn shared_profiles<'a>(
    holders: impl Iterator<Item = (&'a str, &'a SessionId)>,
) -> impl Iterator<Item = Violation> {
    let mut first: BTreeMap<&str, &SessionId> = BTreeMap::new();
    holders.filter_map(move |(profile, id)| {
        let other = *first.entry(profile).or_insert(id);
        (other != id).then(|| Violation::SharedProfile {
            profile: profile.to_owned(),
            sessions: [other.clone(), id.clone()],
        })
    })
}

fn unretracted(found: &RecoveredCredentials) -> Violation {
    let session = found.session.clone();
    Violation::Unretracted { session }
}

/// How what the chain holds for a session differs from what the core believes.
fn difference_from_belief(
    state: &SessionState,
    found: &RecoveredCredentials,
    moving: bool,
    claimed: bool,
) -> Option<Violation> {
    let place = found.profile.as_deref();
    let arrived = moving && state.publishing() == Some((found.lease, place));
    if arrived {
        return None;
    }
    let Some(believed) = state.phase.lease() else {
        return (!claimed).then(|| unretracted(found));
    };
    let session = found.session.clone();
    if state.published_profile.as_deref() != place {
        return Some(Violation::Elsewhere {
            session,
            believed: state.published_profile.clone(),
            found: found.profile.clone(),
        });
    }
    let found = found.lease;
    (believed != found).then_some(Violation::OtherLease {
        session,
        believed,
        found,
    })
}

/// What is wrong, for a person.
pub(super) fn text(violation: &Violation) -> Option<String> {
    let profile = |profile: &Option<String>| match profile {
        Some(name) => format!("under the named profile {name}"),
        None => "under no named profile".to_owned(),
    };
    Some(match violation {
        Violation::SharedProfile {
            profile,
            sessions: [one, other],
        } => format!("sessions {one} and {other} share the named profile {profile}"),
        Violation::Unretracted { session } => format!(
            "the chain holds credentials of session {session}, they belong to no session, and nobody is about to retract them"
        ),
        Violation::Missing { session } => {
            format!("session {session} has credentials that the chain does not hold")
        }
        Violation::Elsewhere {
            session,
            believed,
            found,
        } => format!(
            "the credentials of session {session} are believed {} and are {}",
            profile(believed),
            profile(found)
        ),
        Violation::OtherLease {
            session,
            believed,
            found,
        } => format!(
            "the chain holds credentials of session {session} that were issued at {}; the recorded \
             ones were issued at {}",
            found.issued_at, believed.issued_at
        ),
        _ => return None,
    })
}
