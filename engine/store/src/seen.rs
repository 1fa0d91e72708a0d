//! Which modules `dayfly.lock` was seen to hold entries to, and which versions of layers, so that an older one shows.
//!
//! The file counts its writes, as the metadata of TUF has versions. One that was written less often than
//! was seen, one that no longer holds an entry although nobody wrote it since, and one that holds an
//! entry to an older version of the same policy are told. A newer one is taken up: it came from a
//! colleague, or from another machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::content::ContentDigest;
use crate::lock::{Lock, LockedLayer, LockedModule};

/// What was seen of a lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLock {
    counter: u64,
    modules: Seen,
    #[serde(default, skip_serializing_if = "Seen::is_empty")]
    layers: Seen,
}

/// What was seen, by the entry or the layer that it belongs to.
type Seen = BTreeMap<String, SeenContent>;

/// The module that an entry was held to, or what a layer said when it was merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SeenContent {
    name: String,
    /// Its own version; that of a layer may be empty.
    version: String,
    digest: ContentDigest,
}

impl SeenContent {
    /// What it is called, with its version or what else tells it from others.
    fn words(&self) -> String {
        if self.version.is_empty() {
            let digest = self.digest.to_string();
            let digest = digest.get(..19).unwrap_or(&digest);
            return format!("{} {digest}…", self.name);
        }
        format!("{} {}", self.name, self.version)
    }
}

impl From<&LockedModule> for SeenContent {
    fn from(module: &LockedModule) -> Self {
        Self {
            name: module.name.clone(),
            version: module.version.clone(),
            digest: module.digest,
        }
    }
}

impl From<&LockedLayer> for SeenContent {
    fn from(layer: &LockedLayer) -> Self {
        Self {
            name: layer.name.clone(),
            version: layer.version.clone().unwrap_or_default(),
            digest: layer.digest,
        }
    }
}

/// What a lock file holds entries to.
fn modules(lock: &Lock) -> Seen {
    let all = lock.modules().iter();
    all.map(|m| (m.entry.clone(), m.into())).collect()
}

/// What a lock file has of layers.
fn layers(lock: &Lock) -> Seen {
    let all = lock.layers().iter();
    all.map(|l| (l.name.clone(), l.into())).collect()
}

impl SeenLock {
    /// What there is to see of a lock file.
    #[must_use]
    pub fn of(lock: &Lock) -> Self {
        Self {
            counter: lock.counter(),
            modules: modules(lock),
            layers: layers(lock),
        }
    }

    /// How often it was written.
    #[must_use]
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// The entries that this lock file holds to something older, or no longer holds, and how that
    /// shows.
    #[must_use]
    pub fn older(&self, lock: &Lock) -> BTreeMap<String, String> {
        self.problems(&self.modules, &modules(lock), lock.counter())
    }

    /// The layers of which this lock file has something older, or nothing any more, and how that shows.
    #[must_use]
    pub fn older_layers(&self, lock: &Lock) -> BTreeMap<String, String> {
        self.problems(&self.layers, &layers(lock), lock.counter())
    }

    fn problems(&self, seen: &Seen, now: &Seen, counter: u64) -> BTreeMap<String, String> {
        let problem = |(entry, seen): (&String, &SeenContent)| {
            let what = self.problem(seen, now.get(entry), counter)?;
            Some((entry.clone(), what))
        };
        seen.iter().filter_map(problem).collect()
    }

    fn problem(
        &self,
        seen: &SeenContent,
        now: Option<&SeenContent>,
        counter: u64,
    ) -> Option<String> {
        let seen_counter = self.counter;
        let (words, version) = (seen.words(), &seen.version);
        let Some(now) = now else {
            return (counter <= seen_counter).then(|| {
                format!(
                    "dayfly.lock no longer has an entry for it, but the one last seen on this \
                     machine (counter {seen_counter}) locked it to {words}"
                )
            });
        };
        if now.digest == seen.digest {
            return None;
        }
        let has = format!("locks it to {}", now.words());
        if counter < seen_counter {
            return Some(format!(
                "dayfly.lock is older than the one last seen on this machine (its counter is \
                 {counter}, that of the newer one {seen_counter}): it {has}, the newer one to \
                 {words}"
            ));
        }
        (now.name == seen.name && is_older(&now.version, version)).then(|| {
            format!(
                "dayfly.lock {has}, which is older than {version}, the version last seen on this \
                 machine"
            )
        })
    }

    /// What is to be remembered once this lock file was seen. What is older does not replace what is
    /// newer.
    #[must_use]
    pub fn taken_up(&self, lock: &Lock) -> Self {
        let (counter, newer) = (lock.counter(), lock.counter() > self.counter);
        let taken_up = |seen: &Seen, now: Seen| {
            let older = self.problems(seen, &now, counter);
            let mut next = seen.clone();
            next.retain(|entry, _| !newer || now.contains_key(entry));
            let good = now.into_iter();
            next.extend(good.filter(|(entry, _)| !older.contains_key(entry)));
            next
        };
        Self {
            counter: counter.max(self.counter),
            modules: taken_up(&self.modules, modules(lock)),
            layers: taken_up(&self.layers, layers(lock)),
        }
    }
}

