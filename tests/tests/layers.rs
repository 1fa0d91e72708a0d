//! Layers: the Workspace of a team merged into a person's own, kept up to date, and taken out again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dayfly_tests::{Daemon, Home, until};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn localstack(id: &str, region: &str) -> Value {
    json!({ "sessionId": id, "sessionName": id, "type": "localstack", "region": region, "profileName": id })
}

/// A home with a session of its own.
fn home() -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [localstack("own", "eu-west-1")] }));
    home
}

fn write(path: &Path, sessions: &[Value]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, json!({ "sessions": sessions }).to_string()).unwrap();
}

fn team(home: &Home) -> PathBuf {
    home.path().join("team").join("workspace.json")
}

fn region(home: &Home, id: &str) -> Option<String> {
    let text = std::fs::read_to_string(home.workspace()).unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    let mut sessions = whole["sessions"].as_array().unwrap().iter();
    let one = sessions.find(|one| one["sessionId"] == id)?;
    Some(one["region"].as_str().unwrap().to_owned())
}

#[test]
fn a_teams_sessions_come_follow_and_go_while_an_engine_runs() {
    let home = home();
    let source = team(&home);
    write(
        &source,
        &[
            localstack("dev", "eu-west-1"),
            localstack("qa", "eu-west-1"),
        ],
    );
    let source_text = source.to_str().unwrap();
    let daemon = Daemon::start(&home);

    // Nobody agreed: nothing is changed.
    let refused = home.run(["layer", "add", source_text]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.out.contains("+ add     dev"), "{}", refused.out);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(region(&home, "dev"), None);
    assert_eq!(home.run(["layer", "list", "--json"]).ok().json(), json!([]));

    home.run(["layer", "add", source_text, "--yes"]).ok();
    let listed = home.run(["layer", "list", "--json"]).ok().json();
    assert_eq!(listed[0]["name"], "team");
    assert_eq!(listed[0]["sessions"], 2);
    home.run(["session", "start", "dev"]).ok();
    home.run(["session", "start", "qa"]).ok();
    assert!(home.credentials_text().contains("[qa]"));

    // A field of one's own stays, another follows; what goes is stopped.
    home.run(["session", "edit", "dev", "--region", "eu-north-1"])
        .ok();
    let mut moved = localstack("dev", "us-east-1");
    moved["labels"] = json!({ "env": "dev" });
    write(&source, &[moved, localstack("new", "us-east-1")]);
    let seen = home.run(["layer", "update", "--check"]).ok().out;
    for line in [
        "~ change  dev: labels",
        "= yours   dev: region stays",
        "- remove  qa",
        "+ add     new",
    ] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    assert!(home.credentials_text().contains("[qa]"), "only looked at");
    assert!(!seen.contains("updated layer"), "{seen}");
    let done = home.run(["layer", "update", "--yes"]).ok().out;
    assert!(done.ends_with("updated layer team\n"), "{done}");
    assert_eq!(region(&home, "dev").as_deref(), Some("eu-north-1"));
    until(10 * SECOND, "the engine knows what the layer says", || {
        home.session("dev").unwrap()["labels"]["env"] == "dev" && home.session("qa").is_none()
    });
    assert_eq!(home.status("dev"), "active");
    assert!(!home.credentials_text().contains("[qa]"));
    let again = home.run(["layer", "update"]).ok().out;
    assert!(
        again.contains("nothing changes in the Workspace"),
        "{again}"
    );

    // What a person removed stays away until it is restored.
    home.run(["session", "remove", "new", "--yes"]).ok();
    let again = home.run(["layer", "update"]).ok().out;
    assert!(again.contains("= hidden  new"), "{again}");
    home.run(["layer", "update", "team", "--restore", "--yes"])
        .ok();
    assert_eq!(region(&home, "new").as_deref(), Some("us-east-1"));
    assert_eq!(region(&home, "dev").as_deref(), Some("us-east-1"));

    home.run(["layer", "remove", "team", "--yes"]).ok();
    assert!(!home.credentials_text().contains("[dev]"));
    until(10 * SECOND, "the engine knows that it is gone", || {
        home.session("dev").is_none()
    });
    assert_eq!(home.session("own").unwrap()["id"], "own");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_layer_out_of_git_is_what_is_committed_and_a_signature_is_asked_for() {
    let home = home();
    let repository = home.path().join("repository");
    let file = repository.join("cloud").join("workspace.json");
    let git = |args: &[&str]| {
        let done = Command::new("git")
            .arg("-C")
            .arg(&repository)
            .args(args)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    write(&file, &[localstack("dev", "eu-west-1")]);
    git(&["init", "-q", "-b", "main"]);
    git(&["config", "user.email", "a@example.org"]);
    git(&["config", "user.name", "a"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    // What is not committed does not count.
    write(&file, &[localstack("dev", "us-east-1")]);
    let source = format!(
        "git:{}//cloud/workspace.json?ref=main",
        repository.display()
    );
    home.run(["layer", "add", &source, "--yes"]).ok();
    assert_eq!(region(&home, "dev").as_deref(), Some("eu-west-1"));
    let listed = home.run(["layer", "list", "--json"]).ok().json();
    assert_eq!(listed[0]["name"], "cloud");
    assert_eq!(listed[0]["resolved"].as_str().unwrap().len(), 40);

    // With a trust root, what nobody signed is refused, and what is there stays.
    git(&["commit", "-qam", "two"]);
    let key = home.run(["policy", "keygen"]).ok().out.trim().to_owned();
    let config = std::fs::read_to_string(home.path().join("dayfly.toml")).unwrap();
    home.save_config(&format!(
        "{config}\n[[trust]]\nsource = \"git:*\"\nkeys = [\"{key}\"]\n"
    ));
    let refused = home.run(["layer", "update", "--yes"]);
    assert_eq!(refused.code, 4, "{}{}", refused.out, refused.err);
    assert_eq!(region(&home, "dev").as_deref(), Some("eu-west-1"));
    home.run(["policy", "sign", file.to_str().unwrap()]).ok();
    git(&["add", "."]);
    git(&["commit", "-qm", "signed"]);
    home.run(["layer", "update", "--yes"]).ok();
    assert_eq!(region(&home, "dev").as_deref(), Some("us-east-1"));
    let listed = home.run(["layer", "list", "--json"]).ok().json();
    assert_eq!(listed[0]["signer"], key.as_str());
}

#[test]
fn programs_that_a_layer_brings_are_named_and_ids_of_ones_own_stay() {
    let home = home();
    let source = team(&home);
    let token = json!({ "sessionId": "ci", "sessionName": "ci", "type": "awsIamRoleWebIdentity",
        "roleArn": "arn:aws:iam::123456789012:role/ci", "tokenCommand": ["/opt/token", "--now"] });
    write(&source, &[token, localstack("own", "us-east-1")]);
    let told = home
        .run(["layer", "add", source.to_str().unwrap(), "--yes"])
        .ok()
        .out;
    assert!(
        told.contains("! runs    ci: Dayfly would run [\"/opt/token\",\"--now\"]"),
        "{told}"
    );
    assert!(told.contains("! taken   own"), "{told}");
    assert_eq!(region(&home, "own").as_deref(), Some("eu-west-1"));
    // One's own session is chained to the layer's: the layer cannot take that one away.
    home.run([
        "session",
        "add",
        "child",
        "--type",
        "awsIamRoleChained",
        "--parent",
        "ci",
        "--region",
        "eu-west-1",
        "--role-arn",
        "arn:aws:iam::123456789012:role/child",
    ])
    .ok();
    write(&source, &[]);
    let told = home.run(["layer", "update", "--yes"]).ok().out;
    assert!(told.contains("! keep    ci"), "{told}");
    let refused = home.run(["layer", "remove", "team", "--yes"]);
    assert!(
        refused
            .err
            .contains("is the parent of your session \"child\""),
        "{}",
        refused.err
    );
    assert!(home.session("ci").is_some());
}

#[test]
fn what_is_no_layer_changes_nothing() {
    let home = home();
    let before = std::fs::read_to_string(home.workspace()).unwrap();
    let source = team(&home);
    for (text, told) in [
        ("{ \"sessions\": [", "is not a Workspace"),
        ("{ \"sessions\": [{ \"sessionId\": \"a\" }] }", "`type`"),
        ("[]", "is not a Workspace"),
    ] {
        std::fs::create_dir_all(source.parent().unwrap()).unwrap();
        std::fs::write(&source, text).unwrap();
        let refused = home.run(["layer", "add", source.to_str().unwrap(), "--yes"]);
        assert_ne!(refused.code, 0, "{text}: {}", refused.out);
        assert!(refused.err.contains(told), "{text}: {}", refused.err);
        assert_eq!(std::fs::read_to_string(home.workspace()).unwrap(), before);
        assert_eq!(home.run(["layer", "list", "--json"]).ok().json(), json!([]));
    }
    let missing = home.run(["layer", "add", "/nowhere/workspace.json", "--yes"]);
    assert_eq!(missing.code, 3, "{}", missing.err);
}

#[test]
fn what_is_exported_is_a_layer_of_somebody_else_and_runs_under_its_profile() {
    let home = home();
    home.run(["session", "edit", "own", "--label", "team=cloud"])
        .ok();
    let exported = home
        .run(["workspace", "export", "--label", "team=cloud"])
        .ok()
        .out;
    let other = Home::new();
    other.save_workspace(&json!({ "sessions": [] }));
    let file = other.path().join("from-a-friend.json");
    std::fs::write(&file, exported).unwrap();
    other
        .run(["layer", "add", file.to_str().unwrap(), "--yes"])
        .ok();
    assert_eq!(other.session("own").unwrap()["name"], "own");
    assert_eq!(
        other.run(["layer", "list", "--json"]).ok().json()[0]["name"],
        "from-a-friend"
    );
    let none = home
        .run(["workspace", "export", "--label", "team=none"])
        .ok()
        .json();
    assert_eq!(none["sessions"], json!([]));
    let profiles = home
        .run(["workspace", "export", "own", "--format", "aws-config"])
        .ok()
        .out;
    assert!(
        profiles.starts_with("[profile own]\ncredential_process = "),
        "{profiles}"
    );
    assert!(profiles.contains("region = eu-west-1"), "{profiles}");
    let listed = home
        .run(["workspace", "export", "--format", "json"])
        .ok()
        .json();
    assert_eq!(listed[0]["status"], "inactive");
}

#[test]
fn a_chain_that_a_session_of_ones_own_hangs_on_stays_whole() {
    let home = home();
    let source = team(&home);
    let role = |id: &str, parent: &str| {
        json!({ "sessionId": id, "sessionName": id, "type": "awsIamRoleChained", "region": "eu-west-1",
            "parentSessionId": parent, "roleArn": format!("arn:aws:iam::123456789012:role/{id}") })
    };
    let user = json!({ "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "region": "eu-west-1" });
    write(
        &source,
        &[user, role("middle", "user"), role("leaf", "user")],
    );
    home.run(["layer", "add", source.to_str().unwrap(), "--yes"])
        .ok();
    let arn = "arn:aws:iam::123456789012:role/child";
    let child = ["--type", "awsIamRoleChained", "--parent", "middle"];
    let add = [
        "session",
        "add",
        "child",
        "--region",
        "eu-west-1",
        "--role-arn",
        arn,
    ];
    home.run(add.into_iter().chain(child)).ok();
    write(&source, &[]);
    let told = home.run(["layer", "update", "--yes"]).ok().out;
    for line in ["! keep    middle", "! keep    user", "- remove  leaf"] {
        assert!(told.contains(line), "{line}: {told}");
    }
    for (id, stays) in [("user", true), ("middle", true), ("leaf", false)] {
        assert_eq!(home.session(id).is_some(), stays, "{id}");
    }
}

#[test]
fn a_session_of_ones_own_stays_whatever_a_layer_says_and_stops_to_say_under_its_id() {
    let home = home();
    let source = team(&home);
    write(
        &source,
        &[
            localstack("own", "us-east-1"),
            localstack("dev", "us-east-1"),
        ],
    );
    home.run(["layer", "add", source.to_str().unwrap(), "--yes"])
        .ok();
    // Merged once more, then without it.
    let told = home.run(["layer", "update", "--yes"]).ok().out;
    assert!(told.contains("! taken   own"), "{told}");
    write(&source, &[localstack("dev", "us-east-1")]);
    let told = home.run(["layer", "update", "--yes"]).ok().out;
    assert!(
        !told.contains("own:") && !told.contains("- remove"),
        "{told}"
    );
    assert_eq!(region(&home, "own").as_deref(), Some("eu-west-1"));
    home.run(["layer", "remove", "team", "--yes"]).ok();
    assert_eq!(region(&home, "own").as_deref(), Some("eu-west-1"));
    assert_eq!(region(&home, "dev"), None);
}

#[test]
fn who_hands_sessions_out_can_follow_them_too() {
    let author = home();
    author
        .run(["session", "edit", "own", "--label", "team=cloud"])
        .ok();
    let file = author.path().join("cloud.json");
    let exported = author.run(["workspace", "export"]).ok().out;
    std::fs::write(&file, exported).unwrap();
    let added = author
        .run(["layer", "add", file.to_str().unwrap(), "--yes"])
        .ok()
        .out;
    assert!(
        added.contains("nothing changes in the Workspace"),
        "{added}"
    );
    author.run(["layer", "remove", "cloud", "--yes"]).ok();
    assert_eq!(region(&author, "own").as_deref(), Some("eu-west-1"));
}
