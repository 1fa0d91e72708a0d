//! What Dayfly published where, as far as it knows.

use std::collections::BTreeMap;

use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::placement::PublicationPlace;
use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials};

use crate::encrypted_store::EncryptedCredentials;
use crate::target::{Observed, Publication};

/// How a place differs from what Dayfly published there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicationCheck {
    /// Sessions that are not there any more, or not as they were put there.
    pub lost: Vec<SessionId>,
    /// Sessions that were taken away from there, or never put there, and are there.
    pub strange: Vec<SessionId>,
    /// Whether the whole file is gone.
    pub gone: bool,
    /// Why it cannot be told, where it cannot.
    pub unread: Option<String>,
}

/// What Dayfly published at one place for one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    profile: Option<String>,
    /// When what stands there was issued, and the access key's id, where the credentials
    /// themselves published there.
    issued_at: Option<Timestamp>,
    key_id: Option<String>,
}

/// What Dayfly published or found, by session and place.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<(SessionId, PublicationPlace), Published>);

impl Known {
    pub(crate) fn stands(&self, session: &SessionId, place: Place) -> bool {
        self.0
            .contains_key(&(session.clone(), PublicationPlace::At(place)))
    }

    pub(crate) fn places(&self, session: &SessionId) -> Delivery {
        let known = self.0.keys().filter(|(id, _)| id == session);
        known
            .filter_map(|(_, at)| match at {
                PublicationPlace::At(place) => Some(*place),
                PublicationPlace::Kept => None,
            })
            .collect()
    }

    pub(crate) fn put(&mut self, place: Place, publication: &Publication) {
        let itself = (place == Place::CredentialsFile).then_some(&*publication.credentials);
        let published = Published::new(Some(publication.profile.clone()), itself);
        let at = (publication.session.clone(), PublicationPlace::At(place));
        self.0.insert(at, published);
        for displaced in &publication.displaced {
            self.remove(displaced, place);
        }
    }

    pub(crate) fn found(&mut self, place: Place, one: &Observed) {
        let at = (one.session.clone(), PublicationPlace::At(place));
        self.0.insert(at, Published::of(one));
    }

    pub(crate) fn remove(&mut self, session: &SessionId, place: Place) {
        self.0
            .remove(&(session.clone(), PublicationPlace::At(place)));
    }

    /// Says of credentials that are to be kept which of those in the credentials file they replace,
    /// where the latter look newer.
    pub(crate) fn note_replaced(&self, session: &SessionId, kept: &mut EncryptedCredentials) {
        let at = PublicationPlace::At(Place::CredentialsFile);
        let there = self.0.get(&(session.clone(), at));
        let issued_at = there.and_then(|there| there.issued_at);
        kept.replaces = issued_at.filter(|at| *at > kept.credentials.lease.issued_at);
    }

    pub(crate) fn keep(&mut self, changes: &[(SessionId, Option<EncryptedCredentials>)]) {
        for (session, kept) in changes {
            self.kept(session, kept.as_ref());
        }
    }

    pub(crate) fn kept(&mut self, session: &SessionId, kept: Option<&EncryptedCredentials>) {
        let at = (session.clone(), PublicationPlace::Kept);
        match kept {
            Some(kept) => self.0.insert(at, Published::of_kept(kept)),
            None => self.0.remove(&at),
        };
    }

    /// Whether anything that Dayfly published there is missing.
    pub(crate) fn misses(
        &self,
        at: PublicationPlace,
        there: &BTreeMap<SessionId, Published>,
    ) -> bool {
        let mut known = self.0.iter().filter(|((_, place), _)| *place == at);
        known.any(|((session, _), published)| there.get(session) != Some(published))
    }

    /// Compares what Dayfly published with what is there, and remembers the latter.
    pub(crate) fn compare(
        &mut self,
        at: PublicationPlace,
        there: &BTreeMap<SessionId, Published>,
        look: &mut PublicationCheck,
    ) {
        let known = self.0.iter().filter(|((_, place), _)| *place == at);
        for ((session, _), published) in known {
            if there.get(session) != Some(published) {
                look.lost.push(session.clone());
            }
        }
        let mut strange = Vec::new();
        for (session, published) in there {
            if !self.0.contains_key(&(session.clone(), at)) {
                strange.push(session.clone());
            }
            self.0.insert((session.clone(), at), published.clone());
        }
        for session in look.lost.iter().filter(|id| !there.contains_key(*id)) {
            self.0.remove(&(session.clone(), at));
        }
        look.strange = strange;
    }
}

impl Published {
    fn new(profile: Option<String>, credentials: Option<&TemporaryCredentials>) -> Self {
        let key_id = credentials.and_then(|c| match &c.material {
            Material::Aws { access_key_id, .. } => Some(access_key_id.clone()),
            Material::Azure { .. } => None,
        });
        Self {
            profile,
            issued_at: credentials.map(|c| c.lease.issued_at),
            key_id,
        }
    }

    pub(crate) fn of(one: &Observed) -> Self {
        Self::new(Some(one.profile.clone()), one.credentials.as_ref())
    }

    pub(crate) fn of_kept(kept: &EncryptedCredentials) -> Self {
        Self::new(kept.profile.clone(), Some(&kept.credentials))
    }
}
