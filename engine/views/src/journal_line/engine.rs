//! Lines about the engine itself.

use std::time::Duration;

use dayfly_core::effect::JournalEvent;
use dayfly_dialog::{sanitize, time};

use super::words::{Line, Names, count, sessions};

/// What becomes of the engine, and what is wrong.
pub(super) fn of_engine(what: &JournalEvent, _: &Names) -> Option<Line> {
    Some(match what {
        JournalEvent::Booted { found } => (
            '·',
            format!(
                "engine starts; credentials of {} are published",
                sessions(found.len())
            ),
        ),
        JournalEvent::Halted => ('·', "engine stops".into()),
        JournalEvent::Resumed { slept_ms, set_ms } => ('◇', resumed(*slept_ms, *set_ms)),
        JournalEvent::Stopping { deadline, entries } => (
            '·',
            format!(
                "the engine stops soon; {} until {}",
                count(
                    entries.len(),
                    "policy is evaluated",
                    "policies are evaluated"
                ),
                time::clock(*deadline)
            ),
        ),
        JournalEvent::Trouble {
            about,
            message,
            hint,
        } => {
            let hint = hint
                .as_ref()
                .map(|h| format!("\n           {}", sanitize(h)));
            (
                '!',
                format!("{about}: {}{}", sanitize(message), hint.unwrap_or_default()),
            )
        }
        JournalEvent::TurnedAway {
            endpoint,
            why,
            count,
        } => {
            let times = match count {
                1 => String::new(),
                count => format!(" ({count} times)"),
            };
            (
                '!',
                format!("the {endpoint} refused a request{times}: {why}"),
            )
        }
        JournalEvent::Mended { about } => ('✓', format!("{about}: resolved")),
        _ => return None,
    })
}

/// That the machine slept, the clock was set, or both.
fn resumed(slept_ms: u64, set_ms: i64) -> String {
    let mut parts = Vec::new();
    if slept_ms > 0 {
        let slept = time::span(Duration::from_millis(slept_ms));
        parts.push(format!("the machine slept for {slept}"));
    }
    if set_ms != 0 {
        let by = time::span(Duration::from_millis(set_ms.unsigned_abs()));
        let way = if set_ms < 0 { "back" } else { "forward" };
        parts.push(format!("the clock was set {way} by {by}"));
    }
    parts.join(", and ")
}
