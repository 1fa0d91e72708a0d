//! Edits of the text touch nothing else.
#![allow(clippy::unwrap_used)]

mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use dayfly_core::input::PersistedStatus;
use dayfly_core::session::{SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_workspace::splice::{self, List, SpliceError};
use dayfly_workspace::{Workspace, session_object};
use serde_json::{Map, Value, json};

fn parse(text: &str) -> Workspace {
    Workspace::parse(text, Path::new("workspace.json"), None).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else {
        panic!()
    };
    object
}

const ACTIVE: PersistedStatus = PersistedStatus {
    status: Status::Active,
    start: Some(Timestamp::from_millis(1_772_357_400_000)),
    expiration: Some(Timestamp::from_millis(1_772_361_000_000)),
};

fn project(text: &str, id: &str, state: PersistedStatus) -> Option<String> {
    splice::project(&parse(text), &BTreeMap::from([(SessionId::new(id), state)])).text
}

#[track_caller]
fn both_ways(inactive: &str, active: &str) {
    assert_eq!(project(inactive, "a", ACTIVE).as_deref(), Some(active));
    assert_eq!(project(active, "a", ACTIVE), None);
    assert_eq!(project(inactive, "a", PersistedStatus::default()), None);
}

#[test]
fn inserts_in_the_style_of_the_neighbours() {
    both_ways(
        "{\"sessions\": [\n  {\n    \"sessionId\" : \"a\",\r\n\t\"sessionName\" : \"a\",\n    \"type\" : \"localstack\",\n    \"x\" : 1.0\n  }\n]}",
        "{\"sessions\": [\n  {\n    \"sessionId\" : \"a\",\r\n\t\"sessionName\" : \"a\",\n    \"type\" : \"localstack\",\n    \"status\" : \"active\",\n    \"startDateTime\" : \"2026-03-01T09:30:00.000Z\",\n    \"sessionTokenExpiration\" : \"2026-03-01T10:30:00.000Z\",\n    \"x\" : 1.0\n  }\n]}",
    );
    both_ways(
        r#"{"sessions":[{"sessionId":"a","sessionName":"a","type":"localstack"}]}"#,
        r#"{"sessions":[{"sessionId":"a","sessionName":"a","type":"localstack","status":"active","startDateTime":"2026-03-01T09:30:00.000Z","sessionTokenExpiration":"2026-03-01T10:30:00.000Z"}]}"#,
    );
    both_ways(
        r#"{"sessions": [{ "type": "localstack", "sessionName": "a", "status": 0, "startDateTime": null, "sessionId": "a", "z": 1 }]}"#,
        r#"{"sessions": [{ "type": "localstack", "sessionName": "a", "status": "active", "startDateTime": "2026-03-01T09:30:00.000Z", "sessionId": "a", "sessionTokenExpiration": "2026-03-01T10:30:00.000Z", "z": 1 }]}"#,
    );
}

#[test]
fn removes_with_the_comma() {
    let state = r#""startDateTime": "2026-03-01T09:30:00.000Z", "sessionTokenExpiration": "2026-03-01T10:30:00.000Z""#;
    let rest = r#""sessionId": "a", "sessionName": "a", "type": "localstack""#;
    let of = |members: &str| format!("{{\"sessions\": [{{ {members} }}]}}");
    for (before, after) in [
        (
            format!("{state}, \"status\": 2, {rest}"),
            format!("\"status\": \"inactive\", {rest}"),
        ),
        (
            format!("\"status\": 2, {rest}, {state}"),
            format!("\"status\": \"inactive\", {rest}"),
        ),
        (format!("{state}, {rest}"), rest.to_owned()),
        (
            format!("{rest}, {state}, \"x\": {{}}"),
            format!("{rest}, \"x\": {{}}"),
        ),
    ] {
        assert_eq!(
            project(&of(&before), "a", PersistedStatus::default()),
            Some(of(&after))
        );
    }
}

#[test]
fn other_words_for_the_same_stay() {
    let text = r#"{"sessions": [{"sessionId": "a", "sessionName": "a", "type": "localstack", "status": 2,
        "startDateTime": "2026-03-01T10:30:00+01:00", "sessionTokenExpiration": "2026-03-01T10:30:00.0001Z"}]}"#;
    assert_eq!(project(text, "a", ACTIVE), None);
    // A moment that cannot be read is in the way.
    let wrong = text.replace("2026-03-01T10:30:00+01:00", "soon");
    assert!(
        project(
            &wrong,
            "a",
            PersistedStatus {
                start: None,
                ..ACTIVE
            }
        )
        .is_some_and(|t| !t.contains("soon"))
    );
    // A moment that never comes is left out.
    let forever = PersistedStatus {
        expiration: Some(Timestamp::MAX),
        ..ACTIVE
    };
    let without = project(text, "a", forever).unwrap();
    assert!(!without.contains("sessionTokenExpiration"));
    assert_eq!(project(&without, "a", forever), None);
}

