//! For any input.
#![allow(clippy::unwrap_used)]

mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use dayfly_core::input::PersistedStatus;
use dayfly_core::session::{SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_workspace::splice::{self, List};
use dayfly_workspace::{Workspace, WorkspaceFile, diff};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

const SESSIONS: usize = 12;

fn parse(text: &str, previous: Option<&Workspace>) -> Option<Workspace> {
    Workspace::parse(text, Path::new("w"), previous).ok()
}

/// Puts every function that takes text through its paces.
fn exercise(text: &str) {
    let good = parse(&sample::workspace(SESSIONS), None);
    for previous in [None, good.as_ref()] {
        match Workspace::parse(text, Path::new("w"), previous) {
            Err(rejected) => assert!(!rejected.problems.is_empty()),
            Ok(workspace) => {
                let lines = u32::try_from(text.matches('\n').count()).unwrap() + 1;
                for problem in workspace.problems() {
                    assert!((1..=lines).contains(&problem.line), "{problem}");
                }
                for entry in workspace.sessions() {
                    assert!(std::ptr::eq(
                        workspace.get(&entry.session.id).unwrap(),
                        entry
                    ));
                }
                let all = workspace.sessions().iter().map(|e| {
                    (
                        e.session.id.clone(),
                        PersistedStatus {
                            status: Status::Active,
                            ..e.projection
                        },
                    )
                });
                if let Some(text) = splice::project(&workspace, &all.collect()).text {
                    parse(&text, Some(&workspace)).expect("a projected text can be read");
                }
                let _ = diff(previous, &workspace);
                let _ = workspace.resolve(text);
            }
        }
    }
    let new = json!({"sessionId": "new", "sessionName": "n", "type": "localstack"});
    let new = new.as_object().unwrap();
    if let Ok(added) = splice::add(text, List::Sessions, new) {
        if let Some(before) = parse(text, None) {
            let after = parse(&added, None).expect("an added session can be read");
            assert_eq!(after.sessions().len(), before.sessions().len() + 1);
        }
        let removed = splice::remove(&added, List::Sessions, "new").unwrap();
        assert!(serde_json::from_str::<Value>(removed.trim_start_matches('\u{feff}')).is_ok());
    }
    let _ = splice::update(text, List::Sessions, &sample::id(0), new);
    let _ = splice::remove(text, List::Profiles, "profile-0");
}

fn projection() -> impl Strategy<Value = PersistedStatus> {
    let moment =
        || proptest::option::of((0..253_402_300_800_000_u64).prop_map(Timestamp::from_millis));
    let status = prop_oneof![
        Just(Status::Inactive),
        Just(Status::Pending),
        Just(Status::Active)
    ];
    (status, moment(), moment()).prop_map(|(status, start, expiration)| PersistedStatus {
        status,
        start,
        expiration,
    })
}

/// A JSON value in which words of the format are likely.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "(awsIamUser|awsIamRoleChained|azure|localstack|awsSsoRole|eu-west-1|active|s[0-3])"
            .prop_map(Value::from),
        "(arn:aws:iam::123456789012:role/x|http://h|2026-03-01T09:30:00Z)".prop_map(Value::from),
    ];
    let key = prop_oneof![
        "(sessions|profiles|sessionId|sessionName|type|status|region|labels|roleArn|parentSessionId|tags|id|name)",
        "\\PC{0,6}",
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(key.clone(), inner, 0..8)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// A text that is nearly a Workspace.
fn mutated() -> impl Strategy<Value = String> {
    let edits = vec(
        (
            any::<prop::sample::Index>(),
            0_usize..30,
            "(\\PC{0,3}|[\\[\\]{}\",:\\\\u0-9 \n]{0,4})",
        ),
        1..6,
    );
    edits.prop_map(|edits| {
        let mut text = sample::workspace(SESSIONS);
        for (place, length, new) in edits {
            let start = text.floor_char_boundary(place.index(text.len() + 1));
            let end = text
                .floor_char_boundary((start + length).min(text.len()))
                .max(start);
            text.replace_range(start..end, &new);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        exercise(&text);
    }

    /// Bytes that are no text are a rejection like any other.
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..300), place in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("workspace.json");
        let mut whole = sample::workspace(2).into_bytes();
        let place = place.index(whole.len());
        whole.splice(place..(place + bytes.len()).min(whole.len()), bytes.iter().copied());
        for bytes in [bytes, whole] {
            std::fs::write(&path, &bytes).unwrap();
            let loaded = WorkspaceFile::at(&path).load();
            prop_assert!(loaded.is_err() || std::str::from_utf8(&bytes).is_ok());
        }
    }

    #[test]
    fn any_json(sessions in vec(value(), 0..6), rest in value()) {
        exercise(&rest.to_string());
        let text = json!({"sessions": sessions, "profiles": rest}).to_string();
        prop_assert!(parse(&text, None).is_some());
        exercise(&text);
        exercise(&format!("\u{feff}{text}"));
    }

    #[test]
    fn any_nearly_valid_file(text in mutated()) {
        exercise(&text);
    }

    /// After projecting, the same sessions are read, in the states that were written; and all
    /// that was not one of the three fields is there byte for byte.
    #[test]
    fn projecting_touches_three_fields_only(
        first in btree_map(0..SESSIONS, projection(), 0..SESSIONS),
        second in btree_map(0..SESSIONS, projection(), 0..SESSIONS),
        compact in any::<bool>(),
    ) {
        let mut text = sample::workspace(SESSIONS);
        if compact {
            text = serde_json::from_str::<Value>(&text).unwrap().to_string();
        }
        let mut workspace = parse(&text, None).unwrap();
        for round in [first, second] {
            let states: BTreeMap<SessionId, PersistedStatus> =
                round.into_iter().map(|(n, state)| (SessionId::new(&sample::id(n)), state)).collect();
            let text = splice::project(&workspace, &states).text;
            let same = states.iter().all(|(id, s)| workspace.get(id).unwrap().projection == *s);
            prop_assert_eq!(text.is_none(), same);
            let Some(text) = text else { continue };
            let next = parse(&text, Some(&workspace)).unwrap();
            for (old, new) in workspace.sessions().iter().zip(next.sessions()) {
                prop_assert_eq!(&old.session, &new.session);
                let wanted = states.get(&old.session.id).unwrap_or(&old.projection);
                prop_assert_eq!(&new.projection, wanted);
            }
            prop_assert_eq!(without_states(workspace.source()), without_states(&text));
            prop_assert!(splice::project(&next, &states).text.is_none());
            prop_assert_eq!(diff(Some(&next), &parse(&text, None).unwrap()), Default::default());
            workspace = next;
        }
    }
}

/// The text without the three fields, wherever they stand.
fn without_states(text: &str) -> String {
    let mut text = text.to_owned();
    for field in ["status", "startDateTime", "sessionTokenExpiration"] {
        let key = format!("\"{field}\"");
        while let Some(start) = text.find(&key) {
            let value = start + key.len() + text[start + key.len()..].find('"').unwrap();
            let end = value + 1 + text[value + 1..].find('"').unwrap() + 1;
            // With the comma before it, or after it where it stands first.
            let before = text[..start].trim_end();
            if before.ends_with(',') {
                text.replace_range(before.len() - 1..end, "");
            } else {
                let after = end + text[end..].find('"').unwrap();
                text.replace_range(start..after, "");
            }
        }
    }
    text
}
