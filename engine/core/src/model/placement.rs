//! What is wanted of the chain, and what the chain tells.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::delivery::{self, Delivery, Place};
use crate::model::failure::Failure;
use crate::model::session_id::SessionId;

/// A file that the chain keeps credentials of sessions in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicationPlace {
    /// A target, which other programs read.
    At(Place),
    /// The encrypted file for credentials that are in force in no file of other programs.
    Kept,
}

/// Where the credentials of a session are after the chain made a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Where they are in force.
    pub in_force: Delivery,
    /// Where they should be and are not, and why.
    pub failed: Vec<(Place, Failure)>,
    /// Where something of the session is that should not be there, and why it still is.
    pub left: Vec<(Place, Failure)>,
    /// Sessions that were to give way and still have something somewhere.
    pub leftover: Vec<SessionId>,
}

impl Placement {
    /// Credentials are in force everywhere where they should be, and nowhere else.
    #[must_use]
    pub fn complete(delivery: &Delivery) -> Self {
        Self {
            in_force: delivery.clone(),
            ..Self::default()
        }
    }
}

/// Where credentials are to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedDeliveries {
    /// Those of sessions for which nothing else is said.
    pub usual: Delivery,
    /// Those of sessions that say it themselves.
    pub sessions: BTreeMap<SessionId, Delivery>,
}

impl WantedDeliveries {
    /// Where the credentials of a session are to be put.
    #[must_use]
    pub fn of(&self, session: &SessionId) -> &Delivery {
        self.sessions.get(session).unwrap_or(&self.usual)
    }
}

impl Default for WantedDeliveries {
    /// Nobody said anything.
    fn default() -> Self {
        Self {
            usual: delivery::usual(),
            sessions: BTreeMap::new(),
        }
    }
}

/// How a file of the chain differs from what the chain put there: another program wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedPlace {
    /// Which file.
    pub place: PublicationPlace,
    /// What a person calls it.
    pub file: String,
    /// Whether the whole file is gone.
    pub file_is_gone: bool,
    /// Sessions whose credentials are not there any more, or not as they were put there.
    pub lost: Vec<SessionId>,
    /// Sessions that have something there that the chain took away, or never put there.
    pub strange: Vec<SessionId>,
}

/// What is wrong with the places of a session's credentials. The first of several is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryProblem {
    /// They are not at a place where they should be.
    NotAt(Place, Failure),
    /// Something of the session is still at a place where it should not be.
    StillAt(Place, Failure),
}

impl DeliveryProblem {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> Option<&String> {
        match self {
            Self::NotAt(_, failure) | Self::StillAt(_, failure) => failure.hint.as_ref(),
        }
    }
}

impl fmt::Display for DeliveryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAt(place, failure) => write!(f, "not in {place}: {}", failure.message),
            Self::StillAt(place, failure) => write!(f, "still at {place}: {}", failure.message),
        }
    }
}
