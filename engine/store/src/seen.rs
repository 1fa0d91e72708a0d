//! Which modules `dayfly.lock` was seen to hold entries to, so that an older one shows.
//!
//! The file counts its writes, as the metadata of TUF has versions. One that was written less often than
//! was seen, one that no longer holds an entry although nobody wrote it since, and one that holds an
//! entry to an older version of the same policy are told. A newer one is taken up: it came from a
//! colleague, or from another machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::content::ContentDigest;
use crate::lock::{Lock, LockedModule};

/// What was seen of a lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLock {
    counter: u64,
    modules: BTreeMap<String, SeenModule>,
}

/// The module that an entry was held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SeenModule {
    name: String,
    version: String,
    digest: ContentDigest,
}

impl From<&LockedModule> for SeenModule {
    fn from(module: &LockedModule) -> Self {
        Self {
            name: module.name.clone(),
            version: module.version.clone(),
            digest: module.digest,
        }
    }
}

impl SeenLock {
    /// What there is to see of a lock file.
    #[must_use]
    pub fn of(lock: &Lock) -> Self {
        let modules = lock.modules().iter();
        Self {
            counter: lock.counter(),
            modules: modules.map(|m| (m.entry.clone(), m.into())).collect(),
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
        let problem = |(entry, seen): (&String, &SeenModule)| {
            let what = self.problem(seen, lock.module(entry), lock.counter())?;
            Some((entry.clone(), what))
        };
        self.modules.iter().filter_map(problem).collect()
    }

    fn problem(
        &self,
        seen: &SeenModule,
        now: Option<&LockedModule>,
        counter: u64,
    ) -> Option<String> {
        let SeenModule { name, version, .. } = seen;
        let seen_counter = self.counter;
        let Some(now) = now else {
            return (counter <= seen_counter).then(|| {
                format!(
                    "dayfly.lock no longer has an entry for it, but the one last seen on this \
                     machine (counter {seen_counter}) locked it to {name} {version}"
                )
            });
        };
        if now.digest == seen.digest {
            return None;
        }
        let has = format!("locks it to {} {}", now.name, now.version);
        if counter < seen_counter {
            return Some(format!(
                "dayfly.lock is older than the one last seen on this machine (its counter is \
                 {counter}, that of the newer one {seen_counter}): it {has}, the newer one to \
                 {name} {version}"
            ));
        }
        if now.name == *name && is_older(&now.version, version) {
            return Some(format!(
                "dayfly.lock {has}, which is older than {version}, the version last seen on this \
                 machine"
            ));
        }
        None
    }

    /// What is to be remembered once this lock file was seen. What is older does not replace what is
    /// newer.
    #[must_use]
    pub fn taken_up(&self, lock: &Lock) -> Self {
        let older = self.older(lock);
        let mut next = self.clone();
        if lock.counter() > self.counter {
            next.counter = lock.counter();
            next.modules.retain(|entry, _| lock.module(entry).is_some());
        }
        for module in lock.modules() {
            if !older.contains_key(&module.entry) {
                next.modules.insert(module.entry.clone(), module.into());
            }
        }
        next
    }
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
    fn versions_are_compared_as_versions() {
        assert!(is_older("1.9.0", "1.10.0"));
        assert!(!is_older("1.10.0", "1.9.0"));
        assert!(!is_older("1.0.0", "1.0.0"));
        assert!(!is_older("nightly", "1.0.0"));
    }
}
