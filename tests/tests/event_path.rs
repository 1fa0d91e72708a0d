//! One edit of the Workspace, followed by its correlation id to the credentials that clients read: the
//! path that `engine/ARCHITECTURE.md` walks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::Duration;

use dayfly_tests::{Daemon, Home, until};
use serde_json::{Value, json};

/// What the journal records of an edit that a policy answers with START, in this order.
const RECORDED: [&str; 7] = [
    "workspace-accepted",
    "session-edited",
    "evaluated",
    "proposed",
    "decided",
    "began",
    "ended",
];

fn journal(home: &Home) -> Vec<Value> {
    let told = home.run(["events", "--json"]).ok().out;
    let lines = told.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn an_edit_is_followed_by_its_correlation_id_to_published_credentials() {
    let home = Home::new();
    home.save_config(
        "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\ngrant = { actions = [\"start\"] }\n",
    );
    home.save_workspace(&json!({ "sessions": [] }));
    let daemon = Daemon::start(&home);
    // Asked before, so that what it answers afterwards comes of the edit alone.
    until(Duration::from_secs(20), "the policy was asked", || {
        journal(&home)
            .iter()
            .any(|line| line["event"] == "evaluated")
    });
    home.save_workspace(
        &json!({ "sessions": [{ "sessionId": "id-app", "sessionName": "app",
        "type": "localstack", "profileName": "app", "region": "eu-west-1" }] }),
    );
    until(
        Duration::from_secs(20),
        "the edit has led to credentials",
        || journal(&home).iter().any(|line| line["event"] == "ended"),
    );

    let lines = journal(&home);
    let edit = lines
        .iter()
        .find(|line| line["event"] == "session-edited")
        .unwrap();
    let id = |line: &Value| (line["run"].clone(), line["cause"].clone());
    let events = lines.iter().filter(|line| id(line) == id(edit));
    let events: Vec<&str> = events.map(|line| line["event"].as_str().unwrap()).collect();
    let mut rest = events.iter();
    for stage in RECORDED {
        assert!(
            rest.any(|event| *event == stage),
            "no {stage} in its place: {events:?}"
        );
    }
    // Nothing about the session has another origin.
    let others = lines
        .iter()
        .filter(|line| line["session"] == "id-app" && id(line) != id(edit));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&Value>::new());
    let ended = lines.iter().find(|line| line["event"] == "ended").unwrap();
    assert_eq!(ended["outcome"], "started", "{ended}");

    // Both ends of the path: what SDKs read, and what the person's file shows.
    assert!(home.credentials_text().contains("[app]\n"));
    until(Duration::from_secs(10), "the file shows the status", || {
        let text = std::fs::read_to_string(home.workspace()).unwrap();
        let workspace: Value = serde_json::from_str(&text).unwrap();
        workspace["sessions"][0]["status"] == "active"
    });
    assert_eq!(daemon.terminate(), 0);
}

/// The page names functions by links to their files.
#[test]
fn the_functions_that_the_architecture_page_walks_through_are_there() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine");
    let page = std::fs::read_to_string(engine.join("ARCHITECTURE.md")).unwrap();
    let mut named = 0;
    for (at, _) in page.match_indices("[`") {
        let (name, rest) = page[at + 2..].split_once("`](").unwrap();
        let (file, _) = rest.split_once(')').unwrap();
        let code = std::fs::read_to_string(engine.join(file)).unwrap();
        let defined = [format!("fn {name}("), format!("fn {name}<")];
        assert!(
            defined.iter().any(|defined| code.contains(defined)),
            "{file} has no {name}"
        );
        named += 1;
    }
    assert!(named >= 10, "{named}");
}
