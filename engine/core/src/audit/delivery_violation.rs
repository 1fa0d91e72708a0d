//! What can be wrong with the places of credentials.

use std::fmt;

use crate::model::delivery::Delivery;
use crate::model::session_id::SessionId;

/// What is not as it has to be with the places of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryViolation {
    /// Credentials are not where they should be, and nothing will put them there.
    Misplaced {
        /// The session.
        session: SessionId,
        /// Where they should be.
        wanted: Delivery,
        /// Where they are in force.
        in_force: Delivery,
    },
    /// The core knows places of a session that has no credentials, and nobody clears them.
    Unaccounted {
        /// The session.
        session: SessionId,
    },
    /// Something of a session that is not in force could not be removed, and is not tried again.
    Leftover {
        /// The session.
        session: SessionId,
    },
    /// Commands wait until credentials are where they should be, and nobody puts them there.
    Unensured {
        /// The session.
        session: SessionId,
    },
    /// The chain holds the credentials of a session in other places than the core believes.
    Elsewhere {
        /// The session.
        session: SessionId,
        /// The places that the core believes.
        believed: Delivery,
        /// The places where they are.
        found: Delivery,
    },
}

/// Places for a person.
fn named(places: &Delivery) -> String {
    let words: Vec<_> = places.iter().map(|place| place.as_str()).collect();
    match words.is_empty() {
        true => "no place".to_owned(),
        false => words.join(" and "),
    }
}

impl fmt::Display for DeliveryViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misplaced {
                session,
                wanted,
                in_force,
            } => write!(
                f,
                "the credentials of session {session} should be in {}, are in {}, and nothing will change that",
                named(wanted),
                named(in_force)
            ),
            Self::Unaccounted { session } => write!(
                f,
                "the core knows places of session {session}, which has no credentials, and nobody clears them"
            ),
            Self::Leftover { session } => write!(
                f,
                "what is left of session {session} could not be removed, and is not tried again"
            ),
            Self::Unensured { session } => write!(
                f,
                "commands wait for the places of session {session}, and nobody puts its credentials there"
            ),
            Self::Elsewhere {
                session,
                believed,
                found,
            } => write!(
                f,
                "the credentials of session {session} are believed in {} and are in {}",
                named(believed),
                named(found)
            ),
        }
    }
}
