//! What a person mistypes, asks for in vain, or forgot: told, and not taken for an empty success.

use std::ffi::OsStr;

use dayfly_tests::home::Ended;
use dayfly_tests::{Daemon, Home, until};
use serde_json::json;

const LONG: std::time::Duration = std::time::Duration::from_secs(30);

const KEEP: &str = "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n";

fn fails(ended: &Ended, code: i32, part: &str) {
    assert_eq!(ended.code, code, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains(part), "{part}: {}", ended.err);
}

fn home(names: &[&str]) -> Home {
    let home = Home::new();
    let sessions: Vec<_> = names
        .iter()
        .map(|name| {
            json!({ "sessionId": format!("id-{name}"), "sessionName": name, "type": "localstack",
                    "profileName": name, "labels": {} })
        })
        .collect();
    home.save_workspace(&json!({ "sessions": sessions }));
    home
}

#[test]
fn a_simulation_of_nothing_is_refused() {
    let home = home(&["dev"]);
    home.save_config(KEEP);
    for args in [["--for", "0s"], ["--sessions", "0"]] {
        let ended = home.run([&["policy", "simulate"][..], &args].concat());
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.out);
    }
    home.run(["policy", "simulate", "--for", "1h"]).ok();
    let scenario = home.path().join("scenario.toml");
    let test = |text: &str| {
        home.save(&scenario, text);
        let tested = home.run([
            OsStr::new("policy"),
            "test".as_ref(),
            scenario.as_ref(),
            "--json".as_ref(),
        ]);
        (tested.code, tested.out)
    };
    for (text, code, part) in [
        (
            "span = \"0s\"\n[[expect]]\ngap-at-most = \"0s\"\n",
            2,
            "the time span is empty",
        ),
        (
            "\n\n[[expect]]\nsession = \"dve\"\nstatus = \"active\"\n",
            3,
            "line 3: there is no session",
        ),
        (
            "[[expect]]\ngap-at-most = \"0s\"\n[[event]]\nat = \"1h\"\nsession = \"dev\"\ndo = \"satrt\"\n",
            2,
            "line 3: `do` is",
        ),
        (
            "[[outage]]\nfrom = \"2h\"\nto = \"1h\"\n[[expect]]\ngap-at-most = \"0s\"\n",
            2,
            "line 1: the time from 2h",
        ),
        (
            "[[expect]]\nsession = \"dev\"\nstats = \"active\"\n",
            2,
            "unknown field `stats`",
        ),
        (
            "[[expect]]\nat = \"1m\"\nsession = \"dev\"\nstatus = \"active\"\n",
            0,
            "\"ok\": true",
        ),
    ] {
        let (found, out) = test(text);
        assert_eq!(found, code, "{text}: {out}");
        assert!(out.contains(part), "{text}: {out}");
    }
    // `simulate` names the file as well.
    home.save(
        &scenario,
        "[[event]]\nat = \"soon\"\nsession = \"dev\"\ndo = \"start\"\n",
    );
    let ended = home.run([OsStr::new("policy"), "simulate".as_ref(), scenario.as_ref()]);
    fails(&ended, 2, "scenario.toml: line 1: \"soon\" is not a time");
}

#[test]
fn sessions_of_one_name_and_of_one_profile_are_told_apart() {
    let home = Home::new();
    let add = |name: &str, id: &str, profile: &str| {
        let args = ["session", "add", name, "--type", "localstack", "--id", id];
        home.run([&args[..], &["--profile", profile]].concat())
            .ok()
            .out
    };
    let first = add("dev", "0000-1111-aaaa", "one");
    assert!(!first.contains("has the same named profile"), "{first}");
    let second = add("dev", "0000-1111-bbbb", "one");
    assert!(
        second.contains("another session has the same name"),
        "{second}"
    );
    assert!(
        second.contains("dev has the same named profile"),
        "{second}"
    );
    add("alone", "2222-3333-cccc", "two");
    let listed = home.run(["session", "list"]).ok().out;
    assert!(listed.contains("dev (0000-1111-a)"), "{listed}");
    assert!(listed.contains("dev (0000-1111-b)"), "{listed}");
    assert!(!listed.contains("2222-3333"), "{listed}");
    home.run(["session", "start", "0000-1111-b"]).ok();
    let listed = home.run(["session", "list", "--json"]).ok().json();
    let status = |id: &str| {
        let mut all = listed.as_array().into_iter().flatten();
        all.find(|s| s["id"] == id).map(|s| s["status"].clone())
    };
    assert_eq!(status("0000-1111-bbbb"), Some("active".into()));
    assert_eq!(status("0000-1111-aaaa"), Some("inactive".into()));
}

