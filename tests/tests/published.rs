//! What is said of published credentials is so: what others take away is put back or told, and a
//! file that cannot be written keeps nobody from the credentials.

use std::path::PathBuf;
use std::time::Duration;

use dayfly_tests::{Daemon, Home, until};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn home(delivery: &[&str]) -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "delivery": delivery, "sessions": [
        { "sessionId": "id-app", "sessionName": "app", "type": "localstack", "profileName": "app",
          "region": "eu-west-1" },
    ]}));
    home
}

fn config(home: &Home) -> PathBuf {
    home.path().join(".aws/config")
}

fn config_text(home: &Home) -> String {
    std::fs::read_to_string(config(home)).unwrap_or_default()
}

/// The targets of the session, and what is wrong there.
fn places(home: &Home) -> Vec<(String, Option<String>)> {
    let session = home.session("app").expect("a session");
    let places = session["delivery"].as_array().cloned().unwrap_or_default();
    places
        .iter()
        .map(|place| {
            let target = place["target"].as_str().expect("a word").to_owned();
            let error = place["error"]["message"].as_str().map(str::to_owned);
            (target, error)
        })
        .collect()
}

fn both_are_there(home: &Home) -> bool {
    let texts = (home.credentials_text(), config_text(home));
    texts.0.contains("[app]")
        && texts.1.contains("[profile app]")
        && places(home).iter().all(|(_, error)| error.is_none())
}

const BOTH: [&str; 2] = ["credentials-file", "credential-process"];

#[test]
fn what_others_remove_is_put_back_and_what_they_remove_again_is_left_and_told() {
    let home = home(&BOTH);
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "app"]).ok();
    assert!(both_are_there(&home));
    std::fs::remove_dir_all(home.path().join(".aws")).expect("it is removed");
    until(10 * SECOND, "both are put back", || both_are_there(&home));
    let told = home.run(["events"]).ok().out;
    assert!(told.contains("another program removed"), "{told}");
    // A tool writes the file anew, from what it had read before.
    home.save(&config(&home), "[default]\noutput = json\n");
    until(10 * SECOND, "it is put back", || both_are_there(&home));
    assert!(config_text(&home).starts_with("[default]\noutput = json\n"));
    // And somebody takes it out again.
    home.save(&config(&home), "[default]\noutput = json\n");
    until(10 * SECOND, "it is told", || {
        places(&home)[1]
            .1
            .as_ref()
            .is_some_and(|e| e.contains("leaves it removed"))
    });
    assert_eq!(config_text(&home), "[default]\noutput = json\n");
    let told = home.run(["status"]);
    assert_eq!(told.code, 1, "something is wrong");
    assert!(told.out.contains("dayfly session start app"), "{told:?}");
    let told = home.run(["doctor", "--offline"]);
    assert!(told.out.contains("not in credential-process"), "{told:?}");
    // A rotation is no reason to put it back; a person's word is.
    home.run(["session", "rotate", "app"]).ok();
    assert!(!config_text(&home).contains("[profile app]"));
    let told = home.run(["session", "start", "app"]).ok().out;
    assert!(told.contains("is already active"), "{told}");
    assert!(both_are_there(&home), "{:?}", places(&home));
    let told = home.run(["status"]).ok().out;
    assert!(!told.contains("problems"), "{told}");
    // What was taken away by STOP does not come back with a copy of the file.
    let copy = home.credentials_text();
    home.run(["session", "stop", "app"]).ok();
    home.save(&home.credentials(), &copy);
    until(10 * SECOND, "the copy is cleaned", || {
        !home.credentials_text().contains("[app]")
    });
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn what_is_kept_outlives_the_removal_of_its_file() {
    let home = home(&[]);
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "app"]).ok();
    let kept = home.path().join("state/kept.age");
    std::fs::remove_file(&kept).expect("it is there");
    until(10 * SECOND, "it is written anew", || kept.exists());
    assert_eq!(daemon.terminate(), 0);
    assert_eq!(home.status("app"), "active");
}

