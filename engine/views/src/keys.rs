//! Long-lived keys as a person reads of them.

use dayfly_core::time::Timestamp;
use dayfly_dialog::sanitize;
use dayfly_dialog::time::{date_and_clock, relative, span};
use dayfly_runtime::report::KeyReport;

/// What a person should know of a key beside its session; none where all is as it should be.
#[must_use]
pub fn note(key: &KeyReport, now: Timestamp) -> Option<String> {
    if let Some(error) = &key.error {
        let again = key
            .retry_at
            .map(|at| format!("; next try {}", relative(at, now)));
        return Some(sanitize(&error.message) + &again.unwrap_or_default());
    }
    if key.rotating {
        return Some("Dayfly replaces its access key".to_owned());
    }
    if !key.is_overdue(now) {
        return None;
    }
    let late = match (key.interrupted, key.due_at) {
        (true, _) => "the rotation of its access key was interrupted".to_owned(),
        (false, due) => {
            let late = due.map(|due| span(now.since(due))).unwrap_or_default();
            format!("its access key is overdue for rotation by {late}")
        }
    };
    let held = key
        .held
        .as_ref()
        .map(|held| format!(", but {} forbids it", sanitize(held)));
    Some(late + &held.unwrap_or_default())
}

/// How old a key is, and when it is replaced.
#[must_use]
pub fn age(key: &KeyReport, now: Timestamp) -> String {
    let age = match key.created_at {
        Some(created) => format!("{} old", span(now.since(created))),
        None => "of unknown age".to_owned(),
    };
    let rule = match key.rotate_after_days {
        Some(1) => "replaced after a day".to_owned(),
        Some(days) => format!("replaced after {days} days"),
        None => "replaced by no rule".to_owned(),
    };
    let due = key
        .due_at
        .filter(|due| *due > now)
        .map(|due| format!(", next at {} ({})", date_and_clock(due), relative(due, now)));
    format!("{age}; {rule}{}", due.unwrap_or_default())
}
