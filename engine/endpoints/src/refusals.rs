//! Tells the person that somebody was turned away, without telling what they said, and no more
//! often than is worth reading.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one sort of refusal is told.
const EVERY: Duration = Duration::from_secs(60);

/// Who is told. Must not wait.
pub trait Told: Send + Sync + 'static {
    /// So many were turned away at this endpoint since the last time.
    fn turned_away(&self, endpoint: &'static str, why: &'static str, count: u64);
}

/// Nobody is told: the command that runs has the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Told for Nobody {
    fn turned_away(&self, _: &'static str, _: &'static str, _: u64) {}
}

impl Told for dayfly_runtime::Handle {
    fn turned_away(&self, endpoint: &'static str, why: &'static str, count: u64) {
        dayfly_runtime::Handle::turned_away(self, endpoint, why, count);
    }
}

/// Counts refusals at one endpoint. There are as many sorts as there are texts in this program.
#[derive(Debug)]
pub(crate) struct Refusals<T> {
    endpoint: &'static str,
    told: T,
    sorts: Mutex<BTreeMap<&'static str, Sort>>,
}

#[derive(Debug, Default)]
struct Sort {
    untold: u64,
    last: Option<Instant>,
}

impl<T: Told> Refusals<T> {
    pub(crate) const fn new(endpoint: &'static str, told: T) -> Self {
        Self {
            endpoint,
            told,
            sorts: Mutex::new(BTreeMap::new()),
        }
    }

    /// One more. The first is told at once, later ones together.
    pub(crate) fn note(&self, why: &'static str) {
        self.note_at(why, Instant::now());
    }

    fn note_at(&self, why: &'static str, now: Instant) {
        let mut sorts = self.sorts.lock().unwrap_or_else(PoisonError::into_inner);
        let sort = sorts.entry(why).or_default();
        sort.untold += 1;
        if sort.last.is_some_and(|last| now - last < EVERY) {
            return;
        }
        sort.last = Some(now);
        let count = std::mem::take(&mut sort.untold);
        drop(sorts);
        self.told.turned_away(self.endpoint, why, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Log(Mutex<Vec<(&'static str, u64)>>);

    impl Told for Log {
        fn turned_away(&self, _: &'static str, why: &'static str, count: u64) {
            self.0.lock().unwrap().push((why, count));
        }
    }

    #[test]
    fn many_are_told_together() {
        let refusals = Refusals::new("endpoint", Log::default());
        let begin = Instant::now();
        for _ in 0..1_000 {
            refusals.note_at("wrong token", begin);
        }
        refusals.note_at("other user", begin);
        refusals.note_at("wrong token", begin + EVERY);
        let told = refusals.told.0.lock().unwrap().clone();
        assert_eq!(
            told,
            [
                ("wrong token", 1),
                ("other user", 1),
                ("wrong token", 1_000)
            ]
        );
    }
}