#[test]
fn entries_that_are_disabled_are_listed_and_can_be_enabled_twice() {
    let home = home(&["dev"]);
    home.save_config(&format!(
        "{KEEP}\n[[policy]]\nname = \"off\"\nenabled = false\nmodule = \"builtin:business-hours\"\n"
    ));
    let listed = home.run(["policy", "list"]).ok().out;
    let off = listed
        .lines()
        .find(|line| line.starts_with("off"))
        .unwrap_or_default();
    assert!(
        off.contains("disabled") && off.contains("business-hours"),
        "{listed}"
    );
    let listed = home.run(["policy", "list", "--json"]).ok().json();
    assert_eq!(listed["disabled"], json!(["off"]));
    assert_eq!(listed["policies"].as_array().map(Vec::len), Some(1));
    let again = home.run(["policy", "enable", "keep"]).ok().out;
    assert_eq!(again, "keep is already enabled\n");
    home.run(["policy", "disable", "keep"]).ok();
    assert_eq!(
        home.run(["policy", "enable", "keep"]).ok().out,
        "enabled keep\n"
    );
    fails(
        &home.run(["policy", "enable", "kepp"]),
        3,
        "no policy entry",
    );
}

#[test]
fn the_journal_says_whom_it_does_not_know() {
    let home = home(&["dev", "gone"]);
    home.save_config(KEEP);
    home.run(["run", "--once"]).ok();
    for (flag, name) in [("--session", "dve"), ("--policy", "kepp")] {
        let ended = home.run(["events", flag, name]).ok();
        assert!(ended.err.contains(&format!("\"{name}\"")), "{}", ended.err);
        assert_eq!(ended.out, "");
    }
    for (flag, name) in [("--session", "dev"), ("--policy", "keep")] {
        let ended = home.run(["events", flag, name]).ok();
        assert_eq!(ended.err, "");
        assert_ne!(ended.out, "", "{name}");
    }
    // What was there once is known by its id.
    home.run(["session", "remove", "gone", "--yes"]).ok();
    let ended = home.run(["events", "--session", "id-gone"]).ok();
    assert_eq!(ended.err, "");
    assert_ne!(ended.out, "");
    assert_eq!(home.run(["events", "--until", "1h"]).ok().out, "");
    assert_ne!(
        home.run(["events", "--until", "2099-01-01T00:00:00Z"])
            .ok()
            .out,
        ""
    );
    assert_eq!(home.run(["events", "--until", "1h", "--follow"]).code, 2);
}

#[test]
fn a_release_takes_nothing_that_it_would_ignore() {
    let home = home(&["dev"]);
    home.run(["session", "stop", "dev"]).ok();
    for more in [["--for", "1h"], ["--reason", "x"], ["--override", "x"]] {
        let ended = home.run([&["session", "release", "dev"][..], &more].concat());
        assert_eq!(ended.code, 2, "{more:?}: {}", ended.out);
    }
    home.run(["session", "release", "dev"]).ok();
}

#[test]
fn what_is_inactive_cannot_be_rotated() {
    let home = home(&["dev"]);
    fails(&home.run(["session", "rotate", "dev"]), 1, "inactive");
    assert_eq!(home.status("dev"), "inactive");
    let daemon = Daemon::start(&home);
    fails(&home.run(["session", "rotate", "dev"]), 1, "inactive");
    assert_eq!(home.status("dev"), "inactive");
    drop(daemon);
}

