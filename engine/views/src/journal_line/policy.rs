//! Lines about policies: that they were asked, and what they want.

use dayfly_core::effect::JournalEvent;
use dayfly_core::policy::Severity;
use dayfly_dialog::{sanitize, time};

use super::words::{Line, Names, called, sessions};

/// That a policy was asked, and what it says beside proposals.
pub(super) fn asked(what: &JournalEvent, _: &Names) -> Option<Line> {
    Some(match what {
        JournalEvent::Resync { entry, reason } => (
            '·',
            format!(
                "{entry} re-evaluates all its sessions ({})",
                reason.as_str()
            ),
        ),
        JournalEvent::Evaluated {
            entry,
            sessions: seen,
            proposals,
            ..
        } => (
            '·',
            format!(
                "{entry} evaluated {}, proposals: {proposals}",
                sessions(*seen)
            ),
        ),
        JournalEvent::Faulted {
            entry,
            fault,
            failures,
            retry_at,
            ..
        } => {
            let next = match retry_at {
                Some(at) => format!("; next evaluation at {}", time::clock(*at)),
                None => "; suspended".to_owned(),
            };
            let row = if *failures > 1 {
                format!(" ({failures} in a row)")
            } else {
                String::new()
            };
            (
                '!',
                format!(
                    "policy {entry} failed{row}: {}{next}",
                    sanitize(&fault.message)
                ),
            )
        }
        JournalEvent::Stale { what } => ('·', format!("too late: {}", sanitize(what))),
        JournalEvent::Notice {
            entry,
            severity,
            text,
        } => (mark(*severity), format!("{entry}: {}", sanitize(text))),
        JournalEvent::Said {
            entry,
            severity,
            text,
        } => (mark(*severity), format!("{entry} logs: {}", sanitize(text))),
        _ => return None,
    })
}

/// What a policy wants.
pub(super) fn wants(what: &JournalEvent, names: &Names) -> Option<Line> {
    Some(match what {
        JournalEvent::Proposed {
            session,
            entry,
            action,
            why,
            shadow,
        } => {
            let shadow = if *shadow { " (shadow)" } else { "" };
            (
                '·',
                format!(
                    "{entry}{shadow} proposes to {action} {}: {}",
                    called(names, session),
                    sanitize(&why.message)
                ),
            )
        }
        JournalEvent::Held {
            session,
            entry,
            actions,
            until,
            why,
            shadow,
        } => {
            let shadow = if *shadow { " (shadow)" } else { "" };
            let actions: Vec<_> = actions.iter().map(|a| a.as_str()).collect();
            let until = until.map(|at| format!(" until {}", time::date_and_clock(at)));
            let until = until.unwrap_or_default();
            (
                '▪',
                format!(
                    "{entry}{shadow} holds {} ({}){until}: {}",
                    called(names, session),
                    actions.join(", "),
                    sanitize(&why.message)
                ),
            )
        }
        _ => return None,
    })
}

/// What a policy wants, and nothing is done of.
pub(super) fn comes_to_nothing(what: &JournalEvent, names: &Names) -> Option<Line> {
    Some(match what {
        JournalEvent::Dropped {
            session,
            entry,
            why,
        } => {
            let about = session
                .as_ref()
                .map(|s| format!(" on {}", called(names, s)));
            (
                '·',
                format!(
                    "Dayfly dropped a proposal of {entry}{}: {}",
                    about.unwrap_or_default(),
                    sanitize(why)
                ),
            )
        }
        JournalEvent::ShadowDiffers {
            session,
            live,
            shadow,
        } => {
            let word = |action: &Option<dayfly_core::policy::Action>| {
                action.map_or("nothing", |a| a.as_str())
            };
            (
                '·',
                format!(
                    "{}: with the shadow policies this would be {} instead of {}",
                    called(names, session),
                    word(shadow),
                    word(live)
                ),
            )
        }
        _ => return None,
    })
}

fn mark(severity: Severity) -> char {
    match severity {
        Severity::Debug | Severity::Info => '·',
        Severity::Warning | Severity::Error => '!',
    }
}
