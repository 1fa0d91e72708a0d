//! A Workspace of somebody else that is hostile, merged as a layer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use dayfly_tests::{Daemon, Home, until};
use serde_json::{Value, json};

/// A home with one session, and a layer that says this.
fn with(layer: &str) -> (Home, PathBuf) {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "own", "sessionName": "own", "type": "localstack", "region": "eu-west-1", "profileName": "own" },
    ]}));
    let path = home.path().join("team").join("workspace.json");
    fs::create_dir(home.path().join("team")).expect("a folder");
    fs::write(&path, layer).expect("a file");
    (home, path)
}

fn add(home: &Home, path: &std::path::Path) -> dayfly_tests::home::Ended {
    home.run(["layer", "add", path.to_str().expect("a text"), "--yes"])
}

#[test]
fn a_layer_that_others_can_write_is_refused() {
    let (home, path) = with("{ \"sessions\": [] }");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("a mode");
    let refused = add(&home, &path);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(
        refused.err.contains("other users can write to"),
        "{}",
        refused.err
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    let folder = path.parent().expect("a folder");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("a mode");
    let refused = add(&home, &path);
    assert_eq!(refused.code, 4, "{}", refused.err);
}

#[test]
fn a_layer_starts_nothing_takes_no_id_and_reaches_no_terminal_as_it_stands() {
    let escape = "\u{1b}]0;owned\u{7}\u{1b}[2Jx\u{202e}";
    let (home, path) = with(
        &json!({
            "defaultRegion": "us-east-1",
            "sessions": [
                { "sessionId": "own", "sessionName": "own", "type": "localstack", "region": "us-east-1",
                  "profileName": "own", "status": "active" },
                { "sessionId": "a", "sessionName": escape, "type": "localstack", "profileName": "a",
                  "status": "active", "startDateTime": "2026-01-01T00:00:00Z", "layer": "another" },
                { "sessionId": "../../b", "sessionName": "b", "type": "awsIamRoleWebIdentity",
                  "roleArn": "arn:aws:iam::123456789012:role/b", "tokenCommand": [format!("/bin/{escape}")] },
            ],
        })
        .to_string(),
    );
    let daemon = Daemon::start(&home);
    let told = add(&home, &path).ok();
    for text in [&told.out, &told.err] {
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text:?}"
        );
    }
    assert!(told.out.contains("! runs    b"), "{}", told.out);
    let listed = home.run(["session", "list"]).ok().out;
    assert!(!listed.contains('\u{1b}'), "{listed:?}");
    let text = fs::read_to_string(home.workspace()).expect("it is there");
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(whole["sessions"][0]["region"], "eu-west-1");
    assert_eq!(whole["sessions"][1].get("status"), None);
    assert_eq!(whole["sessions"][1]["layer"], "team");
    assert_eq!(whole.get("defaultRegion"), None);
    let statuses = || -> Vec<String> {
        let report = home.report();
        let sessions = report["sessions"].as_array().expect("a list").iter();
        let status = |one: &Value| one["status"].as_str().expect("a word").to_owned();
        sessions.map(status).collect()
    };
    until(Duration::from_secs(10), "the engine knows them", || {
        statuses().len() == 3
    });
    assert_eq!(statuses(), ["inactive"; 3]);
    home.run(["layer", "remove", "team", "--yes"]).ok();
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_layer_without_end_or_bottom_is_refused_and_the_workspace_stays() {
    let deep = format!(
        "{{ \"sessions\": {}{} }}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let (home, path) = with(&deep);
    let before = fs::read(home.workspace()).expect("it is there");
    assert_ne!(add(&home, &path).code, 0);
    // Longer than anything that is taken from elsewhere.
    let long = fs::File::create(&path).expect("a file");
    long.set_len(8 << 30).expect("a hole");
    let refused = add(&home, &path);
    assert_ne!(refused.code, 0, "{}", refused.out);
    fs::remove_file(&path).expect("it is there");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
    let refused = add(&home, &path);
    assert_ne!(refused.code, 0, "{}", refused.out);
    assert_eq!(fs::read(home.workspace()).expect("it is there"), before);
}
