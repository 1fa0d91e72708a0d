//! Named profiles that a person or another program wrote: they are told when a session is added, and
//! what was moved out of them is not lost by accident.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use dayfly_tests::Home;
use serde_json::json;

const KEY: &str =
    "[mine]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = canary/secret\n";

/// A home with a credentials file that a person wrote.
fn with_key() -> Home {
    let home = Home::new();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    home.save(&home.credentials(), KEY);
    home
}

#[test]
fn a_profile_of_somebody_else_is_told_when_a_session_is_to_take_it() {
    let home = with_key();
    let add = |name: &str, profile: &str, more: &[&str]| {
        let args = [
            "session",
            "add",
            name,
            "--type",
            "localstack",
            "--profile",
            profile,
        ];
        home.run(args.into_iter().chain(more.iter().copied()))
            .ok()
            .err
    };
    let told = add("app", "mine", &[]);
    for part in [
        "warning: Dayfly cannot publish the credentials of session \"app\" yet",
        "profile \"mine\"",
        "line 2",
        "`dayfly import`",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("canary"), "{told}");
    assert_eq!(add("free", "yours", &[]), "");
    // There is no such profile in the config file.
    let elsewhere = ["--delivery", "credential-process"];
    assert_eq!(add("other", "mine", &elsewhere), "");
    let edited = home
        .run(["session", "edit", "free", "--profile", "mine"])
        .ok();
    assert!(
        edited.err.contains("session \"free\" yet"),
        "{}",
        edited.err
    );
    let edited = home
        .run(["session", "edit", "free", "--profile", "yours"])
        .ok();
    assert_eq!(edited.err, "");
    assert_eq!(home.credentials_text(), KEY);
}

#[test]
fn the_only_copy_of_a_key_is_not_removed_by_accident() {
    let home = with_key();
    home.run(["import", "--apply"]).ok();
    assert!(!home.credentials_text().contains("canary"));
    let refused = home.run(["secret", "remove", "mine"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    for part in [
        "only the vault has it; nothing was removed",
        "`dayfly session remove`",
        "--force",
    ] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    home.run(["session", "remove", "mine", "--yes"]).ok();
    assert_eq!(home.credentials_text(), KEY);
    home.run(["import", "--apply"]).ok();
    let id = home.session("mine").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    home.run(["secret", "remove", "mine", "--force"]).ok();

    // A session that was taken out of the file by hand: doctor names the lines that are left.
    let findings = || home.run(["doctor", "--offline"]).out;
    assert!(!findings().contains("set aside"), "{}", findings());
    home.save_workspace(&json!({ "sessions": [] }));
    let told = findings();
    for part in [
        "lines of profile \"mine\"",
        id.as_str(),
        "\"# set aside by Dayfly for",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
