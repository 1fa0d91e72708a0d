//! Bad input of every kind: a clear message that names the place, nothing stopped that need not
//! stop, nothing lost.

use std::path::Path;
use std::time::Duration;

use dayfly_tests::{Daemon, Home, ini, until, within};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn local(name: &str) -> Value {
    json!({ "sessionId": format!("id-{name}"), "sessionName": name, "type": "localstack",
        "profileName": name, "region": "eu-west-1" })
}

const KEEP: &str = "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n";

/// A home whose session `good` runs.
fn running() -> (Home, Daemon) {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [local("good")] }));
    home.save_config(KEEP);
    let daemon = Daemon::start(&home);
    until(5 * SECOND, "good is active", || {
        home.status("good") == "active"
    });
    (home, daemon)
}

fn problems(home: &Home) -> String {
    let report = home.report();
    report["problems"].to_string()
}

fn told(home: &Home, parts: &[&str]) {
    within(Duration::from_secs(30), "the problem is told", || {
        let problems = problems(home);
        let missing: Vec<_> = parts.iter().filter(|p| !problems.contains(**p)).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?} not in {problems}"))
        }
    });
}

fn active_in_chain(home: &Home, name: &str) -> bool {
    ini::profiles(&home.credentials_text()).contains_key(name)
}

#[test]
fn a_broken_workspace_leaves_the_last_good_one_in_force() {
    let (home, daemon) = running();
    let good = std::fs::read_to_string(home.workspace()).unwrap();
    for (text, parts) in [
        (
            "{\n  \"sessions\": [\n",
            &["workspace.json:3:1", "last valid version"][..],
        ),
        ("", &["workspace.json", "last valid version"]),
        (
            "{\n \"sessions\": 5 }",
            &["workspace.json:2:14", "sessions"],
        ),
    ] {
        home.save(&home.workspace(), text);
        told(&home, parts);
        assert_eq!(home.status("good"), "active");
        assert!(active_in_chain(&home, "good"));
        // What cannot be understood is not written over.
        assert_eq!(std::fs::read_to_string(home.workspace()).unwrap(), text);
        // A person's order works on the last good version.
        home.run(["session", "rotate", "good"]).ok();
        assert_eq!(std::fs::read_to_string(home.workspace()).unwrap(), text);
    }
    home.save(&home.workspace(), &good);
    until(5 * SECOND, "the problem is gone", || {
        problems(&home) == "[]"
    });
    let printed = daemon.output();
    assert!(printed.contains("workspace: resolved"), "{printed}");
    // Something that cannot be read as a file stands in its place.
    std::fs::remove_file(home.workspace()).unwrap();
    std::fs::create_dir(home.workspace()).unwrap();
    told(&home, &["workspace.json", "last valid version"]);
    assert!(active_in_chain(&home, "good"));
    std::fs::remove_dir(home.workspace()).unwrap();
    home.save(&home.workspace(), &good);
    until(5 * SECOND, "the problem is gone", || {
        problems(&home) == "[]"
    });
    // A file that goes away takes nothing with it.
    std::fs::remove_file(home.workspace()).unwrap();
    told(&home, &["workspace.json", "last valid version"]);
    assert!(active_in_chain(&home, "good"));
}

#[test]
fn a_faulty_session_stops_no_other() {
    let (home, _daemon) = running();
    let odd = |change: &dyn Fn(&mut Value)| {
        let mut session = local("odd");
        change(&mut session);
        session
    };
    type Case = (Vec<Value>, &'static [&'static str]);
    let role = "arn:aws:iam::123456789012:role/r";
    let chain = |id: &str, parent: &str| {
        json!({ "sessionId": id, "sessionName": id, "type": "awsIamRoleChained",
            "roleArn": role, "parentSessionId": parent, "profileName": id })
    };
    let cases: Vec<Case> = vec![
        (
            vec![local("odd"), local("odd")],
            &["id-odd", "workspace.json:"],
        ),
        (
            vec![odd(&|s| s["type"] = "awsRoot".into())],
            &["awsRoot", "odd"],
        ),
        (vec![chain("c", "nobody")], &["parent session", "nobody"]),
        (vec![chain("a", "b"), chain("b", "a")], &["cycle"]),
        (
            vec![odd(&|s| s["region"] = "atlantis".into())],
            &["atlantis", "region"],
        ),
    ];
    for (number, (sessions, parts)) in cases.into_iter().enumerate() {
        let late = format!("late{number}");
        let mut all = vec![local("good"), local(&late)];
        all.extend(sessions);
        home.save_workspace(&json!({ "sessions": all }));
        told(&home, parts);
        // What is right beside it works.
        until(3 * SECOND, "the good one beside it starts", || {
            active_in_chain(&home, &late)
        });
        assert_eq!(home.status("good"), "active", "{parts:?}");
    }
}

