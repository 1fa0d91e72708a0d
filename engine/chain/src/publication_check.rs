//! Checks whether what Dayfly published is still there: other programs write these files too.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;

use dayfly_core::placement::PublicationPlace;
use dayfly_core::session::SessionId;

use crate::chain::Chain;
use crate::error::ChainError;
use crate::known::{PublicationCheck, Published};
use crate::order::{Order, Placed};

impl Chain {
    /// Looks whether what was put somewhere is there yet. What is found is taken for what is
    /// there from then on.
    ///
    /// May block for a moment where another program is writing the file.
    #[must_use]
    pub fn look(&self, at: PublicationPlace) -> PublicationCheck {
        let mut look = PublicationCheck::default();
        let mut there = self.there(at);
        let misses = |there| self.known().misses(at, there);
        if there.as_ref().map_or(true, misses) {
            thread::sleep(self.settle);
            there = self.there(at);
        }
        match there {
            Ok(there) => {
                look.gone = !self.exists(at);
                self.known().compare(at, &there, &mut look);
            }
            Err(problem) => look.unread = Some(problem),
        }
        look
    }

    fn there(&self, at: PublicationPlace) -> Result<BTreeMap<SessionId, Published>, String> {
        match at {
            PublicationPlace::Kept => {
                let kept = self.encrypted.all().map_err(|e| e.to_string())?;
                let kept = kept.iter();
                Ok(kept
                    .map(|(session, kept)| (session.clone(), Published::of_kept(kept)))
                    .collect())
            }
            PublicationPlace::At(place) => {
                let mut there = BTreeMap::new();
                for target in self.targets().filter(|target| target.place() == place) {
                    let observed = target.observe().map_err(|e| e.to_string())?;
                    there.extend(
                        observed
                            .iter()
                            .map(|one| (one.session.clone(), Published::of(one))),
                    );
                }
                Ok(there)
            }
        }
    }

    fn exists(&self, at: PublicationPlace) -> bool {
        match at {
            PublicationPlace::Kept => self.encrypted.path().exists(),
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
                let anywhere = there.is_some() || found.without_credentials.contains(session);
                let unclear = !found.problems.is_empty() || found.unread.is_some();
                match anywhere || unclear {
                    true => Err(ChainError::Defect),
                    false => Ok(Placed::default()),
                }
            }
        }
    }

    /// The file behind each place.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PublicationPlace, PathBuf> {
        let kept = (PublicationPlace::Kept, self.encrypted.path().to_owned());
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
