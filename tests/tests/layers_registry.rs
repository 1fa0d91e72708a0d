//! Layers out of a registry: how a team hands its Workspace out, and what stays when the registry is gone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use dayfly_tests::authoring::Registry;
use dayfly_tests::{Daemon, Home, until};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn localstack(id: &str) -> Value {
    json!({ "sessionId": id, "sessionName": id, "type": "localstack", "region": "eu-west-1",
        "profileName": id, "labels": { "team": "cloud" } })
}

fn home(sessions: &[Value]) -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": sessions }));
    home
}

/// What a person types to hand out the sessions of a team.
fn hand_out(author: &Home, version: &str, to: &str) -> Value {
    let exported = author.run([
        "workspace",
        "export",
        "--label",
        "team=cloud",
        "--layer-version",
        version,
    ]);
    let file = author.path().join("cloud.json");
    std::fs::write(&file, exported.ok().out).unwrap();
    let file = file.to_str().unwrap();
    author.run(["policy", "sign", file]).ok();
    author
        .run(["layer", "push", file, to, "--json"])
        .ok()
        .json()
}

#[test]
fn a_team_hands_its_sessions_out_through_a_registry_and_they_stay_without_it() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let to = format!("oci://{}/team/cloud:stable", registry.host);
    let author = home(&[localstack("dev")]);
    let key = author.run(["policy", "keygen"]).ok().out.trim().to_owned();
    let pushed = hand_out(&author, "1.0.0", &to);
    assert_eq!(pushed["signatures"], 1);
    assert_eq!(pushed["version"], "1.0.0");

    let user = home(&[]);
    user.save_config(&format!(
        "[[trust]]\nsource = \"oci://{}/team/*\"\nkeys = [\"{key}\"]\n",
        registry.host
    ));
    let daemon = Daemon::start(&user);
    // Two commands from nothing to credentials.
    user.run(["layer", "add", &to, "--yes"]).ok();
    user.run(["session", "start", "dev"]).ok();
    assert!(user.credentials_text().contains("[dev]"));
    let listed = user.run(["layer", "list", "--json"]).ok().json();
    assert_eq!(listed[0]["name"], "cloud");
    assert_eq!(listed[0]["version"], "1.0.0");
    assert_eq!(listed[0]["resolved"], pushed["digest"]);
    assert_eq!(listed[0]["signer"], key.as_str());

    author.save_workspace(&json!({ "sessions": [localstack("dev"), localstack("qa")] }));
    let newer = hand_out(&author, "1.1.0", &to);
    let check = user.run(["layer", "update", "--check"]).ok().out;
    assert!(
        check.contains("cloud 1.0.0 → 1.1.0, from oci://"),
        "{check}"
    );
    assert!(check.contains("+ add     qa"), "{check}");
    assert!(user.session("qa").is_none(), "only looked at");
    let report = user.run(["layer", "update", "--yes", "--json"]).ok().json();
    assert_eq!(report[0]["version"], "1.1.0");
    assert_eq!(report[0]["previousVersion"], "1.0.0");
    assert_eq!(report[0]["resolved"], newer["digest"]);
    until(10 * SECOND, "the engine knows the new session", || {
        user.session("qa").is_some()
    });
    assert_eq!(user.status("dev"), "active");

    // Another machine with the same files gets what was merged, to tell a person's own changes from it.
    let other = home(&[]);
    for file in ["dayfly.toml", "dayfly.lock", "workspace.json"] {
        std::fs::copy(user.path().join(file), other.path().join(file)).unwrap();
    }
    other
        .run(["session", "edit", "qa", "--region", "eu-north-1"])
        .ok();
    author.save_workspace(
        &json!({ "sessions": [localstack("dev"), localstack("qa"), localstack("new")] }),
    );
    hand_out(&author, "1.2.0", &to);
    let told = other.run(["layer", "update", "--yes"]).ok().out;
    assert!(told.contains("= yours   qa: region stays"), "{told}");
    assert!(told.contains("+ add     new"), "{told}");

    // The registry is gone: what was merged goes on, and it is said.
    drop(registry);
    let before = std::fs::read(user.workspace()).unwrap();
    let gone = user.run(["layer", "update", "--yes"]);
    assert_eq!(gone.code, 1, "{}", gone.err);
    assert!(
        gone.err.contains("layer \"cloud\": Dayfly cannot reach"),
        "{}",
        gone.err
    );
    assert!(
        gone.err.contains("work without the registry"),
        "{}",
        gone.err
    );
    assert_eq!(std::fs::read(user.workspace()).unwrap(), before);
    user.run(["session", "rotate", "dev"]).ok();
    assert_eq!(user.status("dev"), "active");
    assert_eq!(daemon.terminate(), 0);
    user.run(["layer", "remove", "cloud", "--yes"]).ok();
    assert!(user.session("dev").is_none());
}

#[test]
fn one_layer_that_cannot_be_had_keeps_no_other_back() {
    let user = home(&[]);
    let team = user.path().join("team.json");
    let other = user.path().join("other.json");
    let write = |path: &std::path::Path, ids: &[&str]| {
        let sessions: Vec<Value> = ids.iter().map(|id| localstack(id)).collect();
        std::fs::write(path, json!({ "sessions": sessions }).to_string()).unwrap();
    };
    write(&team, &["dev"]);
    write(&other, &["qa"]);
    for file in [&team, &other] {
        user.run(["layer", "add", file.to_str().unwrap(), "--yes"])
            .ok();
    }
    std::fs::remove_file(&team).unwrap();
    write(&other, &["qa", "new"]);
    let ended = user.run(["layer", "update", "--yes"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(ended.err.contains("layer \"team\": "), "{}", ended.err);
    assert!(user.session("new").is_some(), "the other one is merged");
    assert!(
        user.session("dev").is_some(),
        "nothing goes with a file that is gone"
    );
}

#[test]
fn a_layer_whose_kept_text_is_lost_can_be_taken_out() {
    let user = home(&[localstack("own")]);
    let team = user.path().join("team.json");
    std::fs::write(
        &team,
        json!({ "sessions": [localstack("dev")] }).to_string(),
    )
    .unwrap();
    user.run(["layer", "add", team.to_str().unwrap(), "--yes"])
        .ok();
    std::fs::remove_dir_all(user.path().join("policies")).unwrap();
    let lost = user.run(["layer", "update", "--yes"]);
    assert_eq!(lost.code, 1, "{}", lost.out);
    assert!(
        lost.err.contains("dayfly layer remove team"),
        "{}",
        lost.err
    );
    let out = user.run(["layer", "remove", "team", "--yes"]).ok().out;
    assert!(out.contains("- remove  dev"), "{out}");
    assert!(user.session("dev").is_none() && user.session("own").is_some());
}
