//! How often something may happen: token buckets without a clock of their own.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::time::Timestamp;

/// The units that a rate can be written in.
const UNITS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("day", 86_400)];

/// So many in a span of time, spread over it or all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Rate {
    count: u32,
    unit: u8,
}

/// Why a text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRate;

impl fmt::Display for NoRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate is a number of 1 to 1,000,000 and a unit: \"5/s\", \"10/min\", \"60/h\" or \"100/day\"")
    }
}

impl std::error::Error for NoRate {}

impl Rate {
    /// So many a second.
    #[must_use]
    pub fn per_second(count: u32) -> Self {
        Self {
            count: count.clamp(1, 1_000_000),
            unit: 0,
        }
    }

    /// How many may happen at once.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The span in which so many may happen.
    #[must_use]
    pub fn span(self) -> Duration {
        let unit = UNITS.get(usize::from(self.unit));
        Duration::from_secs(unit.map_or(1, |(_, seconds)| *seconds))
    }

    /// Microseconds from one to the next where they are spread evenly.
    fn interval(self) -> u64 {
        let span = u64::try_from(self.span().as_micros()).unwrap_or(u64::MAX);
        (span / u64::from(self.count)).max(1)
    }
}

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let (count, unit) = text.split_once('/').ok_or(NoRate)?;
        let count = count.trim().parse().map_err(|_| NoRate)?;
        let unit = UNITS.iter().position(|(word, _)| *word == unit.trim());
        let unit = unit
            .and_then(|unit| u8::try_from(unit).ok())
            .ok_or(NoRate)?;
        if !(1..=1_000_000).contains(&count) {
            return Err(NoRate);
        }
        Ok(Self { count, unit })
    }
}

impl TryFrom<String> for Rate {
    type Error = NoRate;

    fn try_from(text: String) -> Result<Self, NoRate> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS
            .get(usize::from(self.unit))
            .map_or("s", |(word, _)| word);
        write!(f, "{}/{unit}", self.count)
    }
}

/// A token bucket that holds as many tokens as its rate counts, and is full at first.
///
/// Source: the generic cell rate algorithm of ITU-T I.371, which keeps one moment instead of a
/// number of tokens: that at which the bucket will be full again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenBucket {
    /// Microseconds since 1970.
    full_at: u64,
}

impl TokenBucket {
    /// When the next token is there; none: one is there now.
    #[must_use]
    pub fn dry_until(&self, rate: Rate, now: Timestamp) -> Option<Timestamp> {
        let now = micros(now);
        // The bucket lacks more than all tokens but one.
        let slack = rate.interval() * u64::from(rate.count - 1);
        let wait = self.full_at.saturating_sub(now).saturating_sub(slack);
        // In whole milliseconds, and not too early.
        (wait > 0).then(|| Timestamp::from_millis(now.saturating_add(wait).div_ceil(1_000)))
    }

    /// Takes a token; where there is none, nothing is taken.
    pub fn take(&mut self, rate: Rate, now: Timestamp) {
        if self.dry_until(rate, now).is_none() {
            self.reserve(rate, now);
        }
    }

    /// Takes the next token, there or not yet; when it is there.
    pub fn reserve(&mut self, rate: Rate, now: Timestamp) -> Timestamp {
        let there = self.dry_until(rate, now).unwrap_or(now);
        let begin = self.full_at.max(micros(now));
        self.full_at = begin.saturating_add(rate.interval());
        there
    }

    /// The clock jumped: nobody waits longer than if the bucket had been emptied now.
    pub fn settle(&mut self, rate: Rate, now: Timestamp) {
        let all = rate.interval().saturating_mul(rate.count.into());
        self.full_at = self.full_at.min(micros(now).saturating_add(all));
    }

    /// Whether no token is missing.
    #[must_use]
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full_at <= micros(now)
    }
}

fn micros(at: Timestamp) -> u64 {
    at.as_millis().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        for text in ["5/s", "10/min", "60/h", "100/day", "1000000/s"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "5",
            "0/s",
            "-1/s",
            "1/week",
            "1000001/s",
            "5/s/s",
            "1.5/s",
        ] {
            assert_eq!(text.parse::<Rate>(), Err(NoRate), "{text}");
        }
    }

    #[test]
    fn a_bucket_gives_all_at_once_and_then_one_at_a_time() {
        let rate: Rate = "10/min".parse().unwrap();
        let mut bucket = TokenBucket::default();
        for _ in 0..10 {
            assert_eq!(bucket.dry_until(rate, at(0)), None);
            bucket.take(rate, at(0));
        }
        assert_eq!(bucket.dry_until(rate, at(0)), Some(at(6_000)));
        bucket.take(rate, at(0));
        assert_eq!(bucket.dry_until(rate, at(5_999)), Some(at(6_000)));
        assert_eq!(bucket.dry_until(rate, at(6_000)), None);
        bucket.take(rate, at(6_000));
        assert_eq!(bucket.dry_until(rate, at(6_000)), Some(at(12_000)));
        // What is reserved comes in order.
        assert_eq!(bucket.reserve(rate, at(6_000)), at(12_000));
        assert_eq!(bucket.reserve(rate, at(6_000)), at(18_000));
        // Set back by a day, the clock does not keep anybody waiting for a day.
        let back = Timestamp::from_millis(1_799_913_600_000);
        bucket.settle(rate, back);
        let wait = bucket.dry_until(rate, back).unwrap().since(back);
        assert!(wait <= Duration::from_secs(6), "{wait:?}");
        assert!(!bucket.is_full(back));
    }

    proptest! {
        /// In no span of time more than fit into the bucket and into the span.
        #[test]
        fn no_more_than_the_rate(
            count in 1..20u32,
            unit in 0..2u8,
            gaps in proptest::collection::vec(0..5_000u64, 1..200),
        ) {
            let rate = Rate { count, unit };
            let mut bucket = TokenBucket::default();
            let mut given = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                match bucket.dry_until(rate, at(now)) {
                    None => {
                        bucket.take(rate, at(now));
                        given.push(now);
                    }
                    Some(next) => {
                        prop_assert!(next > at(now));
                        prop_assert!(bucket.dry_until(rate, next).is_none());
                    }
                }
            }
            for (first, from) in given.iter().enumerate() {
                for (last, to) in given.iter().enumerate().skip(first) {
                    let fit = (to - from) * 1_000 / rate.interval() + u64::from(count);
                    prop_assert!(((last - first) as u64) < fit, "{first} to {last}");
                }
            }
        }
    }
}
