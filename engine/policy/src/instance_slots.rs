//! How many guests may run at once: as many as the pool has room for.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts the free places.
pub(crate) struct InstanceSlots {
    free: Mutex<u32>,
    given_back: Condvar,
}

/// A place in use; given back when dropped.
pub(crate) struct InstanceSlot<'a>(&'a InstanceSlots);

impl InstanceSlots {
    pub(crate) fn new(places: u32) -> Self {
        Self {
            free: Mutex::new(places),
            given_back: Condvar::new(),
        }
    }

    /// Waits for a free place, at most so long.
    pub(crate) fn take(&self, patience: Duration) -> Option<InstanceSlot<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if *free == 0 {
            let begin = Instant::now();
            while *free == 0 {
                let left = patience.checked_sub(begin.elapsed())?;
                (free, _) = self
                    .given_back
                    .wait_timeout(free, left)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        *free -= 1;
        Some(InstanceSlot(self))
    }
}

impl Drop for InstanceSlot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_there_are_and_nobody_waits_forever() {
        let places = InstanceSlots::new(2);
        let first = places.take(Duration::ZERO).unwrap();
        let _second = places.take(Duration::ZERO).unwrap();
        assert!(places.take(Duration::from_millis(5)).is_none());
        drop(first);
        assert!(places.take(Duration::ZERO).is_some());
    }

    #[test]
    fn one_who_waits_gets_the_place_that_is_given_back() {
        let places = InstanceSlots::new(1);
        let only = places.take(Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| places.take(Duration::from_secs(20)).is_some());
            // Sleeps so that the other thread waits already; if it does not, the test passes as well.
            std::thread::sleep(Duration::from_millis(20));
            drop(only);
            assert!(waits.join().unwrap());
        });
    }
}