#[test]
fn a_policy_that_cannot_be_used_is_named_and_stops_no_other() {
    let (home, _daemon) = running();
    let foreign =
        wat::parse_str(r#"(component (import "wasi:filesystem/preopens@0.2.0" (instance)))"#);
    std::fs::write(home.path().join("foreign.wasm"), foreign.unwrap()).unwrap();
    std::fs::write(home.path().join("text.wasm"), "no wasm at all").unwrap();
    for (number, (entry, parts)) in [
        ("module = 'foreign.wasm'", &["wasi:filesystem/preopens@0.2.0", "imports"][..]),
        ("module = 'text.wasm'", &["text.wasm", "not a WebAssembly component"]),
        ("module = 'missing.wasm'", &["missing.wasm", "cannot read"]),
        ("module = 'builtin:nope'", &["no built-in policy", "business-hours"]),
        (
            "module = 'builtin:keep-active'\nconfig = { match = { lables = ['x'] } }",
            &["lables", "policy inspect"],
        ),
        (
            "module = 'builtin:business-hours'\nconfig = { timezone = 'Mars/Olympus', hours = '08:00-09:00' }",
            &["Mars/Olympus"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        home.save_config(&format!("{KEEP}[[policy]]\nname = \"odd\"\n{entry}\n"));
        told(&home, &["policy odd", "dayfly.toml:4", "not in force"]);
        told(&home, parts);
        let late = format!("late{number}");
        home.save_workspace(&json!({ "sessions": [local("good"), local(&late)] }));
        until(5 * SECOND, "the other policy works", || active_in_chain(&home, &late));
        assert_eq!(home.status("good"), "active");
    }
    // A file that is no TOML leaves the last good configuration in force.
    home.save_config("[[policy]\n");
    told(&home, &["dayfly.toml:1:", "last valid version"]);
    home.save_workspace(&json!({ "sessions": [local("good"), local("last")] }));
    until(5 * SECOND, "the policy works still", || {
        active_in_chain(&home, "last")
    });
    home.save_config(KEEP);
    until(5 * SECOND, "the problem is gone", || {
        problems(&home) == "[]"
    });
}

#[test]
fn commands_say_what_is_wrong_and_end_with_the_right_code() {
    let home = Home::new();
    for (args, code, part) in [
        (&["session", "list"][..], 1, "dayfly init"),
        (&["session", "start", "x"], 1, "workspace"),
        (&["session", "start"], 2, "SESSION"),
        (&["nonsense"], 2, "nonsense"),
    ] {
        let ended = home.run(args);
        assert_eq!(ended.code, code, "{args:?}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains(part), "{args:?}: {}", ended.err);
    }
    home.save_workspace(&json!({ "sessions": [local("alpha"), local("beta")] }));
    for (args, code, part) in [
        (&["session", "show", "alhpa"][..], 3, "alpha"),
        (&["session", "start", "id-"], 3, "more than one"),
        (&["session", "start", "alpha", "--for", "soon"], 2, "90s"),
        (
            &["session", "start", "alpha", "--override", " "],
            2,
            "reason",
        ),
        (&["policy", "inspect", "nope"], 3, "builtin:NAME"),
        (&["policy", "enable", "nope"], 3, "no policy entry"),
    ] {
        let ended = home.run(args);
        assert_eq!(ended.code, code, "{args:?}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains(part), "{args:?}: {}", ended.err);
    }
}

#[test]
fn a_profile_of_somebody_else_is_not_taken() {
    let home = Home::new();
    let theirs = "[good]\naws_access_key_id = AKIATHEIRS\naws_secret_access_key = theirs\n";
    std::fs::create_dir_all(home.credentials().parent().unwrap()).unwrap();
    std::fs::write(home.credentials(), theirs).unwrap();
    home.save_workspace(&json!({ "sessions": [local("good")] }));
    let ended = home.run(["session", "start", "good"]);
    assert_eq!(ended.code, 1);
    for part in [
        "profile \"good\"",
        "aws_access_key_id",
        "line 2",
        "did not write",
        "another named profile",
    ] {
        assert!(ended.err.contains(part), "{}", ended.err);
    }
    assert_eq!(home.credentials_text(), theirs);
    // Programs that ask Dayfly do not need the profile.
    home.run(["credential-process", "good"]).ok();
}

#[test]
fn a_link_in_the_place_of_a_private_file_is_refused() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [local("good")] }));
    let target = home.path().join("elsewhere");
    std::fs::write(&target, "untouched").unwrap();
    std::fs::create_dir_all(home.path().join("state")).unwrap();
    std::os::unix::fs::symlink(&target, home.path().join("state/words.json")).unwrap();
    home.run(["session", "start", "good"]);
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "untouched");
}

