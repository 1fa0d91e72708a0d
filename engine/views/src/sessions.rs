//! Sessions as a table.

use std::collections::BTreeMap;

use dayfly_core::session::Status;
use dayfly_core::time::Timestamp;
use dayfly_dialog::time::{relative, span};
use dayfly_dialog::{Table, sanitize};
use dayfly_runtime::report::SessionReport;

use crate::keys;

/// How many sessions are in which state, in one line.
pub fn summary(sessions: &[SessionReport]) -> String {
    let counted = |status| sessions.iter().filter(|s| s.status == status).count();
    let mut parts: Vec<String> = [Status::Active, Status::Pending, Status::Inactive]
        .into_iter()
        .map(|status| (counted(status), status))
        .filter(|(count, _)| *count > 0)
        .map(|(count, status)| format!("{count} {status}"))
        .collect();
    let needy = sessions.iter().filter(|s| s.needs.is_some()).count();
    if needy > 0 {
        parts.push(format!("{needy} waiting for your input (`dayfly respond`)"));
    }
    match parts.is_empty() {
        true => "no sessions".to_owned(),
        false => format!("sessions: {}", parts.join(", ")),
    }
}

/// The table; nothing where there are no sessions.
pub fn table(sessions: &[SessionReport], now: Timestamp) -> String {
    if sessions.is_empty() {
        return "no sessions; add one with `dayfly session add`, or edit the Workspace file\n"
            .into();
    }
    let mut table = Table::new(["SESSION", "TYPE", "STATUS", "PROFILE", "ENDS", "NOTE"]);
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for session in sessions {
        *names.entry(&session.name).or_default() += 1;
    }
    for session in sessions {
        let mut name = sanitize(&session.name);
        if names.get(session.name.as_str()) > Some(&1) {
            let begin = beginning(session, sessions);
            name += &format!(" ({})", sanitize(&begin));
        }
        table.row([
            name,
            session.session_type.to_string(),
            session.status.to_string(),
            session.profile.as_deref().map(sanitize).unwrap_or_default(),
            ends(session, now),
            note(session, now),
        ]);
    }
    table.to_string()
}

/// As much of an id as tells it from all others, and not less than eight characters.
fn beginning(session: &SessionReport, sessions: &[SessionReport]) -> String {
    let id = session.id.as_str();
    let begins = |length: usize| id.chars().take(length).collect::<String>();
    let alone = |begin: &String| {
        let mut same = sessions
            .iter()
            .filter(|s| s.id.as_str().starts_with(begin.as_str()));
        same.nth(1).is_none()
    };
    (8..id.chars().count())
        .map(begins)
        .find(alone)
        .unwrap_or_else(|| id.to_owned())
}

/// When the credentials end.
pub fn ends(session: &SessionReport, now: Timestamp) -> String {
    match (session.started_at, session.expires_at) {
        (_, Some(end)) => relative(end, now),
        (Some(_), None) => "never".into(),
        (None, None) => String::new(),
    }
}

/// Where the credentials are for programs, a line each.
pub fn places(session: &SessionReport) -> Vec<String> {
    if session.started_at.is_none() {
        return Vec::new();
    }
    let mut lines: Vec<String> = session
        .delivery
        .iter()
        .filter(|place| place.error.is_none())
        .map(|place| match &place.file {
            Some(file) => format!(
                "{} ({})",
                place.target,
                sanitize(&file.display().to_string())
            ),
            None => place.target.to_string(),
        })
        .collect();
    if lines.is_empty() {
        lines.push(
            "published in no file; programs get them from Dayfly (exec, env, credential-process)"
                .into(),
        );
    }
    lines
}

/// What else a person should know of it.
pub fn note(session: &SessionReport, now: Timestamp) -> String {
    if let Some(fault) = &session.fault {
        return format!("cannot be started: {}", sanitize(fault));
    }
    let mut notes = Vec::new();
    if let Some(error) = &session.error {
        let again = session
            .retry_at
            .map(|at| format!("; next try {}", relative(at, now)));
        let needs = if session.needs.is_some() {
            "needs your input: "
        } else {
            ""
        };
        notes.push(format!(
            "{needs}{}{}",
            sanitize(&error.message),
            again.unwrap_or_default()
        ));
    } else if let Some(doing) = &session.doing {
        notes.push(doing.clone());
    }
    notes.extend(session.key.as_ref().and_then(|key| keys::note(key, now)));
    let problems = session.delivery.iter().filter_map(|place| place.problem());
    notes.extend(problems.map(|problem| sanitize(&problem)));
    if let Some(word) = &session.word
        && session.status != Status::Pending
    {
        let until = word.until.map_or_else(String::new, |until| {
            format!(" for {} more", span(until.since(now)))
        });
        match word.action {
            dayfly_core::policy::Action::Stop => {
                notes.push(format!("you stopped it{until}; policies do not start it"));
            }
            dayfly_core::policy::Action::Start => {
                notes.push(format!("you started it{until}; policies do not stop it"));
            }
            dayfly_core::policy::Action::Rotate => {}
        }
    }
    notes.join("; ")
}
