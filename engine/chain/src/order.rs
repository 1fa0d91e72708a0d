//! A change of the chain: which credentials are to go where, and where they are afterwards.

use std::sync::Arc;

use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::placement::Placement;
use dayfly_core::session::SessionId;
use dayfly_vault::{Material, TemporaryCredentials};

use crate::encrypted_store::EncryptedCredentials;
use crate::error::ChainError;
use crate::target::{Change, Publication};

/// A change of the chain.
#[derive(Clone, Debug)]
pub enum Order {
    /// Put credentials wherever the session is to be delivered to, and take them away elsewhere.
    Publish(Box<Deliver>),
    /// Take the credentials of a session away everywhere.
    Retract {
        /// The session.
        session: SessionId,
    },
}

/// Credentials on their way into the chain.
#[derive(Clone, Debug)]
pub struct Deliver {
    /// The session.
    pub session: SessionId,
    /// Its name, for messages.
    pub session_name: String,
    /// The named profile; without one they are only kept for those who ask.
    pub profile: Option<String>,
    /// The credentials.
    pub credentials: Arc<TemporaryCredentials>,
    /// Sessions that held the named profile.
    pub displaced: Vec<SessionId>,
    /// The region that the profile is to name.
    pub region: Option<String>,
    /// Where they are to go.
    pub delivery: Delivery,
}

/// Where credentials stand after a change.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Where they stand.
    pub in_force: Delivery,
    /// Where they should stand and do not, and why.
    pub failed: Vec<(Place, ChainError)>,
    /// Where something of the session stands that should not be there, and why it is.
    pub left: Vec<(Place, ChainError)>,
    /// Sessions that were to give way and have something somewhere yet.
    pub leftover: Vec<SessionId>,
}

impl From<Placed> for Placement {
    fn from(placed: Placed) -> Self {
        let failures = |all: Vec<(Place, ChainError)>| {
            let all = all.into_iter();
            all.map(|(place, error)| (place, error.to_failure()))
                .collect()
        };
        Self {
            in_force: placed.in_force,
            failed: failures(placed.failed),
            left: failures(placed.left),
            leftover: placed.leftover,
        }
    }
}

impl Order {
    pub(crate) const fn publishes(&self) -> bool {
        matches!(self, Self::Publish(_))
    }

    /// The session that it is about.
    pub(crate) fn session(&self) -> &SessionId {
        match self {
            Self::Publish(deliver) => &deliver.session,
            Self::Retract { session } => session,
        }
    }

    /// The session of the order, and the sessions that give way to it.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        let displaced = match self {
            Self::Publish(deliver) => &deliver.displaced[..],
            Self::Retract { .. } => &[][..],
        };
        std::iter::once(self.session()).chain(displaced)
    }

    /// Whether it counts as done. What could be put nowhere is kept for those who ask; but no
    /// other session gives way to that.
    pub(crate) fn is_well(&self, placed: &Placed) -> bool {
        match self {
            Self::Publish(deliver) => {
                deliver.displaced.is_empty()
                    || deliver.places().next().is_none()
                    || !placed.in_force.is_empty()
            }
            Self::Retract { .. } => placed.failed.is_empty(),
        }
    }

    /// What is to be changed at a place at first: nothing is taken away yet that something else
    /// is to stand for.
    pub(crate) fn change(&self, place: Place) -> Option<Change> {
        match self {
            Self::Publish(deliver) => {
                let profile = deliver.name_at(place)?;
                deliver.delivery.contains(&place).then(|| {
                    Change::Publish(Publication {
                        session: deliver.session.clone(),
                        session_name: deliver.session_name.clone(),
                        profile,
                        credentials: Arc::clone(&deliver.credentials),
                        displaced: deliver.displaced.clone(),
                        region: deliver.region.clone(),
                    })
                })
            }
            Self::Retract { session } => Some(Change::Retract {
                session: session.clone(),
            }),
        }
    }

    /// Whose credentials are to go from a place, now that these stand where they do.
    pub(crate) fn to_clear(&self, place: Place, placed: &Placed) -> Vec<&SessionId> {
        let Self::Publish(deliver) = self else {
            return Vec::new();
        };
        // Publishing has done that.
        if placed.in_force.contains(&place) {
            return Vec::new();
        }
        let wanted = deliver.places().any(|wanted| wanted == place);
        // Earlier credentials stay until the new ones are where they are to be.
        let arrived = !placed.in_force.is_empty() || deliver.places().next().is_none();
        let own = (!wanted && arrived).then_some(&deliver.session);
        deliver.displaced.iter().chain(own).collect()
    }

    /// What is to be kept, and forgotten, now that it was placed so.
    pub(crate) fn kept(&self, placed: &Placed) -> Vec<(SessionId, Option<EncryptedCredentials>)> {
        let own = match self {
            // The credentials file holds them itself.
            Self::Publish(deliver) if !placed.in_force.contains(&Place::CredentialsFile) => {
                Some(EncryptedCredentials {
                    profile: deliver.profile.clone(),
                    credentials: TemporaryCredentials::clone(&deliver.credentials),
                    replaces: None,
                })
            }
            _ => None,
        };
        let mut sessions = self.sessions();
        let first = sessions.next().map(|session| (session.clone(), own));
        let others = sessions.map(|session| (session.clone(), None));
        first.into_iter().chain(others).collect()
    }
}

impl Deliver {
    /// The places that the credentials can go to; credentials of AWS without a named profile can go nowhere.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let delivery = self.delivery.iter().copied();
        delivery.filter(|place| self.name_at(*place).is_some())
    }

    /// What they are called at a place; none where they cannot go there.
    fn name_at(&self, place: Place) -> Option<String> {
        match (&self.credentials.material, place) {
            (
                Material::Azure {
                    subscription_id, ..
                },
                Place::AzureProfile,
            ) => Some(subscription_id.clone()),
            (Material::Azure { .. }, _) | (Material::Aws { .. }, Place::AzureProfile) => None,
            (Material::Aws { .. }, _) => self.profile.clone(),
        }
    }
}
