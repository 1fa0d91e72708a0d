//! An engine says that a layer changed, and does nothing about it until a person merges it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_tests::{Daemon, Home, until};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(20);

fn localstack(id: &str, region: &str) -> Value {
    json!({ "sessionId": id, "sessionName": id, "type": "localstack", "region": region, "profileName": id,
        "labels": { "auto": "" } })
}

fn write(path: &Path, sessions: &[Value]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // As an editor saves it: in one piece.
    let beside = path.with_extension("part");
    std::fs::write(&beside, json!({ "sessions": sessions }).to_string()).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// A home without sessions whose policy starts all that are labelled, and a team's file.
fn scene() -> (Home, PathBuf) {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [] }));
    home.save_config(
        "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         grant = { actions = [\"start\"], sessions = { labels = [\"auto\"] } }\n",
    );
    let source = home.path().join("team").join("workspace.json");
    (home, source)
}

/// What the journal has of layers.
fn told(home: &Home) -> Vec<Value> {
    let lines = home.run(["events", "--json"]).ok().out;
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["event"] == "layer-changed" || line["about"] == "layer team")
        .collect()
}

/// What `status` has of them.
fn problem(home: &Home) -> Option<Value> {
    let report = home.report();
    let mut problems = report["problems"].as_array().unwrap().iter();
    problems.find(|one| one["about"] == "layer team").cloned()
}

fn add(home: &Home, source: &Path) {
    home.run(["layer", "add", source.to_str().unwrap(), "--yes"])
        .ok();
}

