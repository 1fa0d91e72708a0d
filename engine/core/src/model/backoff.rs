//! How long to wait after a failure.

use std::time::Duration;

use crate::model::random::Random;
use crate::model::time::{Timestamp, millis};

/// Exponential backoff with full jitter above a floor.
///
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Longest wait after the first failure.
    pub first: Duration,
    /// Longest wait of all.
    pub longest: Duration,
}

impl Backoff {
    /// When to try again after so many failures in a row.
    #[must_use]
    pub fn retry_at(&self, now: Timestamp, failures: u32, random: &mut Random) -> Timestamp {
        let doublings = failures.saturating_sub(1).min(32);
        let ceiling = millis(self.first)
            .saturating_mul(1 << doublings)
            .min(millis(self.longest));
        // At least half of the ceiling: a burst of sessions spreads out, yet none hammers.
        let wait = ceiling / 2 + random.up_to(ceiling / 2);
        now.plus(Duration::from_millis(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_longest_and_stays_within_bounds() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
        };
        let mut random = Random::new(7);
        let now = Timestamp::from_millis(1_000_000);
        for (failures, ceiling) in [
            (1, 1_000),
            (2, 2_000),
            (4, 8_000),
            (7, 60_000),
            (u32::MAX, 60_000),
        ] {
            for _ in 0..100 {
                let wait = millis(backoff.retry_at(now, failures, &mut random).since(now));
                assert!(wait >= ceiling / 2 && wait <= ceiling, "{failures}: {wait}");
            }
        }
    }
}
