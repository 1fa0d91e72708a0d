//! The configuration is broken and mended, files go, and editors save what is old.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::arbitration::Tier;
use dayfly_core::delivery::Place;
use dayfly_core::effect::{Effect, JournalEvent};
use dayfly_core::input::{Entry, Input, RecoveredCredentials};
use dayfly_core::random::Random;
use dayfly_core::session::SessionId;
use serde_json::{Value, json};

use super::{FOREIGN, Machine, entry, rules};

/// What goes wrong beside clouds, clocks and crashes.
pub(crate) struct Mishaps {
    random: Random,
    /// The configuration file cannot be read.
    broken: bool,
    /// The component of the guard rail is missing.
    missing: bool,
    /// Counts the versions of the configuration.
    generation: u64,
    /// It was changed since it was last read.
    unread: bool,
    /// What came in force with the last version that could be read, since the start.
    in_force: Option<Vec<Entry>>,
    /// Whether the core was told of any policies since the start.
    known: bool,
    /// What an editor has on the screen.
    screen: Option<String>,
    /// Whether the credentials file was removed, and what was in it with it.
    pub(super) foreign_is_gone: bool,
    /// What somebody took away with that file: no engine is told of it before it looks.
    pub(super) taken: BTreeMap<SessionId, RecoveredCredentials>,
}

impl Mishaps {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed ^ 0x006d_6973_6861_7073),
            broken: false,
            missing: false,
            generation: 0,
            unread: false,
            in_force: None,
            known: false,
            screen: None,
            foreign_is_gone: false,
            taken: BTreeMap::new(),
        }
    }

    /// The policy entries as an engine has them: what cannot be read leaves what was in force.
    fn read(&mut self) -> Vec<Entry> {
        self.unread = false;
        self.known = true;
        if self.broken {
            let closed = || vec![stand_in("dayfly.toml")];
            return self.in_force.clone().unwrap_or_else(closed);
        }
        let mut entries = rules(self.generation);
        if self.missing {
            let before = self.in_force.iter().flatten();
            let mut good = before.filter(|e| e.name.as_str() == "c" && e.unusable.is_none());
            let rail = good.next().cloned();
            entries.pop();
            entries.push(rail.unwrap_or_else(|| stand_in("c")));
        }
        self.in_force = Some(entries.clone());
        entries
    }

    /// Whether nothing may begin: nobody knows the rules, or a guard rail is closed.
    fn forbids_all(&self) -> bool {
        let closed = |entries: &Vec<Entry>| entries.iter().any(|e| e.unusable.is_some());
        !self.known || self.in_force.as_ref().is_none_or(closed)
    }
}

fn stand_in(name: &str) -> Entry {
    Entry {
        unusable: Some("it cannot be read".to_owned()),
        ..entry(name, Tier::GuardRail)
    }
}

impl Machine {
    /// An engine that starts knows nothing but what is there.
    pub(super) fn forget(&mut self) {
        if let Some(mishaps) = &mut self.mishaps {
            (mishaps.known, mishaps.in_force) = (false, None);
            mishaps.taken.clear();
        }
    }

    /// The configuration is read before the Workspace, after it, or late.
    pub(super) fn boot_in_any_order(&mut self) {
        let Some(mishaps) = &mut self.mishaps else {
            return;
        };
        let order = mishaps.random.up_to(3);
        self.met.boots[usize::try_from(order.min(2)).unwrap()] += 1;
        match order {
            0 => {
                self.read_rules();
                self.look();
            }
            1 => self.look(),
            _ => {
                self.look();
                self.read_rules();
            }
        }
    }

    pub(super) fn read_rules(&mut self) {
        let Some(mishaps) = &mut self.mishaps else {
            return;
        };
        let entries = mishaps.read();
        let closed = mishaps.forbids_all();
        self.met.closed += u64::from(closed);
        self.input(Input::Policies(entries));
    }

    /// Nothing begins that a guard rail could not be asked about.
    pub(super) fn judge(&self, effects: &[Effect]) {
        let Some(mishaps) = &self.mishaps else {
            return;
        };
        for effect in effects {
            let begins = match effect {
                Effect::Record(note) => matches!(note.what, JournalEvent::Began { .. }),
                // What was begun before is brought to its end.
                Effect::Issue { .. } | Effect::Publish { .. } => !mishaps.known,
                _ => false,
            };
            assert!(!begins || !mishaps.forbids_all(), "{effect:?}");
        }
    }

