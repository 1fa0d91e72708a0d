//! Lines about what happens beside sessions.

use dayfly_core::effect::JournalEvent;
use dayfly_core::policy::FileChangeKind;
use dayfly_dialog::{sanitize, time};

use super::words::{Line, Names, count};

/// Events that policies heard of.
pub(super) fn heard(what: &JournalEvent, _: &Names) -> Option<Line> {
    Some(match what {
        JournalEvent::Custom { name, entries } => (
            '◇',
            format!(
                "event {}: received by {}",
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
                n => format!(", received by {}", count(n, "policy", "policies")),
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
        _ => return None,
    })
}

/// Files and repositories that are watched.
pub(super) fn watched(what: &JournalEvent, _: &Names) -> Option<Line> {
    Some(match what {
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
                    "watched: {}; received by {}",
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
                FileChangeKind::Removed => "was removed".to_owned(),
                _ => format!("is on {}{}", sanitize(branch), before.unwrap_or_default()),
            };
            (
                '◇',
                format!(
                    "repository {} {what}; received by {}",
                    sanitize(repository),
                    count(entries.len(), "policy", "policies")
                ),
            )
        }
        _ => return None,
    })
}
