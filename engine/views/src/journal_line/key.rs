//! Lines about long-lived keys.

use dayfly_core::effect::JournalEvent;
use dayfly_dialog::{sanitize, time};

use super::words::{Line, Names, called};

/// What happens to the long-lived key of a session.
pub(super) fn of_key(what: &JournalEvent, names: &Names) -> Option<Line> {
    Some(match what {
        JournalEvent::KeyDue {
            session,
            created,
            every_seconds,
            interrupted,
        } => {
            let name = called(names, session);
            let days = every_seconds.map_or(0, |seconds| seconds / 86_400);
            let text = match interrupted {
                true => format!("Dayfly ends the interrupted rotation of the access key of {name}"),
                false => format!(
                    "Dayfly replaces the access key of {name}: it is of {} and is replaced after {days} days",
                    time::date_and_clock(*created)
                ),
            };
            ('→', text)
        }
        JournalEvent::KeyHeld { session, by, why } => (
            '…',
            format!(
                "the access key of {} is due for rotation, but {by} forbids it: {}",
                called(names, session),
                sanitize(why)
            ),
        ),
        JournalEvent::KeyRotated { session, old, new } => (
            '✓',
            format!(
                "{} has access key {} now; {} is deleted at AWS",
                called(names, session),
                sanitize(new),
                sanitize(old)
            ),
        ),
        JournalEvent::KeyFailed {
            failure, retry_at, ..
        } => {
            let hint = failure.hint.as_ref();
            let hint = hint.map(|hint| format!("\n           {}", sanitize(hint)));
            let text = format!(
                "{}; next try at {}{}",
                sanitize(&failure.message),
                time::clock(*retry_at),
                hint.unwrap_or_default()
            );
            ('✗', text)
        }
        _ => return None,
    })
}