#[test]
fn a_configuration_that_goes_away_leaves_the_last_one_in_force() {
    let home = home(&["dev"]);
    home.save_config(KEEP);
    let daemon = Daemon::start(&home);
    until(LONG, "the policy starts it", || {
        home.status("dev") == "active"
    });
    std::fs::remove_file(home.path().join("dayfly.toml")).expect("it is removed");
    until(LONG, "it is noticed", || {
        let status = home.run(["status"]).out;
        status.contains("dayfly.toml") || !status.contains("keep")
    });
    assert_eq!(home.status("dev"), "active");
    home.save_config(KEEP);
    until(LONG, "it is in force again", || {
        let listed = home.run(["policy", "list", "--json"]);
        listed.code == 0 && listed.json()["policies"].as_array().map(Vec::len) == Some(1)
    });
    drop(daemon);
}

#[test]
fn an_engine_that_hangs_is_not_waited_for_without_end() {
    let home = home(&["dev"]);
    let daemon = Daemon::start(&home);
    daemon.freeze();
    let ended = home.run(["status"]);
    daemon.thaw();
    assert_ne!(ended.code, 0, "{}", ended.out);
    assert!(ended.err.contains("did not answer within"), "{}", ended.err);
    home.run(["status"]).ok();
    drop(daemon);
}

#[test]
fn a_session_that_is_gone_is_still_called_by_its_name() {
    let home = home(&["dev", "old"]);
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "old"]).ok();
    home.run(["session", "remove", "old", "--yes"]).ok();
    until(LONG, "it is stopped", || {
        home.run(["events"])
            .ok()
            .out
            .contains("removed in the Workspace")
    });
    let events = home.run(["events"]).ok().out;
    assert!(events.contains("start old"), "{events}");
    assert!(!events.contains("id-old"), "{events}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn without_an_engine_the_status_says_so() {
    let home = home(&["dev"]);
    let status = home.run(["status"]);
    assert_eq!(status.code, 3, "{}{}", status.out, status.err);
    assert!(status.out.contains("dayfly run"), "{}", status.out);
    assert!(status.out.contains("dev"), "{}", status.out);
    let status = home.run(["status", "--json"]);
    assert_eq!(status.code, 3, "{}", status.out);
    assert!(status.json()["engine"].is_null(), "{}", status.out);
    let daemon = Daemon::start(&home);
    home.run(["status"]).ok();
    assert_eq!(daemon.terminate(), 0);
    // What is wrong comes before that.
    let without = Home::new();
    let status = without.run(["status"]);
    assert_eq!(status.code, 1, "{}", status.out);
    assert!(status.out.contains("workspace.json"), "{}", status.out);
    home.save_config("[[policy]\n");
    let status = home.run(["status"]);
    assert_ne!(status.code, 0, "{}", status.out);
    let told = status.out + &status.err;
    assert!(told.contains("dayfly.toml"), "{told}");
    // A warning is not a valid failure.
    let warned = Home::new();
    warned.save_workspace(&json!({ "sessions": [
        { "sessionId": "a", "sessionName": "a", "type": "localstack", "profileName": "a", "mfaDevice": "x" },
    ]}));
    assert_eq!(warned.run(["status"]).code, 3);
}

#[test]
fn a_vault_without_its_key_file_says_that_the_file_is_missing() {
    let home = home(&["dev"]);
    home.run(["policy", "keygen"]).ok();
    let key = home.path().join("vault.key");
    std::fs::remove_file(&key).expect("the key is in a file here");
    let listed = home.run(["secret", "list"]);
    fails(
        &listed,
        1,
        &format!("its key file {} is missing", key.display()),
    );
    assert!(listed.err.contains("backup"), "{}", listed.err);
}
