//! The whole provider chain: every session to the targets that it is to be delivered to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::session::SessionId;
use dayfly_vault::VaultError;

use crate::encrypted_store::EncryptedStore;
use crate::error::ChainError;
use crate::known::Known;
use crate::order::{Order, Placed};
use crate::target::{Change, Target};

/// How long a file that lacks something is left alone before that is believed: editors and other
/// tools empty or remove a file before they write it anew.
const SETTLE: Duration = Duration::from_millis(250);

/// The targets, and what is kept for those who ask.
pub struct Chain {
    targets: Vec<Box<dyn Target>>,
    pub(crate) encrypted: EncryptedStore,
    /// Targets of an earlier configuration, out of which everything of ours is to go.
    pub(crate) former: Vec<Box<dyn Target>>,
    /// Why nothing is published, where that is so.
    refuses: Option<String>,
    /// Places that this machine does not have, and why.
    absent: BTreeMap<Place, String>,
    /// How long a file that lacks something is left alone before that is believed.
    pub(crate) settle: Duration,
    /// What was put where, as far as is known.
    known: Mutex<Known>,
}

/// What changes brought.
#[derive(Debug)]
pub struct Applied {
    /// Each change. Credentials that could be put nowhere are kept for those who ask, so a
    /// publication fails only where another session would have to give way for nothing.
    pub results: Vec<Result<Placed, ChainError>>,
    /// Why credentials could not be kept encrypted: they are in memory only.
    pub unkept: Option<VaultError>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places = self.targets.iter().map(|t| (t.place(), t.path()));
        f.debug_map().entries(places).finish()
    }
}

impl Chain {
    /// A chain of these targets.
    #[must_use]
    pub fn new(targets: Vec<Box<dyn Target>>, encrypted: EncryptedStore) -> Self {
        Self {
            targets,
            encrypted,
            absent: BTreeMap::new(),
            former: Vec::new(),
            refuses: None,
            settle: SETTLE,
            known: Mutex::default(),
        }
    }

    /// Leaves a file that lacks something alone for so long before it believes it.
    #[must_use]
    pub fn settling(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    /// Says that this machine does not have a place, and why.
    #[must_use]
    pub fn without(mut self, place: Place, reason: &str) -> Self {
        self.absent.insert(place, reason.to_owned());
        self
    }

    /// Adds targets of an earlier configuration: nothing is published there any more, and
    /// what stands there of ours is taken away.
    #[must_use]
    pub fn leaving(self, former: Vec<Box<dyn Target>>) -> Self {
        Self { former, ..self }
    }

    /// Has the chain publish nothing, where nobody knows where credentials are to go: it takes away, and
    /// publishes nothing.
    #[must_use]
    pub fn refusing(self, why: String) -> Self {
        Self {
            refuses: Some(why),
            ..self
        }
    }

    /// Why nothing is published, where that is so.
    #[must_use]
    pub fn refuses(&self) -> Option<&str> {
        self.refuses.as_deref()
    }

    /// Why publications under these profiles would fail, each with the places that it wants: other
    /// programs' lines hold the profile there. A place that cannot be read is told for each of them.
    #[must_use]
    pub fn blocked<'p>(
        &self,
        wanted: impl IntoIterator<Item = (&'p str, &'p Delivery)>,
    ) -> Vec<(String, ChainError)> {
        let wanted: Vec<_> = wanted.into_iter().collect();
        let mut found = Vec::new();
        for target in &self.targets {
            let here = wanted.iter().filter(|(_, d)| d.contains(&target.place()));
            let profiles: BTreeSet<&str> = here.map(|(profile, _)| *profile).collect();
            if profiles.is_empty() {
                continue;
            }
            match target.blocked(&profiles) {
                Ok(blocked) => found.extend(blocked),
                Err(error) => {
                    let each = profiles.into_iter();
                    found.extend(each.map(|profile| (profile.to_owned(), error.clone())));
                }
            }
        }
        found
    }

