//! What was put where, and whether it is still there: other programs write these files too.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials};

use crate::chain::{Chain, Order, Placed};
use crate::encrypted_store::EncryptedCredentials;
use crate::error::ChainError;
use crate::target::{Observed, Publication};

/// How long a file that lacks something is left alone before that is believed: editors and other
/// tools empty or remove a file before they write it anew.
const SETTLE: Duration = Duration::from_millis(250);

/// Somewhere that credentials stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicationPlace {
    /// A target.
    At(Place),
    /// The encrypted file for what stands in no file of other programs.
    Kept,
}

/// How a spot differs from what was put there.
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

/// What stands somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stand {
    profile: Option<String>,
    /// When what stands there was issued, and the access key's id, where the credentials
    /// themselves stand there.
    issued_at: Option<Timestamp>,
    key_id: Option<String>,
}

/// What was put where, and found.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<(SessionId, PublicationPlace), Stand>);

impl Known {
    pub(crate) fn stands(&self, session: &SessionId, place: Place) -> bool {
        self.0
            .contains_key(&(session.clone(), PublicationPlace::At(place)))
    }

    pub(crate) fn places(&self, session: &SessionId) -> Delivery {
        let known = self.0.keys().filter(|(id, _)| id == session);
        known
            .filter_map(|(_, spot)| match spot {
                PublicationPlace::At(place) => Some(*place),
                PublicationPlace::Kept => None,
            })
            .collect()
    }

    pub(crate) fn put(&mut self, place: Place, publication: &Publication) {
        let itself = (place == Place::CredentialsFile).then_some(&*publication.credentials);
        let stand = Stand::new(Some(publication.profile.clone()), itself);
        let at = (publication.session.clone(), PublicationPlace::At(place));
        self.0.insert(at, stand);
        for displaced in &publication.displaced {
            self.remove(displaced, place);
        }
    }

    pub(crate) fn found(&mut self, place: Place, one: &Observed) {
        let at = (one.session.clone(), PublicationPlace::At(place));
        self.0.insert(at, Stand::of(one));
    }

    pub(crate) fn remove(&mut self, session: &SessionId, place: Place) {
        self.0
            .remove(&(session.clone(), PublicationPlace::At(place)));
    }

    pub(crate) fn keep(&mut self, changes: &[(SessionId, Option<EncryptedCredentials>)]) {
        for (session, kept) in changes {
            self.kept(session, kept.as_ref());
        }
    }

    pub(crate) fn kept(&mut self, session: &SessionId, kept: Option<&EncryptedCredentials>) {
        let at = (session.clone(), PublicationPlace::Kept);
        match kept {
            Some(kept) => self.0.insert(at, Stand::of_kept(kept)),
            None => self.0.remove(&at),
        };
    }

    /// Whether something that was put there is not there.
    fn misses(&self, spot: PublicationPlace, there: &BTreeMap<SessionId, Stand>) -> bool {
        let mut known = self.0.iter().filter(|((_, at), _)| *at == spot);
        known.any(|((session, _), stand)| there.get(session) != Some(stand))
    }

    /// Compares with what is there, which is known from then on.
    fn compare(
        &mut self,
        spot: PublicationPlace,
        there: &BTreeMap<SessionId, Stand>,
        look: &mut PublicationCheck,
    ) {
        let known = self.0.iter().filter(|((_, at), _)| *at == spot);
        for ((session, _), stand) in known {
            if there.get(session) != Some(stand) {
                look.lost.push(session.clone());
            }
        }
        let mut strange = Vec::new();
        for (session, stand) in there {
            if !self.0.contains_key(&(session.clone(), spot)) {
                strange.push(session.clone());
            }
            self.0.insert((session.clone(), spot), stand.clone());
        }
        for session in look.lost.iter().filter(|id| !there.contains_key(*id)) {
            self.0.remove(&(session.clone(), spot));
        }
        look.strange = strange;
    }
}

impl Stand {
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

    fn of(one: &Observed) -> Self {
        Self::new(Some(one.profile.clone()), one.credentials.as_ref())
    }

    fn of_kept(kept: &EncryptedCredentials) -> Self {
        Self::new(kept.profile.clone(), Some(&kept.credentials))
    }
}

impl Chain {
    /// Looks whether what was put somewhere is there yet. What is found is taken for what is
    /// there from then on.
    ///
    /// May block for a moment where another program is writing the file.
    #[must_use]
    pub fn look(&self, spot: PublicationPlace) -> PublicationCheck {
        let mut look = PublicationCheck::default();
        let mut there = self.there(spot);
        let misses = |there| self.known().misses(spot, there);
        if there.as_ref().map_or(true, misses) {
            thread::sleep(SETTLE);
            there = self.there(spot);
        }
        match there {
            Ok(there) => {
                look.gone = !self.exists(spot);
                self.known().compare(spot, &there, &mut look);
            }
            Err(problem) => look.unread = Some(problem),
        }
        look
    }

    fn there(&self, spot: PublicationPlace) -> Result<BTreeMap<SessionId, Stand>, String> {
        match spot {
            PublicationPlace::Kept => {
                let kept = self.kept.all().map_err(|e| e.to_string())?;
                let kept = kept.iter();
                Ok(kept
                    .map(|(session, kept)| (session.clone(), Stand::of_kept(kept)))
                    .collect())
            }
            PublicationPlace::At(place) => {
                let mut there = BTreeMap::new();
                for target in self.targets().filter(|target| target.place() == place) {
                    let observed = target.observe().map_err(|e| e.to_string())?;
                    there.extend(
                        observed
                            .iter()
                            .map(|one| (one.session.clone(), Stand::of(one))),
                    );
                }
                Ok(there)
            }
        }
    }

    fn exists(&self, spot: PublicationPlace) -> bool {
        match spot {
            PublicationPlace::Kept => self.kept.path().exists(),
            PublicationPlace::At(place) => self
                .targets()
                .any(|target| target.place() == place && target.path().exists()),
        }
    }

    /// What came of a change that broke in the middle: what is found is told, whatever it is.
    ///
    /// # Errors
    /// The change is not made, or not to the end.
    pub fn outcome(&self, order: &Order) -> Result<Placed, ChainError> {
        let found = self.observe();
        let there = found.sessions.get(order.session());
        match order {
            Order::Publish(deliver) => match there {
                Some(one) if one.credentials.lease == deliver.credentials.lease => Ok(Placed {
                    in_force: one.in_force.clone(),
                    ..Placed::default()
                }),
                _ => Err(ChainError::Defect),
            },
            Order::Retract { session } => {
                let anywhere = there.is_some() || found.hollow.contains(session);
                let unclear = !found.problems.is_empty() || found.unread.is_some();
                match anywhere || unclear {
                    true => Err(ChainError::Defect),
                    false => Ok(Placed::default()),
                }
            }
        }
    }

    /// The file behind each spot.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PublicationPlace, PathBuf> {
        let kept = (PublicationPlace::Kept, self.kept.path().to_owned());
        let targets = self.targets();
        targets
            .map(|target| {
                (
                    PublicationPlace::At(target.place()),
                    target.path().to_owned(),
                )
            })
            .chain(std::iter::once(kept))
            .collect()
    }
}
