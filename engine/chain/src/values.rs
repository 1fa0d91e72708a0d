//! What may be written into an INI file so that every client reads back the same.

use chrono::{DateTime, SecondsFormat, Utc};
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
        return Some("has a blank in it");
    }
    text_problem(value)
}

/// What is wrong with a text that only we read back.
pub(crate) fn text_problem(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        return Some("is empty");
    }
    if value.chars().any(breaks_line) {
        return Some("has a line break or control character in it");
    }
    if value.trim() != value {
        return Some("begins or ends with a blank");
    }
    None
}

/// What is wrong with the name of a profile.
///
/// Source: botocore's `configloader` (Python's `RawConfigParser`, whose section `DEFAULT` is
/// merged into all others); the AWS SDKs pass over `[profile …]` in a credentials file.
pub(crate) fn profile_problem(name: &str) -> Option<&'static str> {
    if let Some(problem) = text_problem(name) {
        return Some(problem);
    }
    if name.contains(['[', ']', '#', ';', '"', '\'', '\\']) {
        return Some("has a bracket, quote, backslash or comment sign in it");
    }
    if name == "DEFAULT" {
        return Some(
            "is DEFAULT, which clients merge into every profile; the usual one is default",
        );
    }
    let taken = ["profile ", "sso-session ", "services "];
    taken
        .iter()
        .any(|prefix| name.starts_with(prefix))
        .then_some("begins with a word that the AWS config file gives a meaning")
}

fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
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