    /// Takes everything of ours out of the targets of an earlier configuration; the files of which
    /// that cannot be said, and why.
    #[must_use]
    pub fn leave(&self) -> Vec<(Place, PathBuf, ChainError)> {
        let mut failed = Vec::new();
        for target in &self.former {
            let path = target.path().to_owned();
            let changes = target.observe().map(|all| {
                let sessions: BTreeSet<SessionId> = all.into_iter().map(|o| o.session).collect();
                let retract = |session| Change::Retract { session };
                sessions.into_iter().map(retract).collect::<Vec<_>>()
            });
            let results = match changes {
                Ok(changes) if changes.is_empty() => Vec::new(),
                Ok(changes) => target.apply(&changes),
                Err(error) => vec![Err(error)],
            };
            let error = results.into_iter().find_map(Result::err);
            failed.extend(error.map(|error| (target.place(), path, error)));
        }
        failed
    }

    /// Takes a session out of targets of an earlier configuration; where that fails, and why.
    fn leave_one(&self, session: &SessionId) -> Vec<(Place, ChainError)> {
        let change = [Change::Retract {
            session: session.clone(),
        }];
        let mut failed = Vec::new();
        for target in &self.former {
            let results = match target.holds_any_of(&change) {
                Ok(false) => continue,
                Ok(true) => target.apply(&change),
                Err(error) => vec![Err(error)],
            };
            let errors = results.into_iter().filter_map(Result::err);
            failed.extend(errors.map(|error| (target.place(), error)));
        }
        failed
    }

    /// The targets.
    pub fn targets(&self) -> impl Iterator<Item = &dyn Target> {
        self.targets.iter().map(|target| &**target)
    }

    /// Makes these changes, in their order, with few rewrites.
    ///
    /// May block for seconds where another process holds a lock.
    #[must_use]
    pub fn apply(&self, orders: &[Order]) -> Applied {
        let mut applied = Applied {
            results: Vec::with_capacity(orders.len()),
            unkept: None,
        };
        // What is said of one session is done one after the other.
        let mut rest = orders;
        while !rest.is_empty() {
            let mut seen = BTreeSet::new();
            let together = rest
                .iter()
                .take_while(|order| order.sessions().all(|id| seen.insert(id)))
                .count();
            let (now, later) = rest.split_at(together.max(1));
            self.apply_together(now, &mut applied);
            rest = later;
        }
        applied
    }

    fn apply_together(&self, orders: &[Order], applied: &mut Applied) {
        let mut placed: Vec<Placed> = orders.iter().map(|_| Placed::default()).collect();
        for (order, placed) in orders.iter().zip(&mut placed) {
            match (order, &self.refuses) {
                (Order::Retract { session }, _) => placed.failed = self.leave_one(session),
                (Order::Publish(deliver), Some(why)) => {
                    let place = deliver.places().next().unwrap_or(Place::CredentialsFile);
                    let error = ChainError::Refused(why.clone());
                    placed.failed.push((place, error));
                }
                (Order::Publish(_), None) => {}
            }
        }
        for target in &self.targets {
            let (at, changes): (Vec<usize>, Vec<Change>) = orders
                .iter()
                .enumerate()
                .filter(|(_, order)| self.refuses.is_none() || !order.publishes())
                .filter_map(|(at, order)| Some((at, order.change(target.place())?)))
                .unzip();
            self.apply_to(&**target, &at, &changes, &mut placed);
        }
        for (order, placed) in orders.iter().zip(&mut placed) {
            self.note_absent(order, placed);
        }
        let mut well: Vec<bool> = orders
            .iter()
            .zip(&placed)
            .map(|(order, placed)| {
                (self.refuses.is_none() || !order.publishes()) && order.is_well(placed)
            })
            .collect();
        self.clear(orders, &well, &mut placed);
        let done = orders.iter().zip(&placed).zip(&well);
        let mut kept: Vec<_> = done
            .filter(|(_, well)| **well)
            .flat_map(|((order, placed), _)| order.kept(placed))
            .collect();
        for (session, own) in &mut kept {
            if let Some(own) = own {
                self.known().note_replaced(session, own);
            }
        }
        match self.encrypted.change(&kept) {
            Ok(()) => self.known().keep(&kept),
            Err(error) => {
                applied.unkept = Some(error);
                // What is in no file and could not be kept either is nowhere.
                for ((well, order), placed) in well.iter_mut().zip(orders).zip(&placed) {
                    *well &= !order.publishes()
                        || placed.failed.is_empty()
                        || !placed.in_force.is_empty();
                }
            }
        }
        let results = placed.into_iter().zip(well).map(|(mut placed, well)| {
            let first = (!well).then(|| placed.failed.drain(..).next()).flatten();
            first.map_or(Ok(placed), |(_, error)| Err(error))
        });
        applied.results.extend(results);
    }

