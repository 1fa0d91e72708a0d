//! What may be written into an INI file so that every client reads back the same.

use chrono::{DateTime, SecondsFormat, Utc};
pub(crate) use dayfly_awsfiles::name::text_problem;
use dayfly_core::time::Timestamp;

/// What is wrong with a credential, region or timestamp as the value of a key.
///
/// Clients differ on white space and on comments after a value, so neither may be in one.
pub(crate) fn word_problem(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        return Some("is empty");
    }
    if value.starts_with(['#', ';']) {
        return Some("begins like a comment");
    }
    if value.chars().any(char::is_whitespace) {
        return Some("contains a space");
    }
    text_problem(value)
}

/// A moment as RFC 3339 in UTC, with milliseconds only where it has some; none where the
/// calendar ends before it.
pub(crate) fn to_text(moment: Timestamp) -> Option<String> {
    let millis = i64::try_from(moment.as_millis()).ok()?;
    let date: DateTime<Utc> = DateTime::from_timestamp_millis(millis)?;
    let form = match millis % 1000 {
        0 => SecondsFormat::Secs,
        _ => SecondsFormat::Millis,
    };
    let text = date.to_rfc3339_opts(form, true);
    // Beyond the year 9999 the text has a sign, and readers refuse it.
    (!text.starts_with('+')).then_some(text)
}

/// The moment that an RFC 3339 text names.
pub(crate) fn from_text(text: &str) -> Option<Timestamp> {
    let date = DateTime::parse_from_rfc3339(text).ok()?;
    let millis = u64::try_from(date.timestamp_millis()).ok()?;
    Some(Timestamp::from_millis(millis))
}
