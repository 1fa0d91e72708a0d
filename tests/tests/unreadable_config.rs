//! A `dayfly.toml` that cannot be read never brings the defaults in force: commands fail and name
//! the place, an engine goes by the last configuration that was in force, and STOP is true.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use dayfly_tests::{Daemon, Home, until};
use serde_json::json;

const LONG: Duration = Duration::from_secs(30);
/// A syntax error, in line 1.
const TYPO: &str = "[delivery\n";

fn home() -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "id-dev", "sessionName": "dev", "type": "localstack", "profileName": "dev" },
    ]}));
    home
}

/// A credentials file that the configuration names, and that configuration.
fn elsewhere(home: &Home) -> (PathBuf, String) {
    let file = home.path().join("elsewhere");
    let text = format!("[aws]\ncredentials-file = \"{}\"\n", file.display());
    (file, text)
}

fn holds_dev(file: &std::path::Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains("[dev]"))
}

#[test]
fn a_stop_without_an_engine_finds_the_file_that_the_last_configuration_named() {
    let home = home();
    let (file, text) = elsewhere(&home);
    home.save_config(&text);
    home.run(["session", "start", "dev"]).ok();
    assert!(holds_dev(&file));
    home.save_config(&format!("{text}{TYPO}"));
    home.run(["session", "stop", "dev"]).ok();
    assert!(!holds_dev(&file), "said to be stopped");
    assert!(!home.credentials().exists());
}

#[test]
fn a_stop_that_cannot_know_all_places_is_no_success() {
    let home = home();
    home.save_config(TYPO);
    let ended = home.run(["session", "stop", "dev"]);
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains("dayfly.toml:1:"), "{}", ended.err);
    assert!(ended.err.contains("may still be"), "{}", ended.err);
}

#[test]
fn a_start_and_other_commands_fail_and_name_the_place() {
    let home = home();
    home.save_config("[delivery]\ntargets = [\"credential-process\"]\n");
    home.run(["session", "start", "dev"]).ok();
    home.run(["session", "stop", "dev"]).ok();
    home.save_config(TYPO);
    for args in [
        &["session", "start", "dev"][..],
        &["session", "rotate", "dev"],
        &["credential-process", "dev"],
        &["exec", "dev", "--", "true"],
        &["env", "dev", "--static"],
        &["policy", "list"],
    ] {
        let ended = home.run(args);
        assert_eq!(ended.code, 1, "{args:?}: {}{}", ended.out, ended.err);
        assert!(
            ended.err.contains("dayfly.toml:1:"),
            "{args:?}: {}",
            ended.err
        );
    }
    assert!(!home.credentials().exists());
    let doctor = home.run(["doctor"]);
    assert_ne!(doctor.code, 0);
    assert!(doctor.out.contains("dayfly.toml:1:"), "{}", doctor.out);
}

#[test]
fn an_engine_that_is_restarted_on_a_typo_publishes_where_the_last_configuration_said() {
    let home = home();
    home.save_config("[delivery]\ntargets = [\"credential-process\"]\n");
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "dev"]).ok();
    assert_eq!(daemon.terminate(), 0);
    home.save_config(&format!(
        "[delivery]\ntargets = [\"credential-process\"]\n{TYPO}"
    ));
    let daemon = Daemon::start(&home);
    let told = || home.run(["status"]);
    until(LONG, "the mistake is told", || {
        told().out.contains("dayfly.toml:3:") || told().err.contains("dayfly.toml:3:")
    });
    assert_eq!(home.status("dev"), "active");
    home.run(["session", "rotate", "dev"]).ok();
    assert!(!home.credentials().exists(), "keys in plain text");
    home.run(["session", "stop", "dev"]).ok();
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn an_engine_that_never_had_a_configuration_starts_nothing() {
    let home = home();
    home.save_config(TYPO);
    let daemon = Daemon::spawn(&home);
    let said = || {
        let status = home.run(["status"]);
        format!("{}{}", status.out, status.err)
    };
    until(LONG, "the engine says what to do", || {
        said().contains("restart the engine")
    });
    for args in [
        &["session", "start", "dev"][..],
        &["session", "start", "dev", "--override", "I want it"],
    ] {
        let ended = home.run(args);
        assert_ne!(ended.code, 0, "{args:?}: {}", ended.out);
        assert!(ended.err.contains("dayfly.toml:1:"), "{}", ended.err);
        assert!(ended.err.contains("fix dayfly.toml"), "{}", ended.err);
        assert!(!ended.err.contains("--override"), "{}", ended.err);
    }
    assert!(!said().contains("--override"), "it passes nothing here");
    assert!(!home.credentials().exists());
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn credentials_leave_a_file_that_is_not_configured_any_more() {
    let home = home();
    let (file, text) = elsewhere(&home);
    home.save_config(&text);
    home.run(["session", "start", "dev"]).ok();
    assert!(holds_dev(&file));
    home.save_config("");
    let daemon = Daemon::start(&home);
    until(LONG, "they are in the usual file", || {
        holds_dev(&home.credentials())
    });
    assert!(!holds_dev(&file));
    assert_eq!(home.status("dev"), "active");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_configuration_that_others_may_write_is_not_used() {
    let home = home();
    home.save_config("");
    let file = home.path().join("dayfly.toml");
    std::fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let ended = home.run(["session", "start", "dev"]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("chmod go-w"), "{}", ended.err);
    let doctor = home.run(["doctor"]);
    assert!(doctor.out.contains("chmod go-w"), "{}", doctor.out);
}
