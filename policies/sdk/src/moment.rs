//! Moments as a person and a program read them.

use crate::TimestampMs;

const DAY_MS: u64 = 86_400_000;

/// A moment as RFC 3339 in UTC, to the second: `2026-11-23T20:44:00Z`.
///
/// The calendar is the proleptic Gregorian one; the algorithm is Howard Hinnant's
/// `civil_from_days` (<https://howardhinnant.github.io/date_algorithms.html>).
#[must_use]
pub fn moment_text(moment: TimestampMs) -> String {
    let seconds = moment % DAY_MS / 1_000;
    // Days since 0000-03-01, in eras of 400 years.
    let days = moment / DAY_MS + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::moment_text;

    #[test]
    fn leap_days_and_year_ends() {
        assert_eq!(moment_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment_text(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(moment_text(1_709_251_199_999), "2024-02-29T23:59:59Z");
        assert_eq!(moment_text(4_107_542_400_000), "2100-03-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn agrees_with_a_calendar_library(seconds in 0..250_000_000_000_i64) {
            let expected = jiff::Timestamp::from_second(seconds).unwrap().to_string();
            prop_assert_eq!(moment_text(seconds.unsigned_abs() * 1_000), expected);
        }
    }
}