#[test]
fn what_the_person_said_is_told_as_lost_and_kept_aside() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [local("dev")] }));
    home.run(["session", "start", "dev"]).ok();
    let words = home.path().join("state/words.json");
    std::fs::write(&words, "{ torn").unwrap();
    let told = home.run(["status"]);
    let said = told.out.clone() + &told.err;
    assert!(said.contains("cannot read"), "{said}");
    assert!(said.contains("state/words.json:"), "{said}");
    assert_eq!(std::fs::read(&words).unwrap(), b"{ torn", "a look");
    let daemon = Daemon::start(&home);
    told_by_status(&home, "words.json.unreadable");
    home.run(["session", "stop", "dev"]).ok();
    assert_eq!(daemon.terminate(), 0);
    let aside = home.path().join("state/words.json.unreadable");
    assert_eq!(std::fs::read(aside).unwrap(), b"{ torn");
    let written = std::fs::read_to_string(&words).unwrap();
    assert!(written.contains("stop"), "{written}");
}

fn told_by_status(home: &Home, part: &str) {
    let told = home.run(["status"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.contains(part), "{told:?}");
}

#[test]
fn two_engines_do_not_work_on_one_home() {
    let (home, daemon) = running();
    let ended = home.run(["run"]);
    assert_eq!(ended.code, 1);
    let pid = format!("process {}", daemon.pid());
    assert!(ended.err.contains(&pid), "{}", ended.err);
    assert_eq!(home.status("good"), "active");
    assert!(Path::new(&home.path().join("state/engine.sock")).exists());
    assert_eq!(daemon.terminate(), 0);
    assert!(!home.path().join("state/engine.sock").exists());
}

#[test]
fn a_guard_rail_holds_a_person_back_with_and_without_an_engine() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [local("good")] }));
    // Closed on every day, so that nobody may start it.
    home.save_config(
        "[[policy]]\nname = \"closed\"\nmodule = \"builtin:business-hours\"\ntier = \"guard-rail\"\n\
         config = { timezone = \"UTC\", hours = \"00:00-00:01\", days = \"mon-sun\" }\n",
    );
    let refused = |home: &Home| {
        let ended = home.run(["session", "start", "good"]);
        assert_eq!(ended.code, 4, "{}{}", ended.out, ended.err);
        for part in ["closed", "--override"] {
            assert!(ended.err.contains(part), "{}", ended.err);
        }
        assert!(!active_in_chain(home, "good"));
    };
    refused(&home);
    let daemon = Daemon::start(&home);
    refused(&home);
    let reason = ["session", "start", "good", "--override", "incident 7"];
    home.run(reason).ok();
    assert!(active_in_chain(&home, "good"));
    let events = home.run(["events", "--session", "good"]).ok();
    assert!(events.out.contains("incident 7"), "{}", events.out);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_guard_rail_that_cannot_be_loaded_lets_nobody_pass() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [local("good"), local("other")] }));
    let rail = "[[policy]]\nname = \"rail\"\nmodule = \"gone.wasm\"\ntier = \"guard-rail\"\n\
        grant = { sessions = { names = [\"good\"] }, actions = [], hold = true }\n";
    let refused = |code: i32, part: &str| {
        let ended = home.run(["session", "start", "good"]);
        assert_eq!(ended.code, code, "{part}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains(part), "{}", ended.err);
        assert!(!active_in_chain(&home, "good"));
    };
    let overridden = || {
        home.run(["session", "start", "good", "--override", "incident"])
            .ok();
        home.run(["session", "stop", "good"]).ok();
    };
    home.save_config(rail);
    refused(4, "gone.wasm");
    overridden();
    let daemon = Daemon::start(&home);
    refused(4, "gone.wasm");
    overridden();
    assert_eq!(daemon.terminate(), 0);
    // A mistake that is made later opens nothing: an engine goes by the last configuration that it
    // could read, and a command without one says where the mistake is.
    home.save_config("[[policy]\n");
    refused(1, "dayfly.toml:1:10");
    let daemon = Daemon::start(&home);
    refused(4, "gone.wasm");
    overridden();
    assert_eq!(daemon.terminate(), 0);
    // Sessions that it is not for are not held.
    home.save_config(rail);
    home.run(["session", "start", "other"]).ok();
}

#[test]
fn two_homes_can_share_a_credentials_file() {
    let (one, two) = (Home::new(), Home::new());
    let shared = one.credentials();
    for (home, name) in [(&one, "first"), (&two, "second")] {
        home.save_workspace(&json!({ "sessions": [local(name)] }));
        home.save_config(&format!(
            "[aws]\ncredentials-file = \"{}\"\n{KEEP}",
            shared.display()
        ));
    }
    let profiles = || -> Vec<String> {
        let text = std::fs::read_to_string(&shared).unwrap();
        ini::profiles(&text).into_keys().collect()
    };
    one.run(["run", "--once"]).ok();
    assert_eq!(profiles(), ["first"]);
    // The other takes nothing of it for orphans of its own.
    two.run(["run", "--once"]).ok();
    assert_eq!(profiles(), ["first", "second"]);
    one.run(["session", "stop", "first"]).ok();
    assert_eq!(profiles(), ["second"]);
    // Nor does it take over a profile.
    two.run(["session", "edit", "second", "--profile", "first"])
        .ok();
    two.run(["session", "rotate", "second"]).ok();
    let ended = one.run(["session", "start", "first"]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("another Dayfly"), "{}", ended.err);
}