    /// Takes away credentials that newer ones elsewhere replace, and those of sessions that give way.
    fn clear(&self, orders: &[Order], well: &[bool], placed: &mut [Placed]) {
        for target in &self.targets {
            let place = target.place();
            let (mut at, mut changes) = (Vec::new(), Vec::new());
            for (index, (order, _)) in orders
                .iter()
                .zip(well)
                .enumerate()
                .filter(|(_, (_, w))| **w)
            {
                let Some(of) = placed.get(index) else {
                    continue;
                };
                for session in order.to_clear(place, of) {
                    at.push(index);
                    changes.push(Change::Retract {
                        session: session.clone(),
                    });
                }
            }
            let mut cleared: Vec<Placed> = orders.iter().map(|_| Placed::default()).collect();
            let failed = self.apply_to(&**target, &at, &changes, &mut cleared);
            for (index, session, error) in failed {
                let (Some(order), Some(placed)) = (orders.get(index), placed.get_mut(index)) else {
                    continue;
                };
                if order.session() == &session {
                    placed.left.push((place, error));
                } else if !placed.leftover.contains(&session) {
                    placed.leftover.push(session);
                }
            }
        }
    }

    /// Says where credentials were to go that this machine has no place for.
    fn note_absent(&self, order: &Order, placed: &mut Placed) {
        let Order::Publish(deliver) = order else {
            return;
        };
        for place in deliver.places() {
            if self.targets().any(|target| target.place() == place) {
                continue;
            }
            let reason = self.absent.get(&place).cloned().unwrap_or_default();
            placed
                .failed
                .push((place, ChainError::NotHere { place, reason }));
        }
    }

    /// Makes these changes at one target; which of them failed.
    fn apply_to(
        &self,
        target: &dyn Target,
        at: &[usize],
        changes: &[Change],
        placed: &mut [Placed],
    ) -> Vec<(usize, SessionId, ChainError)> {
        let place = target.place();
        if changes.is_empty() {
            return Vec::new();
        }
        // A file that has nothing of ours, and is to get nothing, is not even locked.
        let concerned = target.holds_any_of(changes).unwrap_or_else(|_| {
            let known = self.known();
            changes.iter().any(|change| match change {
                Change::Publish(_) => true,
                Change::Retract { session } => known.stands(session, place),
            })
        });
        if !concerned {
            // Others took it away before: should it come back, it is strange there.
            for change in changes {
                self.known().remove(change.session(), place);
            }
            return Vec::new();
        }
        let results = target.apply(changes);
        let mut known = self.known();
        let mut failed = Vec::new();
        for ((index, change), result) in at.iter().zip(changes).zip(results) {
            match (result, change) {
                (Ok(()), Change::Publish(publication)) => {
                    if let Some(placed) = placed.get_mut(*index) {
                        placed.in_force.insert(place);
                    }
                    known.put(place, publication);
                }
                (Ok(()), Change::Retract { session }) => known.remove(session, place),
                (Err(error), change) => {
                    if let Some(placed) = placed.get_mut(*index) {
                        placed.failed.push((place, error.clone()));
                    }
                    failed.push((*index, change.session().clone(), error));
                }
            }
        }
        failed
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where something of a session stands, as far as is known: what was found, and what was
    /// changed since.
    #[must_use]
    pub fn stands(&self, session: &SessionId) -> Delivery {
        self.known().places(session)
    }
}