#[test]
fn an_edit_of_a_layer_is_told_and_counts_once_it_is_merged() {
    let (home, source) = scene();
    write(
        &source,
        &[
            localstack("dev", "eu-west-1"),
            localstack("gone", "eu-west-1"),
        ],
    );
    let daemon = Daemon::start(&home);
    add(&home, &source);
    // A policy hears of sessions that a layer brings as of every edit of the Workspace.
    until(LONG, "the policy starts what the layer brought", || {
        home.status("dev") == "active" && home.status("gone") == "active"
    });
    let explained = home.run(["explain", "dev"]).ok().out;
    assert!(
        explained
            .lines()
            .next()
            .unwrap()
            .ends_with("; from layer team"),
        "{explained}"
    );
    assert_eq!(home.session("dev").unwrap()["layer"], "team");
    until(LONG, "the merge is told", || told(&home).len() == 1);
    let merged = &told(&home)[0];
    assert_eq!(merged["merged"], true);
    assert_eq!(merged["count"], 2);
    assert_eq!(problem(&home), None);

    write(
        &source,
        &[
            localstack("dev", "us-east-1"),
            localstack("new", "us-east-1"),
        ],
    );
    until(LONG, "the edit is told", || told(&home).len() == 2);
    let differs = &told(&home)[1];
    assert_eq!(differs["merged"], false);
    assert_eq!(
        differs["sessions"],
        json!([
            { "name": "new", "change": "added" },
            { "name": "dev", "change": "changed" },
            { "name": "gone", "change": "removed" },
        ])
    );
    let shown = home.run(["events"]).ok().out;
    assert!(shown.contains("+ new, ~ dev, - gone"), "{shown}");
    let status = home.run(["status"]).ok().out;
    assert!(status.contains("dayfly layer update team"), "{status}");
    assert_eq!(problem(&home).unwrap()["warning"], true);
    // It was told, and nothing else.
    assert_eq!(home.status("gone"), "active");
    assert_eq!(home.session("new"), None);
    let listed = home.run(["layer", "list"]).ok().out;
    assert!(listed.contains("changed since it was merged"), "{listed}");
    let doctor = home.run(["doctor", "--offline"]).out;
    assert!(
        doctor.contains("layer: \"team\": its source says something else"),
        "{doctor}"
    );

    home.run(["layer", "update", "--yes"]).ok();
    until(
        LONG,
        "what came is started and what went is not there",
        || {
            home.session("new")
                .is_some_and(|new| new["status"] == "active")
                && home.session("gone").is_none()
        },
    );
    until(LONG, "the merge is told", || told(&home).len() == 3);
    assert_eq!(told(&home)[2]["merged"], true);
    until(LONG, "nothing is left to be merged", || {
        problem(&home).is_none()
    });
    assert!(!home.credentials_text().contains("[gone]"));
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_layer_that_cannot_be_read_takes_nothing_away_and_brings_nothing() {
    let (home, source) = scene();
    write(&source, &[localstack("dev", "eu-west-1")]);
    add(&home, &source);
    let daemon = Daemon::start(&home);
    until(LONG, "the session is active", || {
        home.status("dev") == "active"
    });
    let workspace = || {
        let text = std::fs::read_to_string(home.workspace()).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["sessions"][0]["region"].clone()
    };
    for (text, says) in [
        (Some("{ \"sessions\": ["), "is not a Workspace"),
        (Some("{}"), "`sessions` is missing"),
        (None, "does not exist"),
    ] {
        match text {
            Some(text) => std::fs::write(&source, text).unwrap(),
            None => std::fs::remove_file(&source).unwrap(),
        }
        until(LONG, "it is said that the layer cannot be read", || {
            problem(&home).is_some_and(|one| one["message"].as_str().unwrap().contains(says))
        });
        let one = problem(&home).unwrap();
        assert!(
            one["hint"]
                .as_str()
                .unwrap()
                .contains("stay as they were merged"),
            "{one}"
        );
        let update = home.run(["layer", "update", "--yes"]);
        assert_ne!(update.code, 0, "{}", update.out);
        assert!(update.err.contains("layer \"team\""), "{}", update.err);
        assert_eq!(home.status("dev"), "active");
        assert!(home.credentials_text().contains("[dev]"));
        assert_eq!(workspace(), "eu-west-1");
        let doctor = home.run(["doctor", "--offline"]).out;
        assert!(doctor.contains("layer: \"team\": "), "{doctor}");
    }
    // The session goes on being renewed and stopped as any other.
    home.run(["session", "rotate", "dev"]).ok();
    home.run(["session", "stop", "dev"]).ok();
    write(&source, &[localstack("dev", "eu-west-1")]);
    until(LONG, "it is said that it can be read again", || {
        problem(&home).is_none()
    });
    assert_eq!(told(&home).last().unwrap()["event"], "mended");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_file_that_comes_into_a_folder_is_told() {
    let (home, source) = scene();
    let folder = source.parent().unwrap().to_owned();
    write(&source, &[localstack("dev", "eu-west-1")]);
    add(&home, &folder);
    let daemon = Daemon::start(&home);
    until(LONG, "the session is active", || {
        home.status("dev") == "active"
    });
    write(&folder.join("more.json"), &[localstack("new", "eu-west-1")]);
    until(LONG, "the new file is told", || problem(&home).is_some());
    assert_eq!(told(&home).last().unwrap()["sessions"][0]["name"], "new");
    std::fs::remove_file(folder.join("more.json")).unwrap();
    until(LONG, "it went again", || problem(&home).is_none());
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn what_is_committed_to_a_branch_is_told() {
    let (home, _) = scene();
    let repository = home.path().join("repository");
    let file = repository.join("team.json");
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        let done = command.arg("-C").arg(&repository).args(args).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    write(&file, &[localstack("dev", "eu-west-1")]);
    git(&["init", "-q", "-b", "main"]);
    git(&["config", "user.email", "a@example.org"]);
    git(&["config", "user.name", "a"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    let source = format!("git:{}//team.json?ref=main", repository.display());
    home.run(["layer", "add", &source, "--yes"]).ok();
    let daemon = Daemon::start(&home);
    until(LONG, "the session is active", || {
        home.status("dev") == "active"
    });
    // What is not committed is no change.
    write(&file, &[localstack("dev", "us-east-1")]);
    let listed = home.run(["layer", "list", "--json"]).ok().json();
    assert_eq!(listed[0]["changed"], false);
    git(&["commit", "-qam", "two"]);
    until(LONG, "the commit is told", || problem(&home).is_some());
    let differs = told(&home);
    assert_eq!(differs.last().unwrap()["sessions"][0]["change"], "changed");
    git(&["reset", "-q", "--hard", "HEAD~1"]);
    until(LONG, "it was taken back", || problem(&home).is_none());
    // The branch goes: nothing is removed.
    git(&["checkout", "-q", "--detach"]);
    git(&["branch", "-q", "-D", "main"]);
    until(LONG, "it is said that it cannot be read", || {
        problem(&home).is_some()
    });
    assert_eq!(home.status("dev"), "active");
    assert_eq!(daemon.terminate(), 0);
}