#[test]
fn without_an_engine_start_makes_sure_and_doctor_looks() {
    let home = home(&["credential-process"]);
    home.run(["session", "start", "app"]).ok();
    std::fs::remove_file(config(&home)).expect("it is there");
    let told = home.run(["doctor", "--offline"]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("credential-process"), "{told:?}");
    assert!(places(&home)[0].1.is_some());
    let told = home.run(["session", "start", "app"]).ok().out;
    assert!(told.contains("is already active"), "{told}");
    assert!(config_text(&home).contains("[profile app]"));
    home.run(["doctor", "--offline"]).ok();
}

/// Everything that does not need the file works; what does says why it does not.
fn works_without(home: &Home, why: &str) {
    for with_engine in [false, true] {
        let daemon = with_engine.then(|| Daemon::start(home));
        let out = home.run(["exec", "app", "--", "true"]);
        assert_eq!(out.code, 0, "{out:?}");
        let keys: Value = home.run(["credential-process", "app"]).ok().json();
        assert!(keys["AccessKeyId"].is_string());
        let told = home.run(["env", "app"]).ok().out;
        assert!(told.contains("AWS_"), "{told}");
        assert_eq!(home.status("app"), "active");
        let errors: Vec<_> = places(home).into_iter().filter_map(|(_, e)| e).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        if with_engine {
            assert!(errors[0].contains(why), "{errors:?}");
            let told = home.run(["status"]).out;
            assert!(
                told.contains("delivery of app") && told.contains(why),
                "{told}"
            );
        }
        // Who wants the profile is told that it is not there.
        let told = home.run(["session", "start", "app"]);
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.err.contains(why), "{told:?}");
        assert!(told.err.contains("dayfly exec app"), "{told:?}");
        let told = home.run(["doctor", "--offline"]);
        assert_eq!(told.code, 1);
        assert!(told.out.contains(why), "{told:?}");
        home.run(["session", "stop", "app"]).ok();
        if let Some(daemon) = daemon {
            assert_eq!(daemon.terminate(), 0);
        }
        home.run(["session", "release", "app"]).ok();
    }
}

#[test]
fn a_link_into_a_folder_of_root_keeps_nobody_from_the_credentials() {
    // As home-manager makes them: links to files that are read-only.
    let home = home(&["credential-process"]);
    let store = home.path().join("store");
    std::fs::create_dir(&store).expect("a folder");
    let real = store.join("aws-config");
    home.save(&real, "[default]\nregion = eu-west-1\n");
    let mode = |path: &PathBuf, mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("a mode");
    };
    mode(&real, 0o444);
    std::fs::create_dir_all(home.path().join(".aws")).expect("a folder");
    std::os::unix::fs::symlink(&real, config(&home)).expect("a link");
    works_without(&home, "is read-only");
    assert_eq!(config_text(&home), "[default]\nregion = eu-west-1\n");
    mode(&real, 0o644);
    home.run(["session", "start", "app"]).ok();
    assert!(config_text(&home).contains("[profile app]"));
    assert!(config(&home).is_symlink());
}

#[test]
fn a_profile_of_somebody_else_keeps_nobody_from_the_credentials() {
    let home = home(&["credential-process"]);
    std::fs::create_dir_all(home.path().join(".aws")).expect("a folder");
    let theirs = "[profile app]\nrole_arn = theirs\n";
    home.save(&config(&home), theirs);
    works_without(&home, "did not write");
    assert_eq!(config_text(&home), theirs);
}

#[test]
fn a_file_that_no_session_goes_to_is_nobodys_problem() {
    let home = home(&["credential-process"]);
    std::fs::create_dir_all(home.path().join(".aws")).expect("a folder");
    home.save(&config(&home), "[default]\nregion = eu-west-1\n");
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    std::fs::set_permissions(config(&home), read_only).expect("a mode");
    let told = || home.run(["doctor", "--offline"]).out;
    let unwritable = "Dayfly cannot write credential-process for app";
    assert!(told().contains(unwritable), "{}", told());
    home.save_workspace(&json!({ "delivery": ["credential-process"], "sessions": [
        { "sessionId": "id-app", "sessionName": "app", "type": "localstack" },
    ]}));
    assert!(!told().contains("Dayfly cannot write"), "{}", told());
}
