//! The places of the chain: the person writes down others, their files refuse to be written, and other
//! programs write them. Draws from chance of its own, so that old walks stay what they were.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dayfly_chain::{
    ChainError, Change, ConfigFile, CredentialsFile, Observed, Process, PublicationPlace, Target,
};
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::input::{Input, RecoveredCredentials};
use dayfly_core::placement::{ChangedPlace, WantedDeliveries};
use dayfly_core::random::Random;
use dayfly_core::session::SessionId;
use dayfly_core::state::Phase;

use super::Machine;
use super::deeds::SESSIONS;

/// The places that credentials are put in.
const PLACES: [Place; 2] = [Place::CredentialsFile, Place::CredentialProcess];

/// What goes wrong with places.
pub(crate) struct Places {
    random: Random,
    /// Whether nothing can be written there; the targets of the chain look at it.
    refuses: BTreeMap<Place, Arc<AtomicBool>>,
    wanted: WantedDeliveries,
    /// Places whose files others wrote, which nobody has told the core yet.
    pub(super) unseen: BTreeSet<Place>,
    /// What somebody keeps a copy of.
    copy: Option<String>,
}

impl Places {
    pub(super) fn new(seed: u64) -> Self {
        let refuses = PLACES.map(|place| (place, Arc::default()));
        Self {
            random: Random::new(seed ^ 0x0070_6c61_6365_7321),
            refuses: refuses.into(),
            wanted: WantedDeliveries::default(),
            unseen: BTreeSet::new(),
            copy: None,
        }
    }

    /// The targets of a chain in this folder.
    pub(super) fn targets(&self, folder: &Path) -> Vec<Box<dyn Target>> {
        let all: [Box<dyn Target>; 2] = [
            Box::new(CredentialsFile::new(folder.join("credentials"))),
            Box::new(config_file(folder)),
        ];
        let all = all.into_iter().map(|target| {
            let refuses = Arc::clone(&self.refuses[&target.place()]);
            Box::new(Fragile { target, refuses }) as Box<dyn Target>
        });
        all.collect()
    }

    fn draw(&mut self) -> Delivery {
        let drawn = self.random.up_to(3);
        let all = PLACES.into_iter().zip([1, 2]);
        all.filter(|(_, bit)| drawn & bit > 0)
            .map(|(place, _)| place)
            .collect()
    }
}

fn config_file(folder: &Path) -> ConfigFile {
    let process = Process {
        program: "/usr/bin/dayfly".into(),
        home: None,
    };
    ConfigFile::new(folder.join("config"), process)
}

/// A target that can be made to refuse every change.
struct Fragile {
    target: Box<dyn Target>,
    refuses: Arc<AtomicBool>,
}

impl Target for Fragile {
    fn place(&self) -> Place {
        self.target.place()
    }

    fn path(&self) -> &Path {
        self.target.path()
    }

    fn apply(&self, changes: &[Change]) -> Vec<Result<(), ChainError>> {
        if !self.refuses.load(Ordering::Relaxed) {
            return self.target.apply(changes);
        }
        let refused = || Err(ChainError::Refused("nothing can be written".to_owned()));
        changes.iter().map(|_| refused()).collect()
    }

    fn observe(&self) -> Result<Vec<Observed>, ChainError> {
        self.target.observe()
    }

    fn holds_any_of(&self, changes: &[Change]) -> Result<bool, ChainError> {
        self.target.holds_any_of(changes)
    }
}

impl Machine {
    /// The core is told where credentials are to go, and what is somewhere without credentials.
    pub(super) fn boot_places(&mut self) {
        let Some(places) = &mut self.places else {
            return;
        };
        places.unseen.clear();
        let wanted = places.wanted.clone();
        for session in self.chain.observe().without_credentials {
            self.input(Input::FoundLeftover { session });
        }
        self.input(Input::Deliveries(wanted));
    }

    /// Something happens to a place.
    pub(super) fn place_mishap(&mut self) {
        let Some(places) = &mut self.places else {
            return;
        };
        if places.random.up_to(4) > 0 {
            return;
        }
        let place = PLACES[usize::from(places.random.up_to(1) == 0)];
        match places.random.up_to(9) {
            0 | 1 => {
                let usual = places.draw();
                let own = (0..SESSIONS).step_by(2);
                let own = own.map(|n| (SessionId::new(&format!("s{n}")), places.draw()));
                let sessions = own.collect();
                places.wanted = WantedDeliveries { usual, sessions };
                let wanted = places.wanted.clone();
                self.met.deliveries += 1;
                self.input(Input::Deliveries(wanted));
            }
            2 | 3 => {
                let before = places.refuses[&place].fetch_xor(true, Ordering::Relaxed);
                self.met.refusing_places += u64::from(!before);
            }
            4 => self.take_out(place),
            5 => self.remove_config(),
            6 => {
                let config = self.folder.path().join("config");
                places.copy = std::fs::read_to_string(config).ok();
            }
            7 => self.restore_config(),
            _ => self.see_places(),
        }
    }

