//! Moments as reports write them.

use chrono::{DateTime, SecondsFormat, Utc};
use dayfly_core::time::Timestamp;

/// A moment as RFC 3339 in UTC; as milliseconds where the calendar has no such moment.
#[must_use]
pub fn moment(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    match DateTime::<Utc>::from_timestamp_millis(millis) {
        Some(date) => date.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => moment.to_string(),
    }
}
