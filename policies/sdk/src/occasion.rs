//! The sessions of a call, each once.

use std::collections::BTreeMap;

use crate::{ChangedFields, ErrorKind, Event, Outcome, ResyncReason, Session, SessionKey};

/// The changes that a rule with standing proposals must hear of: all that raise a session's
/// revision, since the engine drops a proposal that rests on an older one, and failures. Use of
/// the credentials is left out, since it is frequent and changes nothing; so is their coming to an
/// end, which is for those who ask for it.
pub const PROPOSAL_FIELDS: ChangedFields = ChangedFields::LAST_USE
    .union(ChangedFields::EXPIRING)
    .complement();

/// What a person changes about a session, in contrast to what attempts change.
const EDITS: ChangedFields = ChangedFields::ADDED
    .union(ChangedFields::NAME)
    .union(ChangedFields::REGION)
    .union(ChangedFields::NAMED_PROFILE)
    .union(ChangedFields::TARGET)
    .union(ChangedFields::LABELS);

/// A session that a call is about.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The session as it is now; for a removed one, as it was last.
    pub session: &'a Session,
    /// What changed, where the call said so.
    pub fields: ChangedFields,
    /// Why it is looked at again, where that is so.
    pub resync: Option<ResyncReason>,
    /// How the latest action on it ended, where that is what happened.
    pub outcome: Option<Outcome>,
}

impl Occasion<'_> {
    /// Whether the session is no longer there: nothing may be proposed for it.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.fields.contains(ChangedFields::REMOVED)
    }

    /// The failure for which another start is pointless for now: the last attempt failed for a
    /// reason that time does not heal, and since then neither was the session edited nor the
    /// engine started or the policy configured again.
    #[must_use]
    pub fn hopeless(&self) -> Option<ErrorKind> {
        let afresh = matches!(
            self.resync,
            Some(ResyncReason::ColdStart | ResyncReason::Reconfigured)
        );
        let edited = self.fields.intersects(EDITS);
        self.session
            .last_error
            .filter(|kind| kind.lasts() && !afresh && !edited)
    }
}

impl ErrorKind {
    /// Whether the failure stays until somebody does something: signs in, enters a code, gives a
    /// permission or corrects the session.
    #[must_use]
    pub const fn lasts(self) -> bool {
        matches!(
            self,
            Self::NeedsSignIn | Self::NeedsMfa | Self::Denied | Self::Misconfigured
        )
    }
}

/// The sessions of a call in the order in which they came first. One that came in several events
/// appears once, as it was last, with all that changed.
#[must_use]
pub fn occasions(events: &[Event]) -> Vec<Occasion<'_>> {
    let mut all: Vec<Occasion<'_>> = Vec::new();
    let mut carriers = 0_u32;
    for event in events {
        match event {
            Event::Sessions(changes) => {
                carriers += 1;
                all.extend(changes.iter().map(|change| Occasion {
                    session: &change.after,
                    fields: change.fields,
                    resync: None,
                    outcome: change.outcome,
                }));
            }
            Event::Resync(resync) => {
                carriers += 1;
                all.extend(resync.sessions.iter().map(|session| Occasion {
                    session,
                    fields: ChangedFields::empty(),
                    resync: Some(resync.reason),
                    outcome: None,
                }));
            }
            Event::Wake(_)
            | Event::Schedule(_)
            | Event::File(_)
            | Event::Custom(_)
            | Event::Branch(_)
            | Event::Engine(_) => {}
        }
    }
    if carriers > 1 { merged(all) } else { all }
}

fn merged(all: Vec<Occasion<'_>>) -> Vec<Occasion<'_>> {
    let mut places: BTreeMap<SessionKey, usize> = BTreeMap::new();
    let mut once: Vec<Occasion<'_>> = Vec::with_capacity(all.len());
    for occasion in all {
        if let Some(&place) = places.get(&occasion.session.key) {
            let earlier = &mut once[place];
            earlier.session = occasion.session;
            earlier.resync = occasion.resync.or(earlier.resync);
            earlier.outcome = occasion.outcome.or(earlier.outcome);
            // Whether it is there is what the last word on it says.
            let seen = earlier.fields.difference(ChangedFields::REMOVED);
            earlier.fields = seen.union(occasion.fields);
        } else {
            places.insert(occasion.session.key, once.len());
            once.push(occasion);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{changed, resync, session};

    #[test]
    fn a_session_in_several_events_is_one_occasion_as_it_was_last() {
        let old = session(1).name("old").build();
        let new = session(1).name("new").build();
        let events = [
            changed(old, ChangedFields::LABELS),
            resync(ResyncReason::Overflow, vec![session(2).build()]),
            changed(new, ChangedFields::NAME),
        ];
        let seen = occasions(&events);
        assert_eq!(
            seen.iter().map(|o| o.session.key).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(seen[0].session.name, "new");
        assert_eq!(seen[0].fields, ChangedFields::LABELS | ChangedFields::NAME);
        assert_eq!(seen[1].resync, Some(ResyncReason::Overflow));
    }

    #[test]
    fn a_session_that_left_and_came_back_is_there() {
        let events = [
            changed(session(1).build(), ChangedFields::REMOVED),
            changed(session(1).build(), ChangedFields::ADDED),
        ];
        assert!(!occasions(&events)[0].gone());
        assert!(occasions(&events[..1])[0].gone());
    }

    #[test]
    fn only_an_edit_or_a_fresh_beginning_makes_a_lasting_failure_worth_another_try() {
        for kind in ErrorKind::ALL {
            let failed = session(1).error(kind, 1).build();
            let lasting = kind.lasts().then_some(kind);
            let after = |fields| occasions(&[changed(failed.clone(), fields)])[0].hopeless();
            assert_eq!(
                after(ChangedFields::FAILURE | ChangedFields::STATUS),
                lasting
            );
            assert_eq!(after(ChangedFields::CREDENTIALS), lasting);
            assert_eq!(after(ChangedFields::TARGET | ChangedFields::FAILURE), None);
            let at = |reason| occasions(&[resync(reason, vec![failed.clone()])])[0].hopeless();
            assert_eq!(at(ResyncReason::ColdStart), None);
            assert_eq!(at(ResyncReason::Reconfigured), None);
            assert_eq!(at(ResyncReason::Resumed), lasting);
            assert_eq!(at(ResyncReason::Overflow), lasting);
        }
    }
}
