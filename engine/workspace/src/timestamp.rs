//! Moments as the file has them: ISO 8601, UTC, milliseconds.

use chrono::{DateTime, SecondsFormat, Utc};
use dayfly_core::time::Timestamp;

/// The latest moment that four digits of a year can say: 9999-12-31T23:59:59.999Z.
const LAST_MILLIS: i64 = 253_402_300_799_999;

/// The moment that a text of the file means.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let millis = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
    u64::try_from(millis).ok().map(Timestamp::from_millis)
}

/// The text for a moment; none for one that the format cannot say, as one that never comes.
pub(crate) fn write(moment: Timestamp) -> Option<String> {
    let millis = i64::try_from(moment.as_millis())
        .ok()
        .filter(|m| *m <= LAST_MILLIS)?;
    DateTime::<Utc>::from_timestamp_millis(millis)
        .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let text = "2026-03-01T09:30:00.250Z";
        let moment = read(text).unwrap();
        assert_eq!(moment, Timestamp::from_millis(1_772_357_400_250));
        assert_eq!(write(moment).as_deref(), Some(text));
        assert_eq!(read("2026-03-01T10:30:00.25+01:00"), Some(moment));
    }

    #[test]
    fn knows_its_limits() {
        let last = Timestamp::from_millis(253_402_300_799_999);
        assert_eq!(read(&write(last).unwrap()), Some(last));
        assert_eq!(write(Timestamp::from_millis(253_402_300_800_000)), None);
        assert_eq!(write(Timestamp::MAX), None);
        assert_eq!(read("1969-12-31T23:59:59Z"), None);
        assert_eq!(read("soon"), None);
    }
}
