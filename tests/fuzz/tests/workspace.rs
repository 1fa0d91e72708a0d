//! The Workspace file: whatever stands in it is read or refused with a place, and writing states
//! into it changes nothing else.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;

use dayfly_core::input::PersistedStatus;
use dayfly_core::session::{SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_fuzz::{fuzz, seeds};
use dayfly_workspace::Workspace;
use serde_json::Value;

const WORDS: [&str; 18] = [
    "\"sessions\"",
    "\"sessionId\":",
    "\"sessionName\":",
    "\"type\":\"localstack\"",
    "\"status\":\"active\"",
    "\"status\":2",
    "\"startDateTime\":\"2026-01-01T00:00:00Z\"",
    "\"labels\":{}",
    "null",
    "1e999",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\u{feff}",
];
/// What Dayfly writes.
const OURS: [&str; 3] = ["status", "startDateTime", "sessionTokenExpiration"];

fn place_is_in(text: &str, line: u32, column: u32) {
    let lines: Vec<&str> = text.split('\n').collect();
    let number = usize::try_from(line).unwrap();
    assert!(number <= lines.len(), "line {line} of {}", lines.len());
    if number > 0 {
        let length = lines[number - 1].chars().count();
        let column = usize::try_from(column).unwrap();
        assert!(
            (1..=length + 1).contains(&column),
            "{line}:{column} of {length}"
        );
    }
}

/// The sessions without what Dayfly writes, and everything else as it is.
fn foreign(text: &str) -> Option<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Text that nobody asks for may hold halves of characters, which are kept as they are.
    let mut value: Value = serde_json::from_str(text).ok()?;
    for session in value["sessions"].as_array_mut().into_iter().flatten() {
        if let Some(session) = session.as_object_mut() {
            for key in OURS {
                session.remove(key);
            }
        }
    }
    Some(value)
}

#[test]
fn workspace() {
    let path = Path::new("workspace.json");
    let seeds = seeds("workspace", &["examples"], ".json");
    let good = Workspace::parse(
        std::str::from_utf8(&seeds[0]).unwrap_or_default(),
        path,
        None,
    )
    .ok();
    fuzz!(&seeds, &WORDS, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        for previous in [None, good.as_ref()] {
            let workspace = match Workspace::parse(text, path, previous) {
                Ok(workspace) => workspace,
                Err(rejected) => {
                    assert!(!rejected.problems.is_empty());
                    for problem in &rejected.problems {
                        place_is_in(text, problem.line, problem.column);
                    }
                    continue;
                }
            };
            for problem in workspace.problems() {
                place_is_in(text, problem.line, problem.column);
            }
            if previous.is_some() {
                continue;
            }
            let state = PersistedStatus {
                status: Status::Active,
                start: Some(Timestamp::from_millis(1_800_000_000_000)),
                expiration: None,
            };
            let ids: Vec<SessionId> = workspace
                .sessions()
                .iter()
                .map(|entry| entry.session.id.clone())
                .collect();
            let wanted: BTreeMap<_, _> = ids.iter().map(|id| (id.clone(), state)).collect();
            let projected = dayfly_workspace::splice::project(&workspace, &wanted);
            let Some(written) = projected.text else {
                continue;
            };
            // What no text can hold (half of a pair, as an escape) may be in what is replaced.
            if let Some(before) = foreign(text) {
                assert_eq!(Some(before), foreign(&written));
            }
            let again = Workspace::parse(&written, path, None).expect("what was written is read");
            let ids_again: Vec<SessionId> = again
                .sessions()
                .iter()
                .map(|entry| entry.session.id.clone())
                .collect();
            assert_eq!(ids, ids_again);
            for entry in again.sessions() {
                assert_eq!(entry.projection, state, "{}", entry.session.id);
            }
        }
    });
}
