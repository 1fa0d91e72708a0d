//! What a policy entry is granted bounds what it brings about, whatever its own rules say.

use dayfly_tests::Home;
use serde_json::{Value, json};

fn session(name: &str, labels: Value) -> Value {
    json!({ "sessionId": format!("id-{name}"), "sessionName": name, "type": "localstack",
            "profileName": name, "labels": labels })
}

fn statuses(home: &Home) -> Vec<(String, String)> {
    let list = home.run(["session", "list", "--json"]).ok().json();
    let list = list.as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.map(|s| (text(&s["name"]), text(&s["status"])))
        .collect()
}

/// A policy that keeps everything active, for the sessions of this selector, in this mode.
fn config(sessions: &str, more: &str) -> String {
    format!(
        "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n{more}\n[policy.grant]\n\
         sessions = {sessions}\nactions = [\"start\"]\n"
    )
}

fn home() -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        session("dev", json!({ "env": "dev" })),
        session("prod", json!({ "env": "prod" })),
        session("bare", json!({})),
    ]}));
    home
}

#[test]
fn an_expression_bounds_what_a_policy_starts() {
    let home = home();
    home.save_config(&config("\"labels.env != 'prod'\"", ""));
    home.run(["run", "--once"]).ok();
    let active = |name: &str| (name.to_owned(), "active".to_owned());
    let inactive = |name: &str| (name.to_owned(), "inactive".to_owned());
    // Where there is no such label, nothing is said to be granted.
    let mut found = statuses(&home);
    found.sort();
    assert_eq!(found, [inactive("bare"), active("dev"), inactive("prod")]);
    let text = home.credentials_text();
    assert!(text.contains("[dev]") && !text.contains("[prod]"), "{text}");
    let shown = home.run(["policy", "inspect", "keep"]).ok();
    assert!(
        shown.out.contains("where labels.env != 'prod'"),
        "{}",
        shown.out
    );
}

#[test]
fn a_wrong_expression_names_its_place_and_starts_nothing() {
    let home = home();
    home.save_config(&config("\"label.env != 'prod'\"", ""));
    let told = home.run(["policy", "list"]);
    assert_ne!(told.code, 0);
    let all = format!("{}{}", told.out, told.err);
    for part in [
        "dayfly.toml:1:",
        "policy entry \"keep\"",
        "line 5",
        "there is no \"label\"",
        "labels",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    home.run(["run", "--once"]);
    assert!(
        statuses(&home)
            .iter()
            .all(|(_, status)| status == "inactive")
    );
}

#[test]
fn a_shadow_entry_is_recorded_and_acts_on_nothing() {
    let home = home();
    home.save_config(&config("\"true\"", "mode = \"shadow\""));
    home.run(["run", "--once"]).ok();
    assert!(
        statuses(&home)
            .iter()
            .all(|(_, status)| status == "inactive")
    );
    let events = home.run(["events"]).ok();
    assert!(
        events
            .out
            .contains("dev: with the shadow policies this would be start instead of nothing"),
        "{}",
        events.out
    );
    let why = home.run(["explain", "dev"]).ok();
    assert!(why.out.contains("shadow"), "{}", why.out);
}

#[test]
fn an_entry_that_says_more_than_its_limit_brings_nothing_about() {
    let home = home();
    let limited = |effects: u32| {
        format!(
            "{}[policy.limits]\neffects = {effects}\n",
            config("\"true\"", "")
        )
    };
    home.save_config(&limited(2));
    home.run(["run", "--once"]);
    let active = |home: &Home| statuses(home).iter().filter(|s| s.1 == "active").count();
    assert_eq!(active(&home), 0);
    let events = home.run(["events"]).ok();
    assert!(events.out.contains("keep failed"), "{}", events.out);
    home.save_config(&limited(3));
    home.run(["run", "--once"]).ok();
    assert_eq!(active(&home), 3);
}

#[test]
fn an_entry_starts_no_more_than_its_rate_and_says_when_the_others_come() {
    let home = home();
    home.save_config(&format!("{}rate = \"1/h\"\n", config("\"true\"", "")));
    home.run(["run", "--once"]).ok();
    let active: Vec<_> = statuses(&home)
        .into_iter()
        .filter(|(_, status)| status == "active")
        .collect();
    assert_eq!(active.len(), 1, "{active:?}");
    let events = home.run(["events", "--json"]).ok();
    let late = events.out.matches("policy keep has used up its 1/h");
    assert_eq!(late.count(), 2, "{}", events.out);
    // A person does not wait for it.
    for name in ["dev", "prod", "bare"] {
        home.run(["session", "start", name]).ok();
    }
    assert!(statuses(&home).iter().all(|(_, status)| status == "active"));
    let shown = home.run(["policy", "inspect", "keep"]).ok();
    assert!(shown.out.contains("1/h"), "{}", shown.out);
}

#[test]
fn files_are_granted_by_patterns_that_are_looked_at_when_they_are_read() {
    let home = home();
    home.save_config(&format!(
        "{}paths = [\"~/src/**/*.tf\"]\n",
        config("\"true\"", "")
    ));
    let shown = home.run(["policy", "inspect", "keep"]).ok();
    assert!(shown.out.contains("~/src/**/*.tf"), "{}", shown.out);
    home.save_config(&format!("{}paths = [\"src/*\"]\n", config("\"true\"", "")));
    let told = home.run(["policy", "list"]);
    assert_ne!(told.code, 0);
    let all = format!("{}{}", told.out, told.err);
    assert!(all.contains("does not begin with / or ~/"), "{all}");
}

#[test]
fn one_bad_grant_hides_no_other_entry() {
    let home = home();
    home.save_config(&format!(
        "{}\n[[policy]]\nname = \"other\"\nmodule = \"builtin:keep-active\"\n",
        config("\"labels.env = 'dev'\"", "")
    ));
    let told = home.run(["policy", "list"]);
    assert_eq!(told.code, 1, "{}", told.err);
    let all = format!("{}{}", told.out, told.err);
    for part in ["other", "policy entry \"keep\"", "write `==`"] {
        assert!(all.contains(part), "{part}: {all}");
    }
}
