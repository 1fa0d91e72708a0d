//! Which sessions a person uses most, so that lists to choose from begin with those.
//!
//! A small file in the state folder: a weight for each session that grows by one with each use and halves in two
//! weeks. It decides about an order and nothing else, so one that cannot be read or written counts as empty.

use std::collections::BTreeMap;
use std::time::Duration;

use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use dayfly_fs::private_file;
use dayfly_runtime::Home;
use serde::{Deserialize, Serialize};

/// How many sessions are remembered: those with the greatest weights.
const REMEMBERED: usize = 200;
/// In this time a weight halves.
const HALF: Duration = Duration::from_secs(14 * 86_400);
/// The greatest weight that is believed.
const GREATEST: f64 = 1e6;
/// The biggest file that is one of ours, in bytes.
const BIGGEST: usize = 128 << 10;
/// How long one command waits for another to write.
const PATIENCE: Duration = Duration::from_millis(250);

/// How often each session was used of late.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uses(BTreeMap<String, Use>);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Use {
    weight: f64,
    /// Milliseconds since 1970.
    last: u64,
}

impl Uses {
    /// What is remembered.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        let bytes = private_file::read(&home.uses()).ok().flatten();
        let bytes = bytes.filter(|bytes| bytes.len() <= BIGGEST);
        let read = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.unwrap_or_default()
    }

    /// How much it is used at this moment; the more, the greater.
    #[must_use]
    pub fn weight(&self, session: &SessionId, now: Timestamp) -> f64 {
        let used = self.0.get(session.as_str());
        used.map_or(0.0, |used| used.at(now))
    }

    /// It is used now.
    fn count(&mut self, session: &SessionId, now: Timestamp) {
        let weight = (self.weight(session, now) + 1.0).min(GREATEST);
        let last = now.as_millis();
        self.0
            .insert(session.as_str().to_owned(), Use { weight, last });
        while self.0.len() > REMEMBERED {
            let least = self
                .0
                .iter()
                .filter(|(id, _)| *id != session.as_str())
                .min_by(|(_, a), (_, b)| a.at(now).total_cmp(&b.at(now)))
                .map(|(id, _)| id.clone());
            match least {
                Some(id) => self.0.remove(&id),
                None => break,
            };
        }
    }
}

impl Use {
    fn at(self, now: Timestamp) -> f64 {
        // One of the future, after a clock was set back, is as of now.
        let age = now.since(Timestamp::from_millis(self.last));
        let weight = self.weight.clamp(0.0, GREATEST);
        weight * (-age.as_secs_f64() / HALF.as_secs_f64()).exp2()
    }
}

/// Remembers that a person used this session.
pub fn note(home: &Home, session: &SessionId, now: Timestamp) {
    let path = home.uses();
    let Ok(_lock) = private_file::lock(&path.with_extension("lock"), PATIENCE) else {
        return;
    };
    let mut uses = Uses::of(home);
    uses.count(session, now);
    if let Ok(text) = serde_json::to_vec(&uses) {
        // The order of a list is not worth a word.
        let _ = private_file::write(&path, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    fn at(day: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + day * DAY)
    }

    #[test]
    fn what_is_used_often_and_of_late_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::in_one(folder.path().to_owned());
        let [often, once, long_ago] = ["often", "once", "long-ago"].map(SessionId::new);
        for _ in 0..5 {
            note(&home, &long_ago, at(0));
        }
        for _ in 0..3 {
            note(&home, &often, at(90));
        }
        note(&home, &once, at(90));
        let uses = Uses::of(&home);
        let weight = |id: &SessionId| uses.weight(id, at(91));
        assert!(weight(&often) > weight(&once), "{uses:?}");
        assert!(weight(&once) > weight(&long_ago), "{uses:?}");
        assert!(weight(&long_ago) > 0.0 && weight(&SessionId::new("never")) == 0.0);
    }

    #[test]
    fn the_file_stays_small_private_and_harmless() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let home = Home::in_one(folder.path().to_owned());
        let id = SessionId::new("a");
        for text in [
            "nonsense",
            r#"{"a": {"weight": 1e308, "last": 0}, "b": {"weight": -5.0, "last": 1}}"#,
            r#"{"a": {"weight": "x"}}"#,
        ] {
            private_file::write(&home.uses(), text.as_bytes()).unwrap();
            let weight = Uses::of(&home).weight(&id, at(0));
            assert!((0.0..=GREATEST).contains(&weight), "{text}: {weight}");
        }
        let mut uses = Uses::default();
        for n in 0..500 {
            uses.count(&SessionId::new(&format!("id-{n}")), at(n));
        }
        assert_eq!(uses.0.len(), REMEMBERED);
        assert!(uses.weight(&SessionId::new("id-499"), at(499)) > 0.9);
        note(&home, &id, at(0));
        let mode = std::fs::metadata(home.uses()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
