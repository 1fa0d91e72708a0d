//! What policies were asked is recorded, and asked again: of the same, and of others.

use std::time::Duration;

use dayfly_tests::{Daemon, Home, within};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

fn home() -> Home {
    let home = Home::new();
    let session = |name: &str, labels: Value| {
        json!({ "sessionId": format!("id-{name}"), "sessionName": name, "type": "localstack",
                "profileName": name, "labels": labels })
    };
    home.save_workspace(&json!({ "sessions": [
        session("web", json!({ "team": "web" })),
        session("data", json!({ "team": "data" })),
    ]}));
    home
}

const RECORDING: &str = "[recording]\nenabled = true\n";

/// An entry whose rules remember, answer to a custom event, and say so.
fn rules(name: &str, team: &str) -> String {
    format!(
        "[[policy]]\nname = \"{name}\"\nmodule = \"builtin:rules\"\n\
         grant = {{ actions = [\"start\", \"stop\", \"rotate\"], hold = true }}\n\
         [[policy.config.rule]]\nname = \"count\"\nwhen = \"event tick\"\n\
         then = \"hold rotate\"\nfor = \"1m\"\nremember = {{ ticks = '\"ticks\" in state ? state.ticks + 1 : 1' }}\n\
         if = 'session.labels.team == \"{team}\"'\nbecause = \"tick {{event.data.n}}\"\n"
    )
}

fn tick(home: &Home, n: usize) {
    let request = json!({ "do": "emit", "name": "tick", "data": { "n": n } });
    let answer = home.socket(&request.to_string());
    assert!(answer.get("error").is_none(), "{answer}");
}

fn tally(home: &Home, args: &[&str]) -> Value {
    let args = [&["replay", "--json"], args].concat();
    let ended = home.run(args);
    if ended.code == 3 {
        return Value::Null;
    }
    ended.ok().json()["tally"].clone()
}

/// Lines that the recording has; the engine goes on writing meanwhile.
fn recorded(home: &Home) -> usize {
    let folder = std::fs::read_dir(home.path().join("state/recording"));
    let files = folder.into_iter().flatten().flatten();
    let lines = files.map(|file| {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        bytes.iter().filter(|b| **b == b'\n').count()
    });
    lines.sum()
}

#[test]
fn ten_thousand_evaluations_come_out_the_same_in_another_process() {
    let home = home();
    let mut config = RECORDING.to_owned();
    for n in 0..5 {
        config += &rules(&format!("rules-{n}"), ["web", "data"][n % 2]);
    }
    for n in 0..35 {
        let action = ["start", "stop", "rotate"][n % 3];
        config += &format!(
            "[[policy]]\nname = \"on-{n}\"\nmodule = \"builtin:on-event\"\n\
             config = {{ events = [\"tick\"], then = \"{action}\" }}\nmode = \"shadow\"\n"
        );
    }
    home.save_config(&config);
    let daemon = Daemon::start(&home);
    let mut ticks = 0;
    within(LONG * 3, "10,000 evaluations are recorded", || {
        for _ in 0..20 {
            ticks += 1;
            tick(&home, ticks);
        }
        match recorded(&home) {
            10_000.. => Ok(()),
            fewer => Err(fewer),
        }
    });
    assert_eq!(daemon.terminate(), 0);
    let tally = tally(&home, &["--check"]);
    assert!(tally["evaluations"].as_u64() >= Some(10_000), "{tally}");
    assert_eq!(tally["same"], tally["evaluations"], "{tally}");
    assert_eq!(tally["passedOver"], json!({}), "{tally}");
    assert_eq!(tally["unreadable"], 0, "{tally}");
}

#[test]
fn other_rules_are_tried_on_what_was_recorded() {
    let home = home();
    let keep = |team: &str| {
        format!(
            "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
             config = {{ match = {{ labels = [\"team={team}\"] }} }}\n"
        )
    };
    home.save_config(&format!("{RECORDING}{}", keep("web")));
    home.run(["run", "--once"]).ok();
    assert_eq!(home.status("web"), "active");

    let same = home.run(["replay"]).ok().out;
    assert!(same.contains("none decides differently"), "{same}");
    let other = home.path().join("try.toml");
    home.save(&other, &keep("data"));
    let config = other.to_str().expect("a path is text");
    let tried = home.run(["replay", "--config", config, "--check"]);
    assert_eq!(tried.code, 1, "{}", tried.err);
    let line = |session: &str| {
        let mut lines = tried.out.lines();
        let line = lines.find(|line| line.contains(&format!("keep: {session}: ")));
        line.unwrap_or_else(|| panic!("{}", tried.out)).to_owned()
    };
    assert!(line("web").contains(": start ("), "{}", tried.out);
    assert!(line("web").ends_with("→ nothing"), "{}", tried.out);
    assert!(line("data").contains("nothing → start ("), "{}", tried.out);
    // Nothing came of it.
    assert_eq!(home.status("data"), "inactive");
    let differences = home.run(["replay", "--config", config, "--json"]).ok();
    let first = &differences.json()["differences"][0];
    assert_eq!(first["entry"], "keep", "{first}");
    assert!(first["before"]["effects"].is_array(), "{first}");

    // What the entry did not ask to hear then, nobody can be asked about.
    home.save(&other, &rules("keep", "web"));
    let unheard = home.run(["replay", "--config", config]).ok().out;
    let note = "keep now subscribes to event tick, to which it did not subscribe then";
    assert!(unheard.contains(note), "{unheard}");

    // Another component in its place.
    let module = ["replay", "keep", "--module", "builtin:rules"];
    let refused = home.run(module);
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(
        refused.err.contains("does not accept its configuration"),
        "{}",
        refused.err
    );
    let unnamed = home.run(["replay", "--module", "builtin:keep-active"]);
    assert_eq!(unnamed.code, 2, "{}", unnamed.err);
}

#[test]
fn nothing_is_kept_unless_it_is_wanted() {
    let home = home();
    home.save_config("[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n");
    let mut daemon = Daemon::start(&home);
    assert!(!home.path().join("state/recording").exists());
    let none = home.run(["replay"]);
    assert_eq!(none.code, 3, "{}", none.err);
    assert!(none.err.contains("[recording]"), "{}", none.err);

    // It begins and ends with an edit.
    home.save_config(&format!("{RECORDING}{}", rules("rules", "web")));
    within(LONG, "what is asked is recorded", || {
        tick(&home, 1);
        home.run(["replay", "rules"])
            .code
            .eq(&0)
            .then_some(())
            .ok_or(())
    });
    home.save_config(&rules("later", "web"));
    within(LONG, "the edit is in force", || {
        let report = home.report();
        let policies = report["policies"].as_array().cloned();
        let found = policies.into_iter().flatten().any(|p| p["name"] == "later");
        if found { Ok(()) } else { Err(report) }
    });
    let before = tally(&home, &[]);
    tick(&home, 2);
    assert!(daemon.is_alive());
    // What is to be recorded is written before it ends.
    assert_eq!(daemon.terminate(), 0);
    assert_eq!(tally(&home, &[]), before);
}