    /// Something goes wrong, or is mended.
    pub(super) fn mishap(&mut self) {
        let workspace = self.workspace_path();
        let Some(mishaps) = &mut self.mishaps else {
            return;
        };
        if mishaps.random.up_to(5) > 0 {
            return;
        }
        match mishaps.random.up_to(11) {
            0 | 1 => {
                mishaps.broken = !mishaps.broken;
                mishaps.unread = true;
                self.met.broken_configurations += u64::from(mishaps.broken);
            }
            2 => {
                mishaps.missing = !mishaps.missing;
                mishaps.unread = true;
            }
            3 => {
                mishaps.generation += 1;
                mishaps.unread = true;
            }
            4..=7 if mishaps.unread || !mishaps.known => self.read_rules(),
            8 => self.remove_credentials(),
            9 => self.remove_workspace(),
            10 => mishaps.screen = std::fs::read_to_string(workspace).ok(),
            11 => self.save_what_is_old(),
            _ => {}
        }
    }

    /// As `rm -rf ~/.aws` does.
    fn remove_credentials(&mut self) {
        let before = self.found();
        if std::fs::remove_file(self.credentials_path()).is_ok() {
            self.say(|| "somebody removes the credentials file".to_owned());
            self.met.removed_credentials += 1;
            self.foreign_edits = 0;
            if let Some(mishaps) = &mut self.mishaps {
                mishaps.foreign_is_gone = true;
            }
            if let Some(places) = &mut self.places {
                places.unseen.insert(Place::CredentialsFile);
            }
            self.note_taken(before);
        }
    }

    /// Somebody may have taken away what was found before.
    pub(super) fn note_taken(&mut self, before: Vec<RecoveredCredentials>) {
        let left: BTreeSet<_> = self.found().into_iter().map(|f| f.session).collect();
        if let Some(mishaps) = &mut self.mishaps {
            let gone = before.into_iter().filter(|f| !left.contains(&f.session));
            mishaps.taken.extend(gone.map(|f| (f.session.clone(), f)));
        }
    }

    fn remove_workspace(&mut self) {
        if std::fs::remove_file(self.workspace_path()).is_ok() {
            self.say(|| "somebody removes the Workspace".to_owned());
            self.met.removed_workspaces += 1;
            self.dirty = true;
        }
    }

    /// Another editor saves what it read a while ago, with an edit of its own, over whatever was
    /// written since.
    fn save_what_is_old(&mut self) {
        let Some(mishaps) = &mut self.mishaps else {
            return;
        };
        let Some(text) = mishaps.screen.take() else {
            return;
        };
        let edit = mishaps.random.up_to(2);
        let Ok(mut workspace) = serde_json::from_str::<Value>(&text) else {
            return;
        };
        let sessions = workspace["sessions"].as_array_mut();
        if let Some(session) = sessions.and_then(|all| all.first_mut()) {
            match edit {
                0 => session["labels"] = json!({ "old": "1" }),
                1 => session["status"] = json!("active"),
                _ => session["status"] = json!("inactive"),
            }
        }
        self.say(|| "an editor saves what is old".to_owned());
        self.met.old_saves += 1;
        self.write_workspace(&workspace);
    }

    /// Everything is mended, so that what is under way can come to its end.
    pub(super) fn mend(&mut self) {
        let Some(mishaps) = &mut self.mishaps else {
            return;
        };
        (mishaps.broken, mishaps.missing, mishaps.screen) = (false, false, None);
        self.read_rules();
    }

    /// What the engine put into the chain: what is there, and what others took away since.
    pub(super) fn put(&self) -> Vec<RecoveredCredentials> {
        let mut found = self.found();
        let taken = self.mishaps.iter().flat_map(|m| m.taken.values());
        let there: BTreeSet<_> = found.iter().map(|f| f.session.clone()).collect();
        found = found.into_iter().map(|found| self.as_told(found)).collect();
        let taken = taken.filter(|f| !there.contains(&f.session)).cloned();
        found.extend(taken.map(|taken| RecoveredCredentials {
            in_force: self.believed(&taken.session),
            ..taken
        }));
        found
    }

    /// The chain was changed for a session: what somebody took away of it is replaced, or not wanted.
    pub(super) fn changed(&mut self, session: &SessionId) {
        if let Some(mishaps) = &mut self.mishaps {
            mishaps.taken.remove(session);
        }
    }

    /// What of others stands in the credentials file.
    pub(super) fn foreign(&self) -> &'static str {
        match &self.mishaps {
            Some(mishaps) if mishaps.foreign_is_gone => "",
            _ => FOREIGN,
        }
    }
}
