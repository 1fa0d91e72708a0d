//! Rules are tried on a virtual week, and held against what a team expects of them.

use dayfly_tests::Home;
use serde_json::{Value, json};

fn home() -> Home {
    let home = Home::new();
    let role = "arn:aws:iam::123456789012:role/r";
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "profileName": "user" },
        { "sessionId": "app", "sessionName": "app", "type": "awsIamRoleChained", "profileName": "app",
          "roleArn": role, "parentSessionId": "user" },
        { "sessionId": "office", "sessionName": "office", "type": "awsIamRoleChained",
          "profileName": "office", "roleArn": role, "parentSessionId": "user", "labels": { "office": "" } },
    ]}));
    home.save_config(
        "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n\
         [[policy]]\nname = \"hours\"\nmodule = \"builtin:business-hours\"\ntier = \"team\"\n\
         config = { match = { labels = [\"office\"] }, timezone = \"Europe/Berlin\", hours = \"08:00-18:00\" }\n",
    );
    home
}

/// Two hours without a cloud, a night of sleep, and a person's word.
const WEEK: &str = r#"
begin = "2026-03-23T00:00:00Z"
[[outage]]
from = "tue 09:00"
to = "tue 11:00"
[[sleep]]
from = "wed 22:00"
to = "thu 06:00"
[[event]]
at = "fri 10:00"
session = "app"
do = "stop"
for = "3h"
"#;

fn simulate(home: &Home, more: &str) -> Value {
    let path = home.path().join("week.toml");
    std::fs::write(&path, format!("{WEEK}{more}")).expect("a file is written");
    let path = path.to_str().expect("a path is text").to_owned();
    home.run(["policy", "simulate", &path, "--json"])
        .ok()
        .json()
}

fn status_at(outcome: &Value, session: &str, at: &str) -> String {
    let sessions = outcome["sessions"].as_array().expect("a list");
    let track = sessions
        .iter()
        .find(|s| s["id"] == session)
        .expect("it is there");
    let statuses = track["statuses"].as_array().expect("a list");
    let before = statuses
        .iter()
        .take_while(|s| s["at"].as_str().expect("a text") <= at);
    let last = before.last().map(|s| s["status"].as_str().expect("a text"));
    last.unwrap_or("inactive").to_owned()
}

#[test]
fn a_week_goes_by_the_rules() {
    let home = home();
    let week = simulate(&home, "");
    // While the cloud was up and the machine awake, the two that had ended during the outage were
    // without for no longer than until their next try, and nobody else at all.
    assert!(
        week["gapSecondsWhileUp"].as_f64().unwrap() < 125.0,
        "{week}"
    );
    assert!(
        week["gapSecondsWhileDown"].as_f64().unwrap() > 600.0,
        "{week}"
    );
    assert!(week["rotated"].as_u64() > Some(150), "{week}");
    assert_eq!(week["faults"], 0);
    for (session, at, status) in [
        ("office", "2026-03-24T07:30:00Z", "active"),
        ("office", "2026-03-24T06:30:00Z", "inactive"),
        ("office", "2026-03-28T12:00:00Z", "inactive"),
        // The clocks go forward on Sunday: 08:00 in Berlin is an hour earlier from then on.
        ("office", "2026-03-29T12:00:00Z", "inactive"),
        ("app", "2026-03-25T12:00:00Z", "active"),
        ("app", "2026-03-27T11:00:00Z", "inactive"),
        ("app", "2026-03-27T13:30:00Z", "active"),
    ] {
        assert_eq!(status_at(&week, session, at), status, "{session} at {at}");
    }
    let again = simulate(&home, "");
    assert_eq!(week, again, "the same scenario has the same outcome");
    let other = simulate(&home, "").to_string();
    let path = home.path().join("week.toml");
    let seeded = home.run([
        "policy",
        "simulate",
        path.to_str().unwrap(),
        "--seed",
        "9",
        "--json",
    ]);
    assert_ne!(
        other,
        seeded.ok().json().to_string(),
        "another seed has another"
    );
}

#[test]
fn clocks_going_forward_move_the_office_hours() {
    let home = home();
    let path = home.path().join("spring.toml");
    std::fs::write(&path, "begin = \"2026-03-27T00:00:00Z\"\nspan = \"5d\"\n").unwrap();
    let outcome = home
        .run(["policy", "simulate", path.to_str().unwrap(), "--json"])
        .ok()
        .json();
    for (at, status) in [
        ("2026-03-27T06:59:00Z", "inactive"),
        ("2026-03-27T07:01:00Z", "active"),
        ("2026-03-30T05:59:00Z", "inactive"),
        ("2026-03-30T06:01:00Z", "active"),
        ("2026-03-30T15:59:00Z", "active"),
        ("2026-03-30T16:01:00Z", "inactive"),
    ] {
        assert_eq!(status_at(&outcome, "office", at), status, "{at}");
    }
}

#[test]
fn expectations_that_are_broken_are_named() {
    let home = home();
    let path = home.path().join("rules.toml");
    let run = |expect: &str| {
        std::fs::write(&path, format!("{WEEK}{expect}")).unwrap();
        home.run(["policy", "test", path.to_str().unwrap()])
    };
    let good = run(
        "[[expect]]\nat = \"sat 12:00\"\nsession = \"office\"\nstatus = \"inactive\"\n\
        [[expect]]\ngap-at-most = \"125s\"\n[[expect]]\ncalls-per-minute-at-most = 10\n",
    );
    assert_eq!(good.code, 0, "{}", good.out);
    let bad = run("[[expect]]\nat = \"sat 12:00\"\nsession = \"office\"\nstatus = \"active\"\n");
    assert_eq!(bad.code, 1);
    assert!(
        bad.out
            .contains("at sat 12:00, \"office\" is inactive, not active"),
        "{}",
        bad.out
    );
    for (text, part) in [
        ("", "has no expectations"),
        (
            "[[expect]]\nat = \"sat 12:00\"\n",
            "needs `at`, `session` and `status`",
        ),
        (
            "[[expect]]\nat = \"sat 12:00\"\nsession = \"offce\"\nstatus = \"active\"\n",
            "offce",
        ),
        ("[[expct]]\n", "expct"),
        (
            "[[event]]\nat = \"1h\"\nsession = \"app\"\ndo = \"explode\"\n[[expect]]\ngap-at-most='1h'",
            "explode",
        ),
    ] {
        let ended = run(text);
        assert!(
            ended.code == 2 || ended.code == 3,
            "{}{}",
            ended.out,
            ended.err
        );
        let said = format!("{}{}", ended.out, ended.err);
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_chart_shows_outage_sleep_and_hours() {
    let home = home();
    let path = home.path().join("week.toml");
    std::fs::write(&path, WEEK).unwrap();
    let shown = home
        .run(["policy", "simulate", path.to_str().unwrap()])
        .ok();
    for part in [
        "d7",
        "outage",
        "!",
        "asleep",
        "zzz",
        "office    ···▸█",
        "while the cloud was up",
    ] {
        assert!(shown.out.contains(part), "{part}\n{}", shown.out);
    }
}