#[test]
fn a_session_with_problems_is_projected_too_and_a_missing_one_is_named() {
    let text = r#"{"sessions": [{"sessionId": "a", "type": "nothing"}]}"#;
    assert!(project(text, "a", ACTIVE).unwrap().contains("\"active\""));
    let missing = splice::project(
        &parse(text),
        &BTreeMap::from([(SessionId::new("b"), ACTIVE)]),
    );
    assert_eq!(
        (missing.text, missing.missing),
        (None, vec![SessionId::new("b")])
    );
}

#[test]
fn adds_like_the_neighbours() {
    let new = object(
        json!({"sessionName": "b", "type": "localstack", "sessionId": "b", "labels": {"a": "b"}, "zzz": []}),
    );
    let add = |text: &str| splice::add(text, List::Sessions, &new).unwrap();
    assert_eq!(
        add(
            "{\n  \"sessions\": [\n    {\n      \"sessionId\": \"a\"\n    }\n  ],\n  \"x\": 1\n}\n"
        ),
        "{\n  \"sessions\": [\n    {\n      \"sessionId\": \"a\"\n    },\n    {\n      \"sessionId\": \"b\",\n      \"sessionName\": \"b\",\n      \"type\": \"localstack\",\n      \"labels\": {\n        \"a\": \"b\"\n      },\n      \"zzz\": []\n    }\n  ],\n  \"x\": 1\n}\n",
    );
    assert_eq!(
        add("{\n\t\"sessions\": []\n}"),
        "{\n\t\"sessions\": [\n\t\t{\n\t\t\t\"sessionId\": \"b\",\n\t\t\t\"sessionName\": \"b\",\n\t\t\t\"type\": \"localstack\",\n\t\t\t\"labels\": {\n\t\t\t\t\"a\": \"b\"\n\t\t\t},\n\t\t\t\"zzz\": []\n\t\t}\n\t]\n}",
    );
    assert_eq!(
        add(r#"{"sessions":[{"sessionId":"a","x":1}]}"#),
        r#"{"sessions":[{"sessionId":"a","x":1},{"sessionId":"b","sessionName":"b","type":"localstack","labels":{"a":"b"},"zzz":[]}]}"#,
    );
    assert_eq!(
        add("{\n  \"sessions\": [\n    {\"sessionId\": \"a\", \"x\": 1}\n  ]\n}"),
        "{\n  \"sessions\": [\n    {\"sessionId\": \"a\", \"x\": 1},\n    {\"sessionId\": \"b\", \"sessionName\": \"b\", \"type\": \"localstack\", \"labels\": {\"a\": \"b\"}, \"zzz\": []}\n  ]\n}",
    );
    let profile = object(json!({"id": "p", "name": "prod"}));
    assert_eq!(
        splice::add("{\n  \"sessions\": []\n}", List::Profiles, &profile).unwrap(),
        "{\n  \"sessions\": [],\n  \"profiles\": [\n    {\n      \"id\": \"p\",\n      \"name\": \"prod\"\n    }\n  ]\n}",
    );
}

#[test]
fn refuses_what_is_not_clear() {
    let text = r#"{"sessions": [{"sessionId": "a"}, {"sessionId": "b"}, {"sessionId": "b"}]}"#;
    let a = object(json!({"sessionId": "a"}));
    assert!(matches!(
        splice::add(text, List::Sessions, &a),
        Err(SpliceError::Taken { .. })
    ));
    assert!(matches!(
        splice::add(text, List::Profiles, &a),
        Err(SpliceError::NoId { .. })
    ));
    assert!(matches!(
        splice::remove(text, List::Sessions, "x"),
        Err(SpliceError::Missing { .. })
    ));
    assert!(matches!(
        splice::remove(text, List::Sessions, "b"),
        Err(SpliceError::Several { .. })
    ));
    assert!(matches!(
        splice::replace(
            text,
            List::Sessions,
            "a",
            &object(json!({"sessionId": "b"}))
        ),
        Err(SpliceError::Taken { .. })
    ));
    for broken in ["", "[", "3", "{\"sessions\": 3}"] {
        assert!(splice::add(broken, List::Sessions, &a).is_err(), "{broken}");
    }
}

#[test]
fn removes_updates_and_replaces() {
    let text = "{\n  \"sessions\": [\n    { \"sessionId\": \"a\", \"n\": 1.50 },\n    { \"sessionId\": \"b\" },\n    { \"sessionId\": \"c\" }\n  ]\n}";
    let remove = |id| splice::remove(text, List::Sessions, id).unwrap();
    assert_eq!(
        remove("a"),
        text.replace("{ \"sessionId\": \"a\", \"n\": 1.50 },\n    ", "")
    );
    assert_eq!(
        remove("b"),
        text.replace(",\n    { \"sessionId\": \"b\" }", "")
    );
    assert_eq!(
        remove("c"),
        text.replace(",\n    { \"sessionId\": \"c\" }", "")
    );
    assert_eq!(
        splice::remove(
            "{\"sessions\": [ {\"sessionId\": \"a\"} ]}",
            List::Sessions,
            "a"
        )
        .unwrap(),
        "{\"sessions\": []}"
    );
    let update = |changes| splice::update(text, List::Sessions, "a", &object(changes)).unwrap();
    assert_eq!(
        update(json!({"n": 1.5})),
        text,
        "the same number stays as it was written"
    );
    assert_eq!(
        update(json!({"n": null, "region": "eu-west-1"})),
        text.replace("\"n\": 1.50", "\"region\": \"eu-west-1\"")
    );
    assert_eq!(update(json!({"n": 2})), text.replace("1.50", "2"));
    assert_eq!(
        splice::replace(
            text,
            List::Sessions,
            "a",
            &object(json!({"sessionId": "z", "n": 1}))
        )
        .unwrap(),
        text.replace(
            "{ \"sessionId\": \"a\", \"n\": 1.50 }",
            "{\"sessionId\": \"z\", \"n\": 1}"
        ),
    );
}

#[test]
fn a_session_written_as_an_object_reads_as_itself() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/workspaces/good/every-access-method.json");
    for text in [
        std::fs::read_to_string(path).unwrap(),
        sample::workspace(10),
    ] {
        let workspace = parse(&text);
        for entry in workspace.sessions() {
            let id = entry.session.id.as_str();
            let object = session_object(&entry.session, &entry.projection);
            let rewritten = splice::replace(&text, List::Sessions, id, &object).unwrap();
            let again = parse(&rewritten);
            let now = again.get(&entry.session.id).unwrap();
            assert_eq!(
                (&now.session, now.projection),
                (&entry.session, entry.projection)
            );
        }
    }
}
