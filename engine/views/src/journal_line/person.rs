//! Lines about what a person wrote into files, and ordered.

use dayfly_core::effect::{JournalEvent, LayerChange};
use dayfly_dialog::sanitize;

use super::words::{Line, Names, called};

/// What a person wrote or said.
pub(super) fn of_person(what: &JournalEvent, names: &Names) -> Option<Line> {
    Some(match what {
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
            format!(
                "{}: {} in the Workspace",
                called(names, session),
                fields.join(", ")
            ),
        ),
        JournalEvent::PoliciesAccepted { entries, changed } => {
            let changed: Vec<_> = changed.iter().map(|e| e.as_str()).collect();
            let text = match (entries.len(), changed.is_empty()) {
                (0, _) => "no policies in force".to_owned(),
                (n, true) => format!("policies: {n} in force"),
                (n, false) => format!(
                    "policies: {n} in force, new or changed: {}",
                    changed.join(", ")
                ),
            };
            ('◇', text)
        }
        JournalEvent::LayerChanged { .. } => return layer(what),
        JournalEvent::Commanded { .. } => return commanded(what, names),
        _ => return None,
    })
}

/// Another version of a layer: what comes, changes and goes with it.
fn layer(what: &JournalEvent) -> Option<Line> {
    let JournalEvent::LayerChanged {
        layer,
        source,
        version,
        merged,
        count,
        sessions,
    } = what
    else {
        return None;
    };
    let mut parts: Vec<String> = { sessions.iter() }
        .map(|one| {
            let mark = match one.change {
                LayerChange::Added => '+',
                LayerChange::Changed => '~',
                LayerChange::Removed => '-',
            };
            format!("{mark} {}", one.name)
        })
        .collect();
    if let Some(more) = count.checked_sub(sessions.len()).filter(|more| *more > 0) {
        parts.push(format!("… and {more} more"));
    }
    let sessions = match parts.is_empty() {
        true => "no session changes".to_owned(),
        false => parts.join(", "),
    };
    let version = version.as_ref().map(|version| format!(" {version}"));
    let version = version.unwrap_or_default();
    let text = match merged {
        true => format!("layer {layer}{version} merged from {source}: {sessions}"),
        false => format!(
            "layer {layer}: {source} says something else{version} than what was merged: {sessions}"
        ),
    };
    Some(('◇', sanitize(&text)))
}

/// An order of a person.
fn commanded(what: &JournalEvent, names: &Names) -> Option<Line> {
    let JournalEvent::Commanded {
        session,
        action,
        by_edit,
        override_reason,
        reason,
    } = what
    else {
        return None;
    };
    let verb = action.map_or("release", |a| a.as_str());
    let how = if *by_edit {
        " (by editing the file)"
    } else {
        ""
    };
    let overrides = override_reason.as_ref();
    let overrides = overrides.map(|r| format!(", overriding guard rails: {}", sanitize(r)));
    let said = reason.as_ref().map(|r| format!(", since: {}", sanitize(r)));
    let reason = overrides.or(said);
    Some((
        '◇',
        format!(
            "you: {verb} {}{how}{}",
            called(names, session),
            reason.unwrap_or_default()
        ),
    ))
}