    /// Another program takes the entry of one session out of a file.
    fn take_out(&mut self, place: Place) {
        let folder = self.folder.path().to_owned();
        self.others_write(place, |session| {
            let change = [Change::Retract { session }];
            let done = match place {
                Place::CredentialsFile => {
                    CredentialsFile::new(folder.join("credentials")).apply(&change)
                }
                _ => config_file(&folder).apply(&change),
            };
            assert!(done.iter().all(Result::is_ok), "{done:?}");
        });
        self.met.taken_out += 1;
    }

    fn remove_config(&mut self) {
        let config = self.folder.path().join("config");
        self.others_write(Place::CredentialProcess, |_| {
            let _ = std::fs::remove_file(config);
        });
    }

    /// A copy of the config file that is older comes back.
    fn restore_config(&mut self) {
        let copy = self.places.as_mut().and_then(|places| places.copy.take());
        let Some(copy) = copy else {
            return;
        };
        let config = self.folder.path().join("config");
        self.others_write(Place::CredentialProcess, |_| {
            std::fs::write(config, copy).unwrap();
        });
        self.met.restored += 1;
    }

    /// Another program writes the file of a place, which the core does not know yet.
    fn others_write(&mut self, place: Place, write: impl FnOnce(SessionId)) {
        let before = self.found();
        let Some(places) = &mut self.places else {
            return;
        };
        let n = places.random.up_to(SESSIONS - 1);
        places.unseen.insert(place);
        self.say(|| format!("somebody writes the file of {place}"));
        write(SessionId::new(&format!("s{n}")));
        self.note_taken(before);
    }

    /// The core is told of what others did to the files.
    fn see_places(&mut self) {
        while let Some(place) = self.places.as_mut().and_then(|p| p.unseen.pop_first()) {
            let at = PublicationPlace::At(place);
            let check = self.chain.look(at);
            assert_eq!(check.unread, None, "{place}");
            self.met.seen_places += 1;
            self.input(Input::PlaceChanged(ChangedPlace {
                place: at,
                file: place.to_string(),
                file_is_gone: check.gone,
                lost: check.lost,
                strange: check.strange,
            }));
        }
    }

    /// What others did and the core was not told is as it was before, for the audit.
    pub(super) fn as_told(&self, mut found: RecoveredCredentials) -> RecoveredCredentials {
        let unseen = self.places.iter().flat_map(|places| &places.unseen);
        for place in unseen {
            let known = self.state.delivery(&found.session);
            match known.is_some_and(|known| known.in_force().contains(place)) {
                true => found.in_force.insert(*place),
                false => found.in_force.remove(place),
            };
        }
        found
    }

    /// Where the core believes credentials that somebody took away altogether.
    pub(super) fn believed(&self, session: &SessionId) -> Delivery {
        let known = self.state.delivery(session);
        known
            .map(|known| known.in_force().clone())
            .unwrap_or_default()
    }

    /// Every file can be written again, and all is to be in both.
    pub(super) fn mend_places(&mut self) {
        let Some(places) = &mut self.places else {
            return;
        };
        for refuses in places.refuses.values() {
            refuses.store(false, Ordering::Relaxed);
        }
        places.wanted = WantedDeliveries {
            usual: Delivery::from(PLACES),
            sessions: BTreeMap::new(),
        };
        let wanted = places.wanted.clone();
        self.see_places();
        self.input(Input::Deliveries(wanted));
    }

    /// Whether nothing is tried again.
    pub(super) fn places_are_settled(&self) -> bool {
        self.places.is_none() || self.state.places_retried().is_none()
    }

    /// Credentials are where they should be, and nothing is anywhere else.
    pub(super) fn check_places(&self) {
        if self.places.is_none() {
            return;
        }
        let found = self.observer.observe();
        assert_eq!(found.without_credentials, [], "left without credentials");
        for (id, tracked) in self.state.sessions() {
            let known = self.state.delivery(id);
            let Some(known) = known.filter(|_| matches!(tracked.phase, Phase::Active(_))) else {
                continue;
            };
            let alone: Delivery = known.left_alone().collect();
            let wanted: Delivery = Delivery::from(PLACES).difference(&alone).copied().collect();
            let there = found.sessions.get(id).map(|found| found.in_force.clone());
            assert_eq!(there.as_ref(), Some(&wanted), "{id}");
        }
    }
}