/// Whether a text is a version that can be compared with others.
#[must_use]
pub fn is_version(text: &str) -> bool {
    semver::Version::parse(text).is_ok()
}

/// Whether a version is older than another, where both are versions.
#[must_use]
pub fn is_older(new: &str, old: &str) -> bool {
    match (semver::Version::parse(new), semver::Version::parse(old)) {
        (Ok(new), Ok(old)) => new < old,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lock file of this counter that holds entries to versions of a policy.
    fn lock(counter: u64, held: &[(&str, &str)]) -> Lock {
        let mut lock = Lock::default();
        lock.count_from(counter.saturating_sub(1));
        for (entry, version) in held {
            let mut module = crate::lock::tests::module(entry);
            module.version = (*version).to_owned();
            module.digest = ContentDigest::of(version.as_bytes());
            lock.set(module);
        }
        lock
    }

    fn entries(seen: &SeenLock, now: &Lock) -> Vec<String> {
        seen.older(now).into_keys().collect()
    }

    #[test]
    fn an_older_lock_shows_by_its_counter() {
        let seen = SeenLock::of(&lock(7, &[("a", "x"), ("b", "y")]));
        let now = lock(5, &[("a", "w"), ("b", "y")]);
        assert_eq!(entries(&seen, &now), ["a"]);
        assert_eq!(seen.taken_up(&now), seen);
        assert!(seen.older(&now)["a"].contains("its counter is 5, that of the newer one 7"));
    }

    #[test]
    fn a_lock_that_was_removed_or_lost_a_line_shows() {
        let seen = SeenLock::of(&lock(2, &[("a", "1.0.0"), ("b", "1.0.0")]));
        assert_eq!(entries(&seen, &Lock::default()), ["a", "b"]);
        let now = lock(2, &[("b", "1.0.0")]);
        assert_eq!(entries(&seen, &now), ["a"]);
        assert_eq!(seen.taken_up(&now), seen);
    }

    #[test]
    fn an_older_version_shows_whatever_the_counter_says() {
        let seen = SeenLock::of(&lock(2, &[("a", "1.10.0"), ("b", "1.0.0")]));
        let now = lock(9, &[("a", "1.9.0"), ("b", "1.1.0")]);
        assert_eq!(entries(&seen, &now), ["a"]);
        // What is newer in it is taken up, and what is older goes on being told.
        let next = seen.taken_up(&now);
        assert_eq!(next.counter(), 9);
        assert_eq!(entries(&next, &now), ["a"]);
        assert_eq!(
            entries(&next, &lock(9, &[("a", "1.10.0"), ("b", "1.0.0")])),
            ["b"]
        );
    }

    #[test]
    fn a_newer_lock_is_taken_up_with_what_it_no_longer_holds() {
        let seen = SeenLock::of(&lock(2, &[("a", "1.0.0"), ("b", "1.0.0")]));
        let now = lock(3, &[("b", "2.0.0"), ("c", "1.0.0")]);
        assert_eq!(entries(&seen, &now), [""; 0]);
        assert_eq!(seen.taken_up(&now), SeenLock::of(&now));
    }

    #[test]
    fn an_older_layer_shows_as_an_older_module_does() {
        let lock = |counter, version: Option<&str>, content: &str| {
            let mut lock = lock(counter, &[]);
            lock.set_layer(LockedLayer {
                name: "team".into(),
                source: "oci://h/r:1".into(),
                digest: ContentDigest::of(content.as_bytes()),
                version: version.map(str::to_owned),
                resolved: None,
                signer: None,
                aside: std::collections::BTreeSet::new(),
            });
            lock
        };
        let seen = SeenLock::of(&lock(4, Some("1.1.0"), "b"));
        let told = |now: &Lock| seen.older_layers(now).remove("team");
        assert_eq!(told(&lock(4, Some("1.1.0"), "b")), None);
        assert_eq!(told(&lock(5, Some("1.2.0"), "c")), None);
        let older = told(&lock(5, Some("1.0.0"), "a")).unwrap();
        assert!(
            older.contains("team 1.0.0, which is older than 1.1.0"),
            "{older}"
        );
        let older = told(&lock(3, None, "a")).unwrap();
        assert!(older.contains("its counter is 3"), "{older}");
        assert!(older.contains("team sha256:ca978112ca1b…"), "{older}");
        assert!(told(&Lock::default()).is_some());
        assert!(
            seen.older(&Lock::default()).is_empty(),
            "no policy entry is"
        );
        let next = seen.taken_up(&lock(9, Some("1.0.0"), "a"));
        assert!(
            next.older_layers(&lock(9, Some("1.0.0"), "a"))
                .contains_key("team")
        );
        // What was recorded before there were layers in it is read.
        let before: SeenLock = toml::from_str("counter = 1\n[modules]\n").unwrap();
        assert!(before.older_layers(&lock(2, None, "a")).is_empty());
    }

    #[test]
    fn versions_are_compared_as_versions() {
        assert!(is_older("1.9.0", "1.10.0"));
        assert!(!is_older("1.10.0", "1.9.0"));
        assert!(!is_older("1.0.0", "1.0.0"));
        assert!(!is_older("nightly", "1.0.0"));
    }
}
