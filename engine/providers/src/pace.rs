//! How fast a service is called: a token bucket whose rate follows the service's answers.
//!
//! An answer that asks for fewer calls halves the rate, once for a burst of such answers, and each
//! call that goes well gives a little back until the configured rate is reached (additive increase,
//! multiplicative decrease). Callers are served in the order in which they came.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The slowest that a service is called, as a part of the configured rate.
const SLOWEST: f64 = 1.0 / 16.0;
/// What a call that goes well gives back, as a part of the configured rate.
const GAIN: f64 = 1.0 / 20.0;
/// Answers within this time ask for fewer calls as one.
const ONE_BURST: Duration = Duration::from_secs(1);

/// How fast a service may be called: what the core's rate for it comes to for single calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls a second, in the long run. Not above zero: no limit.
    pub per_second: f64,
    /// Calls at once after a pause; at least one.
    pub burst: u32,
}

impl Rate {
    fn is_limited(&self) -> bool {
        self.per_second > 0.0 && self.per_second.is_finite()
    }

    fn bounded(self) -> Self {
        Self {
            burst: self.burst.max(1),
            ..self
        }
    }
}

impl From<dayfly_core::rates::Rate> for Rate {
    /// So many in a span are that many at once, and spread over it in the long run.
    fn from(rate: dayfly_core::rates::Rate) -> Self {
        Self {
            per_second: f64::from(rate.count()) / rate.span().as_secs_f64(),
            burst: rate.count(),
        }
    }
}

/// The turn would come too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// How long the wait would be.
    pub wait: Duration,
}

/// Gives turns to call a service.
pub struct Pace {
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
struct State {
    /// The configured rate.
    usual: Rate,
    /// Turns at hand; below zero where some are promised to callers that wait.
    turns: f64,
    rate: f64,
    at: Instant,
    not_before: Option<Instant>,
    slowed_at: Option<Instant>,
}

impl State {
    /// Adds the turns that have come since the last look.
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        if self.usual.is_limited() {
            let most = f64::from(self.usual.burst);
            self.turns = (self.turns + passed * self.rate).min(most);
        }
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace")
            .field("usual", &self.state().usual)
            .field("now", &self.per_second())
            .finish()
    }
}

impl Pace {
    /// A service that was not called for a while.
    #[must_use]
    pub fn new(usual: Rate) -> Self {
        let usual = usual.bounded();
        Self {
            state: Mutex::new(State {
                usual,
                turns: f64::from(usual.burst),
                rate: usual.per_second,
                at: Instant::now(),
                not_before: None,
                slowed_at: None,
            }),
        }
    }

