//! Lines about what is done to a session.

use dayfly_core::effect::JournalEvent;
use dayfly_core::policy::Outcome;
use dayfly_dialog::{sanitize, time};

use super::words::{Line, Names, called};

/// What is done to a session, and how it ends.
pub(super) fn of_session(what: &JournalEvent, names: &Names) -> Option<Line> {
    Some(match what {
        JournalEvent::Decided {
            session,
            action,
            by,
            why,
            ..
        } => (
            '→',
            format!(
                "{action} {}: {by}: {}",
                called(names, session),
                sanitize(&why.message)
            ),
        ),
        JournalEvent::Began {
            session, action, ..
        } => ('→', format!("{action} {} begins", called(names, session))),
        JournalEvent::Displaced { session, by } => (
            '■',
            format!(
                "{} hands its named profile over to {}",
                called(names, session),
                called(names, by)
            ),
        ),
        JournalEvent::Orphan { session } => (
            '■',
            format!(
                "Dayfly removed the credentials of {}: it is not in the Workspace",
                called(names, session)
            ),
        ),
        JournalEvent::Ended { .. } => return ended(what, names),
        _ => return None,
    })
}

/// What has to wait.
pub(super) fn waits(what: &JournalEvent, names: &Names) -> Option<Line> {
    Some(match what {
        JournalEvent::Deferred {
            session,
            action,
            why,
            until,
        } => {
            let until = until.map(|at| format!(" until {}", time::clock(at)));
            (
                '…',
                format!(
                    "{action} {} is waiting{}: {}",
                    called(names, session),
                    until.unwrap_or_default(),
                    sanitize(why)
                ),
            )
        }
        JournalEvent::Frozen {
            session,
            between,
            until,
        } => {
            let who: Vec<&str> = between.iter().map(|entry| entry.as_str()).collect();
            (
                '!',
                format!(
                    "policies {} undo each other's work on {}; Dayfly lets neither start or renew \
                     it until {}",
                    who.join(" and "),
                    called(names, session),
                    time::clock(*until)
                ),
            )
        }
        _ => return None,
    })
}

/// How an operation ended.
fn ended(what: &JournalEvent, names: &Names) -> Option<Line> {
    let JournalEvent::Ended {
        session,
        outcome,
        lease,
        failure,
        retry_at,
        ..
    } = what
    else {
        return None;
    };
    let name = called(names, session);
    Some(match (outcome, failure) {
        (Outcome::Failed, failure) => {
            let why = failure
                .as_ref()
                .map_or_else(String::new, |f| sanitize(&f.message));
            if failure.as_ref().is_some_and(|f| f.kind.needs_person()) {
                let hint = failure.as_ref().and_then(|f| f.hint.as_ref());
                let hint = hint.map(|h| format!("\n           {}", sanitize(h)));
                let hint = hint.unwrap_or_default();
                return Some(('!', format!("{name} needs your input: {why}{hint}")));
            }
            let next = retry_at.map(|at| format!("; next try at {}", time::clock(at)));
            let kept = lease.map(|lease| match lease.expires_at {
                Some(end) => {
                    format!(
                        "; its current credentials stay in force until {}",
                        time::clock(end)
                    )
                }
                None => "; its current credentials stay in force".to_owned(),
            });
            let (kept, next) = (kept.unwrap_or_default(), next.unwrap_or_default());
            ('✗', format!("{name} failed: {why}{kept}{next}"))
        }
        (outcome, _) => {
            let end = lease.and_then(|l| l.expires_at);
            let end = end.map(|at| format!(", valid until {}", time::clock(at)));
            let mark = match outcome {
                Outcome::Started | Outcome::Rotated => '✓',
                _ => '■',
            };
            (
                mark,
                format!("{name} {}{}", outcome.as_str(), end.unwrap_or_default()),
            )
        }
    })
}
