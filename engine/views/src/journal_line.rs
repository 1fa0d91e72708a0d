//! A line of the journal, as a person reads it.

use dayfly_core::arbitration::Actor;
use dayfly_core::effect::{JournalEntry, JournalEvent};
use dayfly_core::policy::{FileChangeKind, Severity};

mod engine;
mod event;
mod key;
mod person;
mod policy;
mod session;
mod words;

use words::Line;
pub use words::Names;

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
    let of = of(&note.what);
    of(&note.what, names).unwrap_or_default()
}

/// Who words a line. Each line there is stands here, and with whom it stands.
fn of(what: &JournalEvent) -> fn(&JournalEvent, &Names) -> Option<Line> {
    use JournalEvent as J;
    match what {
        J::Booted { .. }
        | J::Halted
        | J::Resumed { .. }
        | J::Stopping { .. }
        | J::Trouble { .. }
        | J::TurnedAway { .. }
        | J::Mended { .. } => engine::of_engine,
        J::WorkspaceAccepted { .. }
        | J::SessionEdited { .. }
        | J::LayerChanged { .. }
        | J::PoliciesAccepted { .. }
        | J::Commanded { .. } => person::of_person,
        J::Custom { .. } | J::SignInEnds { .. } | J::Scheduled { .. } => event::heard,
        J::FilesSeen { .. } | J::BranchSeen { .. } => event::watched,
        J::Resync { .. }
        | J::Evaluated { .. }
        | J::Faulted { .. }
        | J::Stale { .. }
        | J::Notice { .. }
        | J::Said { .. } => policy::asked,
        J::Proposed { .. } | J::Held { .. } => policy::wants,
        J::Dropped { .. } | J::ShadowDiffers { .. } => policy::comes_to_nothing,
        J::Deferred { .. } | J::Frozen { .. } => session::waits,
        J::KeyDue { .. } | J::KeyHeld { .. } | J::KeyRotated { .. } | J::KeyFailed { .. } => {
            key::of_key
        }
        J::Decided { .. }
        | J::Began { .. }
        | J::Ended { .. }
        | J::Displaced { .. }
        | J::Orphan { .. } => session::of_session,
    }
}

#[cfg(test)]
mod tests {
    const SOURCES: [(&str, &str); 6] = [
        ("engine", include_str!("journal_line/engine.rs")),
        ("event", include_str!("journal_line/event.rs")),
        ("key", include_str!("journal_line/key.rs")),
        ("person", include_str!("journal_line/person.rs")),
        ("policy", include_str!("journal_line/policy.rs")),
        ("session", include_str!("journal_line/session.rs")),
    ];

    /// A line that went to whom does not word it would be empty.
    #[test]
    fn every_line_is_worded_where_it_is_sent() {
        let own = include_str!("journal_line.rs");
        let (_, arms) = own.split_once("use JournalEvent as J;").unwrap();
        let (arms, _) = arms.split_once("\n}\n").unwrap();
        let mut checked = 0;
        let mut waiting = Vec::new();
        for word in arms.split_whitespace() {
            let word = word.trim_end_matches(',');
            if let Some(line) = word.strip_prefix("J::") {
                waiting.push(line);
            } else if let Some((file, function)) = word.split_once("::") {
                let (_, source) = SOURCES.iter().find(|(name, _)| *name == file).unwrap();
                let (_, text) = source.split_once(&format!("fn {function}(")).unwrap();
                let (text, _) = text.split_once("\n}\n").unwrap();
                for line in waiting.drain(..) {
                    assert!(text.contains(&format!("JournalEvent::{line}")), "{line}");
                    checked += 1;
                }
            }
        }
        assert!(waiting.is_empty() && checked > 30, "{waiting:?} {checked}");
    }
}
