//! Names from elsewhere on their way into shells, scripts and pictures.

use std::process::Command;

use dayfly_tests::{Home, portal};
use serde_json::json;

/// Regions, as somebody who writes a shared Workspace may have chosen them.
fn values(canary: &str) -> Vec<String> {
    [
        "eu-west-1",
        "$(touch CANARY)",
        "`touch CANARY`",
        "'; touch CANARY; '",
        "\\'; touch CANARY; \\'",
        "\"; touch CANARY; \"",
        "a\\",
        "a\\\\'b",
        "!! !1 ~ * ? [a] {a,b}",
        "%s%n",
        "(touch CANARY)",
        "a;b|c&d>e<f",
        "\u{2019}; touch CANARY; \u{2018}",
        "$HOME ${HOME} $'x' =ls ^a#b",
    ]
    .map(|text| text.replace("CANARY", canary))
    .to_vec()
}

fn shell(name: &str) -> Option<&str> {
    let there = Command::new(name).args(["-c", "exit 0"]).status();
    if there.is_ok_and(|status| status.success()) {
        return Some(name);
    }
    assert!(
        std::env::var_os("DAYFLY_TEST_ALL").is_none(),
        "{name} is not installed"
    );
    None
}

#[test]
fn what_env_prints_is_the_value_in_each_shell_and_runs_nothing() {
    let mut evaluated = 0;
    for name in ["bash", "zsh", "fish"].into_iter().filter_map(shell) {
        let home = Home::new();
        let canary = home.path().join("canary");
        let canary = canary.to_str().expect("UTF-8");
        for value in values(canary) {
            home.save_workspace(
                &json!({ "sessions": [{ "sessionId": "one", "sessionName": "one",
                "type": "localstack", "profileName": "one", "region": value }] }),
            );
            let printed = home.run(["env", "one", "--static", "--shell", name]);
            if printed.code != 0 {
                // Refused is as good.
                continue;
            }
            let script = match name {
                "fish" => format!("{}printf %s $AWS_REGION", printed.out),
                _ => format!("{}printf %s \"$AWS_REGION\"", printed.out),
            };
            let mut command = Command::new(name);
            let ended = command
                .args(["-c", &script])
                .env("HOME", home.path())
                .output()
                .expect("it runs");
            assert_eq!(
                String::from_utf8_lossy(&ended.stdout),
                value,
                "{name}: {script}"
            );
            assert!(!std::path::Path::new(canary).exists(), "{name}: {script}");
            evaluated += 1;
        }
    }
    // Not that all were refused.
    assert!(evaluated >= 3, "{evaluated}");
}

#[test]
fn completions_hold_nothing_of_a_workspace() {
    let home = Home::new();
    let plain: Vec<String> = ["bash", "zsh", "fish", "powershell", "elvish"]
        .map(|shell| home.run(["completions", shell]).ok().out)
        .to_vec();
    home.save_workspace(
        &json!({ "sessions": [{ "sessionId": "one", "sessionName": "$(touch canary)",
        "type": "localstack", "profileName": "`touch canary`" }] }),
    );
    for (shell, before) in ["bash", "zsh", "fish", "powershell", "elvish"]
        .iter()
        .zip(plain)
    {
        assert_eq!(home.run(["completions", shell]).ok().out, before);
    }
}

#[test]
fn a_picture_of_hostile_names_is_a_picture() {
    let home = Home::new();
    home.save_config("[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n");
    let name = "</text><script>alert(1)</script>\u{202e}\x1b[2J]]>\"'&x;";
    home.save_workspace(
        &json!({ "sessions": [{ "sessionId": "one", "sessionName": name,
        "type": "localstack", "profileName": "one" }] }),
    );
    let path = home.path().join("week.svg");
    let path = path.to_str().expect("UTF-8");
    home.run(["policy", "simulate", "--for", "1h", "--svg", path])
        .ok();
    let svg = std::fs::read_to_string(path).expect("a picture");
    assert!(!svg.contains("<script"), "{svg}");
    assert!(!svg.contains(['\u{202e}', '\x1b']), "{svg}");
    if let Some(python) = portal::python() {
        let script = "import sys, xml.dom.minidom as d; print(len(d.parse(sys.argv[1]).getElementsByTagName('script')))";
        let ended = Command::new(python)
            .args(["-c", script, path])
            .output()
            .expect("Python runs");
        assert_eq!(
            String::from_utf8_lossy(&ended.stdout).trim(),
            "0",
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
}

/// Names that a portal chose come into the Workspace by a sync, and from there everywhere.
#[test]
fn names_of_a_hostile_portal_run_nothing_and_steer_nothing() {
    let Some(portal) = portal::Portal::start(None) else {
        return;
    };
    let home_canary = "canary";
    let role = "R;touch canary";
    let account = "\x1b]0;owned\x07$(touch canary)\u{202e}`touch canary`\nFORGED";
    portal.tell(&json!({
        "accounts": [{ "id": "123456789012", "name": account, "email": "a@b\x1b[2J", "roles": [role, "Plain"] }],
        "settings": { "auto": "allow" },
    }));
    let home = portal.home("");
    home.run(["integration", "login", "corp", "--device"]).ok();
    let synced = home.run(["integration", "sync", "corp"]);
    for command in [
        &["session", "list"][..],
        &["status"],
        &["workspace", "validate"],
        &["integration", "list"],
    ] {
        let ended = home.run(command);
        for text in [&ended.out, &ended.err, &synced.out, &synced.err] {
            let odd = text
                .chars()
                .find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
            assert_eq!(odd, None, "{command:?}: {text:?}");
            assert!(
                !text.lines().any(|line| line.starts_with("FORGED")),
                "{text:?}"
            );
        }
    }
    let listed = home.run(["session", "list", "--json"]).ok().json();
    for session in listed.as_array().expect("a list") {
        let id = session["id"].as_str().expect("an id");
        for name in ["bash", "zsh", "fish"].into_iter().filter_map(shell) {
            let printed = home.run(["env", id, "--static", "--shell", name]);
            if printed.code == 0 {
                let mut command = Command::new(name);
                let ended = command
                    .args(["-c", &printed.out])
                    .current_dir(home.path())
                    .output();
                ended.expect("it runs");
            }
        }
    }
    assert!(!home.path().join(home_canary).exists());
}
