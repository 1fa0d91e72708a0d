//! A line of the journal, as a person reads it.

use std::collections::HashMap;
use std::time::Duration;

use dayfly_core::arbitration::Actor;
use dayfly_core::effect::{JournalEntry, JournalEvent};
use dayfly_core::policy::{FileChangeKind, Outcome, Severity};
use dayfly_core::session::SessionId;
use dayfly_dialog::{sanitize, time};

/// Names of sessions, as far as they are known.
pub type Names = HashMap<SessionId, String>;

/// What is remembered of a session while lines are shown.
pub fn learn(names: &mut Names, note: &JournalEntry) {
    if let JournalEvent::SessionEdited { session, name, .. } = &note.what {
        names.insert(session.clone(), name.clone());
    }
}

/// Whether a line is worth showing to somebody who did not ask for everything.
pub fn is_main(what: &JournalEvent) -> bool {
    match what {
        JournalEvent::Evaluated { .. }
        | JournalEvent::Resync { .. }
        | JournalEvent::Proposed { .. }
        | JournalEvent::Stale { .. }
        | JournalEvent::Booted { .. } => false,
        // What is there when watching begins is no news.
        JournalEvent::FilesSeen { files, .. } => {
            files.iter().any(|f| f.kind != FileChangeKind::Present)
        }
        JournalEvent::BranchSeen { kind, .. } => *kind != FileChangeKind::Present,
        // The command itself was told.
        JournalEvent::Decided { by, .. } => *by != Actor::Person,
        JournalEvent::Said { severity, .. } => *severity >= Severity::Warning,
        _ => true,
    }
}

