//! The places of a made-up chain: some of them fail, and other programs meddle with them. It draws from
//! chance of its own, so that walks that are kept without it stay what they were.

use std::collections::BTreeMap;

use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::placement::{ChangedPlace, Placement, PublicationPlace, WantedDeliveries};
use dayfly_core::random::Random;
use dayfly_core::session::{ErrorKind, Failure, SessionId};

/// The places that fail and are meddled with.
const PLACES: [Place; 2] = [Place::CredentialsFile, Place::CredentialProcess];

/// What the walks met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) alignments: u64,
    pub(crate) failed: u64,
    pub(crate) left: u64,
    pub(crate) leftovers: u64,
    pub(crate) cleared: u64,
    pub(crate) lost: u64,
    pub(crate) strange: u64,
    pub(crate) waited: u64,
}

impl Met {
    pub(crate) fn add(&mut self, other: Self) {
        self.alignments += other.alignments;
        self.failed += other.failed;
        self.left += other.left;
        self.leftovers += other.leftovers;
        self.cleared += other.cleared;
        self.lost += other.lost;
        self.strange += other.strange;
        self.waited += other.waited;
    }

    pub(crate) const fn is_everything(&self) -> bool {
        self.alignments > 0
            && self.failed > 0
            && self.left > 0
            && self.leftovers > 0
            && self.cleared > 0
            && self.lost > 0
            && self.strange > 0
            && self.waited > 0
    }
}

pub(crate) struct Places {
    random: Random,
    /// Whether anything fails, and anybody meddles.
    pub(crate) faults: bool,
    at: BTreeMap<SessionId, Delivery>,
    pub(crate) met: Met,
}

fn refused(what: &str) -> Failure {
    Failure::new(ErrorKind::Delivery, what)
}

impl Places {
    pub(crate) fn new(seed: u64, faults: bool) -> Self {
        Self {
            random: Random::new(seed ^ 0x0070_6c61_6365),
            faults,
            at: BTreeMap::new(),
            met: Met::default(),
        }
    }

    /// Where something of a session is.
    pub(crate) fn of(&self, session: &SessionId) -> Delivery {
        self.at.get(session).cloned().unwrap_or_default()
    }

    /// Once in so many times, where anything goes wrong at all.
    pub(crate) fn chance(&mut self, of: u64) -> bool {
        self.faults && self.random.up_to(of - 1) == 0
    }

    pub(crate) fn put(
        &mut self,
        session: &SessionId,
        delivery: &Delivery,
        displaced: &[SessionId],
    ) -> Placement {
        let mut placement = Placement::default();
        let before = self.of(session);
        let mut now = Delivery::new();
        for place in Place::ALL {
            let wanted = delivery.contains(&place);
            if !wanted && !before.contains(&place) {
                continue;
            }
            match (wanted, self.chance(4)) {
                (true, false) => {
                    placement.in_force.insert(place);
                    now.insert(place);
                }
                (true, true) => {
                    self.met.failed += 1;
                    placement.failed.push((place, refused("cannot be written")));
                }
                (false, false) => {}
                (false, true) => {
                    self.met.left += 1;
                    placement.left.push((place, refused("cannot be cleared")));
                    now.insert(place);
                }
            }
        }
        self.at.insert(session.clone(), now);
        for gone in displaced {
            let had = !self.of(gone).is_empty();
            if had && self.chance(3) {
                self.met.leftovers += 1;
                placement.leftover.push(gone.clone());
            } else {
                self.at.remove(gone);
            }
        }
        placement
    }

    pub(crate) fn clear(&mut self, session: &SessionId) {
        self.at.remove(session);
    }

    /// A retraction that fails may take some away all the same.
    pub(crate) fn clear_half(&mut self, session: &SessionId) -> Delivery {
        if self.chance(2) {
            let at = self.at.get_mut(session);
            at.and_then(Delivery::pop_first);
        }
        self.of(session)
    }

    /// Where all is to be put, as somebody writes it.
    pub(crate) fn draw_wanted(&mut self, sessions: u64) -> WantedDeliveries {
        let mut draw = || {
            let drawn = self.random.up_to(3);
            let all = PLACES.into_iter().zip([1, 2]);
            all.filter(|(_, bit)| drawn & bit > 0)
                .map(|(place, _)| place)
                .collect::<Delivery>()
        };
        let usual = draw();
        let own = (0..sessions).step_by(2);
        let own = own.map(|n| (SessionId::new(&format!("s{n}")), draw()));
        let sessions = own.collect();
        WantedDeliveries { usual, sessions }
    }

    /// What all is to be put in where nothing goes wrong any more.
    pub(crate) fn everywhere() -> WantedDeliveries {
        WantedDeliveries {
            usual: Delivery::from(PLACES),
            sessions: BTreeMap::new(),
        }
    }

    /// Another program writes one of the files.
    pub(crate) fn meddle(&mut self, sessions: u64) -> ChangedPlace {
        let place = PLACES[usize::from(self.random.up_to(1) == 0)];
        let mut changed = ChangedPlace {
            place: PublicationPlace::At(place),
            file: format!("the file of {place}"),
            file_is_gone: false,
            lost: Vec::new(),
            strange: Vec::new(),
        };
        let session = SessionId::new(&format!("s{}", self.random.up_to(sessions + 1)));
        match self.random.up_to(4) {
            0 => {
                changed.file_is_gone = true;
                for (id, at) in &mut self.at {
                    if at.remove(&place) {
                        changed.lost.push(id.clone());
                    }
                }
            }
            1 => {
                let at = self.at.get_mut(&session);
                let removed = at.is_some_and(|at| at.remove(&place));
                changed.lost.extend(removed.then_some(session));
            }
            2 => {
                let added = self.at.entry(session.clone()).or_default().insert(place);
                changed.strange.extend(added.then_some(session));
            }
            3 => {
                changed.place = PublicationPlace::Kept;
                changed.lost.push(session);
            }
            _ => {}
        }
        self.met.lost += changed.lost.len() as u64;
        self.met.strange += changed.strange.len() as u64;
        changed
    }

    /// Whether a session has something somewhere that has no credentials.
    pub(crate) fn strays<'a>(
        &'a self,
        has: impl Fn(&SessionId) -> bool + 'a,
    ) -> impl Iterator<Item = &'a SessionId> {
        let somewhere = self.at.iter().filter(|(_, at)| !at.is_empty());
        somewhere.map(|(id, _)| id).filter(move |id| !has(id))
    }
}