    /// Calls a second at present.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.state().rate
    }

    /// Another rate is configured. What was called just now counts on, and a service that asked for
    /// fewer calls is spared as much as before.
    pub fn set(&self, usual: Rate) {
        self.set_at(Instant::now(), usual);
    }

    fn set_at(&self, now: Instant, usual: Rate) {
        let usual = usual.bounded();
        let mut state = self.state();
        if state.usual == usual {
            return;
        }
        let slowed = match state.usual.is_limited() {
            true => state.rate / state.usual.per_second,
            false => 1.0,
        };
        state.fill(now);
        state.usual = usual;
        state.rate = usual.per_second * slowed;
        state.turns = state.turns.min(f64::from(usual.burst));
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// It would come later than `within`; nothing was waited for, and the turn is not taken.
    pub async fn turn(&self, within: Duration) -> Result<(), TooLong> {
        let wait = self.take(Instant::now(), within)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Takes a turn; how long until it is there.
    fn take(&self, now: Instant, within: Duration) -> Result<Duration, TooLong> {
        let mut state = self.state();
        let pause = state
            .not_before
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let mut wait = pause;
        if state.usual.is_limited() {
            state.fill(now);
            let missing = (1.0 - state.turns).max(0.0);
            wait = wait.max(Duration::from_secs_f64(missing / state.rate));
        }
        if wait > within {
            return Err(TooLong { wait });
        }
        if state.usual.is_limited() {
            state.turns -= 1.0;
        }
        Ok(wait)
    }

    /// The service asked for fewer calls, and for none before so much later where it said so.
    pub fn throttled(&self, retry_after: Option<Duration>) {
        self.throttled_at(Instant::now(), retry_after);
    }

    fn throttled_at(&self, now: Instant, retry_after: Option<Duration>) {
        let mut state = self.state();
        let again = state
            .slowed_at
            .is_some_and(|at| now.saturating_duration_since(at) < ONE_BURST);
        if !again && state.usual.is_limited() {
            state.rate = (state.rate / 2.0).max(state.usual.per_second * SLOWEST);
            // What was saved up would be the next burst.
            state.turns = state.turns.min(0.0);
            state.slowed_at = Some(now);
        }
        if let Some(after) = retry_after {
            let at = now + after;
            state.not_before = Some(state.not_before.map_or(at, |old| old.max(at)));
        }
    }

    /// A call went well.
    pub fn went_well(&self) {
        let mut state = self.state();
        let usual = state.usual.per_second;
        if state.rate < usual {
            state.rate = (state.rate + usual * GAIN).min(usual);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn pace(per_second: f64, burst: u32) -> Pace {
        Pace::new(Rate { per_second, burst })
    }

    #[test]
    fn turns_come_at_the_rate_after_a_burst_and_in_order() {
        let pace = pace(5.0, 3);
        let now = Instant::now();
        let waits: Vec<u128> = (0..8)
            .map(|_| pace.take(now, LONG).unwrap().as_millis())
            .collect();
        assert_eq!(waits, [0, 0, 0, 200, 400, 600, 800, 1000]);
        // A pause fills the bucket, and not beyond it.
        let later = now + Duration::from_secs(60);
        let waits: Vec<u128> = (0..4)
            .map(|_| pace.take(later, LONG).unwrap().as_millis())
            .collect();
        assert_eq!(waits, [0, 0, 0, 200]);
    }

    #[test]
    fn a_turn_that_comes_too_late_is_not_taken() {
        let pace = pace(1.0, 1);
        let now = Instant::now();
        pace.take(now, LONG).unwrap();
        for _ in 0..10 {
            let refused = pace.take(now, Duration::from_millis(500)).unwrap_err();
            assert_eq!(refused.wait, Duration::from_secs(1));
        }
        assert_eq!(pace.take(now, LONG).unwrap(), Duration::from_secs(1));
    }

    #[test]
    fn the_rate_is_halved_once_for_a_burst_and_comes_back() {
        let pace = pace(8.0, 8);
        let now = Instant::now();
        for _ in 0..20 {
            pace.throttled_at(now, None);
        }
        assert!((pace.per_second() - 4.0).abs() < 1e-9);
        let turn = pace.take(now, LONG).unwrap();
        assert!(
            // A little of it passes before the first.
            turn.abs_diff(Duration::from_millis(250)) < Duration::from_millis(5),
            "{turn:?}"
        );
        for n in 1..20 {
            pace.throttled_at(now + ONE_BURST * n, None);
        }
        assert!((pace.per_second() - 0.5).abs() < 1e-9, "{pace:?}");
        for _ in 0..100 {
            pace.went_well();
        }
        assert!((pace.per_second() - 8.0).abs() < 1e-9);
    }

    #[test]
    fn nobody_is_served_before_the_service_wants_to_be_asked_again() {
        let pace = pace(100.0, 100);
        let now = Instant::now();
        pace.throttled_at(now, Some(Duration::from_secs(7)));
        pace.throttled_at(now, Some(Duration::from_secs(3)));
        assert_eq!(pace.take(now, LONG).unwrap(), Duration::from_secs(7));
        assert!(pace.take(now, Duration::from_secs(2)).is_err());
    }

    #[test]
    fn another_rate_brings_no_second_burst_and_forgets_no_throttling() {
        let pace = pace(10.0, 4);
        let now = Instant::now();
        for _ in 0..4 {
            assert!(pace.take(now, LONG).unwrap().is_zero());
        }
        pace.set_at(
            now,
            Rate {
                per_second: 5.0,
                burst: 40,
            },
        );
        assert_eq!(pace.take(now, LONG).unwrap(), Duration::from_millis(200));
        pace.throttled_at(now, Some(Duration::from_secs(9)));
        pace.set_at(
            now,
            Rate {
                per_second: 20.0,
                burst: 40,
            },
        );
        assert!((pace.per_second() - 10.0).abs() < 1e-9);
        assert!(pace.take(now, LONG).unwrap() >= Duration::from_secs(9));
    }

    #[test]
    fn what_was_called_without_a_rate_is_no_debt_of_a_later_one() {
        let pace = pace(0.0, 0);
        let now = Instant::now();
        for _ in 0..1_000 {
            pace.take(now, LONG).unwrap();
        }
        pace.set_at(
            now,
            Rate {
                per_second: 1.0,
                burst: 1,
            },
        );
        assert!(pace.take(now, LONG).unwrap() <= Duration::from_secs(1));
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let pace = pace(0.0, 0);
        let now = Instant::now();
        for _ in 0..10_000 {
            assert!(pace.take(now, Duration::ZERO).unwrap().is_zero());
        }
        pace.throttled_at(now, None);
        assert!(pace.take(now, Duration::ZERO).unwrap().is_zero());
    }
}