/// Mark and text of a line, without its time.
pub fn text(note: &JournalEntry, names: &Names) -> (char, String) {
    let name = |id: &SessionId| {
        let name = names.get(id).map_or_else(|| id.as_str(), String::as_str);
        sanitize(name)
    };
    match &note.what {
        JournalEvent::Booted { found } => (
            '·',
            format!("engine starts; the chain holds {}", sessions(found.len())),
        ),
        JournalEvent::Halted => ('·', "engine stops".into()),
        JournalEvent::WorkspaceAccepted {
            added,
            changed,
            removed,
            ..
        } => {
            let parts: Vec<String> = [(added, "added"), (changed, "changed"), (removed, "removed")]
                .into_iter()
                .filter(|(count, _)| **count > 0)
                .map(|(count, word)| format!("{count} {word}"))
                .collect();
            let parts = if parts.is_empty() {
                "no session changed".to_owned()
            } else {
                format!("sessions {}", parts.join(", "))
            };
            ('◇', format!("Workspace: {parts}"))
        }
        JournalEvent::SessionEdited {
            session, fields, ..
        } => (
            '◇',
            format!("{}: {} in the Workspace", name(session), fields.join(", ")),
        ),
        JournalEvent::PoliciesAccepted { entries, changed } => {
            let changed: Vec<_> = changed.iter().map(|e| e.as_str()).collect();
            let text = match (entries.len(), changed.is_empty()) {
                (0, _) => "no policies are in force".to_owned(),
                (n, true) => format!("policies: {n} in force"),
                (n, false) => format!(
                    "policies: {n} in force, new or changed: {}",
                    changed.join(", ")
                ),
            };
            ('◇', text)
        }
        JournalEvent::Commanded {
            session,
            action,
            by_edit,
            override_reason,
            reason,
        } => {
            let verb = action.map_or("let the policies decide on", |a| a.as_str());
            let how = if *by_edit {
                " (by an edit of the file)"
            } else {
                ""
            };
            let overrides = override_reason.as_ref();
            let overrides = overrides.map(|r| format!(", overriding guard rails: {}", sanitize(r)));
            let said = reason.as_ref().map(|r| format!(", since: {}", sanitize(r)));
            let reason = overrides.or(said);
            (
                '◇',
                format!(
                    "you: {verb} {}{how}{}",
                    name(session),
                    reason.unwrap_or_default()
                ),
            )
        }
        JournalEvent::Custom { name, entries } => (
            '◇',
            format!(
                "event {}: heard by {}",
                sanitize(name),
                count(entries.len(), "policy", "policies")
            ),
        ),
        JournalEvent::SignInEnds {
            name,
            ends,
            ended,
            entries,
        } => {
            let what = match ended {
                true => "has ended",
                false => "ends",
            };
            let heard = match entries.len() {
                0 => String::new(),
                n => format!(", heard by {}", count(n, "policy", "policies")),
            };
            (
                '◇',
                format!(
                    "the sign-in to {} {what}, {}{heard}",
                    sanitize(name),
                    time::date_and_clock(*ends)
                ),
            )
        }
        JournalEvent::Scheduled {
            entry,
            expression,
            due,
            missed,
        } => {
            let missed = match missed {
                0 => String::new(),
                1 => ", and one more was missed".to_owned(),
                n => format!(", and {n} more were missed"),
            };
            (
                '◇',
                format!(
                    "{entry}: schedule {}, due {}{missed}",
                    sanitize(expression),
                    time::date_and_clock(*due)
                ),
            )
        }
        JournalEvent::FilesSeen {
            count: all,
            files,
            entries,
        } => {
            let named = files
                .iter()
                .map(|f| format!("{} {}", sanitize(&f.path), f.kind.as_str()));
            let mut named: Vec<String> = named.collect();
            if *all > named.len() {
                named.push(format!("{} more", all - named.len()));
            }
            (
                '◇',
                format!(
                    "watched: {}; heard by {}",
                    named.join(", "),
                    count(entries.len(), "policy", "policies")
                ),
            )
        }
        JournalEvent::BranchSeen {
            repository,
            kind,
            branch,
            previous,
            entries,
        } => {
            let branch = branch.as_deref().unwrap_or("no branch");
            let before = previous
                .as_ref()
                .map(|b| format!(" instead of {}", sanitize(b)));
            let what = match kind {
                FileChangeKind::Removed => "is gone".to_owned(),
                _ => format!("is on {}{}", sanitize(branch), before.unwrap_or_default()),
            };
            (
                '◇',
                format!(
                    "repository {} {what}; heard by {}",
                    sanitize(repository),
                    count(entries.len(), "policy", "policies")
                ),
            )
        }
        JournalEvent::Resumed { slept_ms, set_ms } => {
            let mut parts = Vec::new();
            if *slept_ms > 0 {
                let slept = time::span(Duration::from_millis(*slept_ms));
                parts.push(format!("the machine slept for {slept}"));
            }
            if *set_ms != 0 {
                let by = time::span(Duration::from_millis(set_ms.unsigned_abs()));
                let way = if *set_ms < 0 { "back" } else { "forward" };
                parts.push(format!("the clock was set {way} by {by}"));
            }
            ('◇', parts.join(", and "))
        }
        JournalEvent::Stopping { deadline, entries } => (
            '·',
            format!(
                "the engine is about to stop; {} until {}",
                count(entries.len(), "policy is asked", "policies are asked"),
                time::clock(*deadline)
            ),
        ),
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
                "{entry} looked at {}, proposals: {proposals}",
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
                Some(at) => format!("; asked again at {}", time::clock(*at)),
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
                    name(session),
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
                    name(session),
                    actions.join(", "),
                    sanitize(&why.message)
                ),
            )
        }
        JournalEvent::Dropped {
            session,
            entry,
            why,
        } => {
            let about = session.as_ref().map(|s| format!(" on {}", name(s)));
            (
                '·',
                format!(
                    "a proposal of {entry}{} was dropped: {}",
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
                    "{}: shadow policies would have made this {} instead of {}",
                    name(session),
                    word(shadow),
                    word(live)
                ),
            )
        }
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
                name(session),
                sanitize(&why.message)
            ),
        ),
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
                    "{action} {} waits{}: {}",
                    name(session),
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
                    "policies {} undo each other's work on {}; neither starts or renews it until {}",
                    who.join(" and "),
                    name(session),
                    time::clock(*until)
                ),
            )
        }
        JournalEvent::Began {
            session, action, ..
        } => ('→', format!("{action} {} begins", name(session))),
        JournalEvent::Ended {
            session,
            outcome,
            lease,
            failure,
            retry_at,
            ..
        } => {
            let name = name(session);
            match (outcome, failure) {
                (Outcome::Failed, failure) => {
                    let why = failure
                        .as_ref()
                        .map_or_else(String::new, |f| sanitize(&f.message));
                    if failure.as_ref().is_some_and(|f| f.kind.needs_person()) {
                        let hint = failure.as_ref().and_then(|f| f.hint.as_ref());
                        let hint = hint.map(|h| format!("\n           {}", sanitize(h)));
                        let hint = hint.unwrap_or_default();
                        return ('!', format!("{name} needs you: {why}{hint}"));
                    }
                    let next = retry_at.map(|at| format!("; next try at {}", time::clock(at)));
                    let kept = lease.map(|lease| match lease.expires_at {
                        Some(end) => {
                            format!("; what it has is in force until {}", time::clock(end))
                        }
                        None => "; what it has is in force".to_owned(),
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
            }
        }
        JournalEvent::Displaced { session, by } => (
            '■',
            format!("{} gives its profile to {}", name(session), name(by)),
        ),
        JournalEvent::Orphan { session } => (
            '■',
            format!(
                "credentials of {} are removed: it is not in the Workspace",
                name(session)
            ),
        ),
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
        JournalEvent::TurnedAway { door, why, count } => {
            let times = match count {
                1 => String::new(),
                count => format!(" ({count} times)"),
            };
            ('!', format!("{door} turned a request away: {why}{times}"))
        }
        JournalEvent::Mended { about } => ('✓', format!("{about}: well again")),
    }
}

fn mark(severity: Severity) -> char {
    match severity {
        Severity::Debug | Severity::Info => '·',
        Severity::Warning | Severity::Error => '!',
    }
}

fn sessions(number: usize) -> String {
    count(number, "session", "sessions")
}

fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}
