//! Older copies of `dayfly.lock`, of the vault and of what was seen of them, put in the place of newer
//! ones.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::time::Duration;

use dayfly_tests::authoring::prebuilt;
use dayfly_tests::home::Ended;
use dayfly_tests::{Daemon, Home, until};
use serde_json::json;

const LONG: Duration = Duration::from_secs(30);

/// What a guard rail from elsewhere is.
struct Team {
    home: Home,
}

impl Team {
    /// A home where version 1.0.0 of a guard rail was looked at, with a vault or without.
    fn new(with_vault: bool) -> Self {
        let home = Home::new();
        home.save_workspace(&json!({ "sessions": [
            { "sessionId": "prod", "sessionName": "prod", "type": "localstack", "profileName": "prod" },
        ]}));
        let team = Self { home };
        if with_vault {
            team.home.run(["policy", "keygen", "one"]).ok();
        }
        team.bring("1.0.0");
        let file = team.file();
        let add = [
            "policy",
            "add",
            file.to_str().unwrap(),
            "--name",
            "rail",
            "--tier",
            "guard-rail",
            "--yes",
            "--config",
            r#"{"match":{"names":["other"]}}"#,
        ];
        team.home.run(add).ok();
        team
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("rail.wasm")
    }

    /// Puts a version of the policy where its file is.
    fn bring(&self, version: &str) {
        let mut bytes = std::fs::read(prebuilt("keep-active")).unwrap();
        for at in 1..bytes.len() - 5 {
            // The version of the contract stands behind an @.
            if &bytes[at..at + 5] == b"0.1.0" && bytes[at - 1] != b'@' {
                bytes[at..at + 5].copy_from_slice(version.as_bytes());
            }
        }
        std::fs::write(self.file(), bytes).unwrap();
    }

    fn update(&self, version: &str) {
        self.bring(version);
        self.home.run(["policy", "update", "rail", "--grant"]).ok();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.home.path().join(name)).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let file = self.home.path().join(name);
        let part = file.with_extension("part");
        std::fs::write(&part, bytes).unwrap();
        let mode = std::fs::metadata(&file).map(|meta| meta.permissions());
        std::fs::set_permissions(&part, mode.unwrap()).unwrap();
        std::fs::rename(part, file).unwrap();
    }

    fn start(&self) -> Ended {
        self.home.run(["session", "start", "prod"])
    }

    fn opens(&self) {
        self.start().ok();
        self.home.run(["session", "stop", "prod"]).ok();
    }

    fn refused(&self, part: &str) {
        let ended = self.start();
        assert_eq!(ended.code, 4, "{}{}", ended.out, ended.err);
        assert!(ended.err.contains(part), "{}", ended.err);
        assert_eq!(self.home.status("prod"), "inactive");
    }

    /// What `doctor` finds wrong about something; it tells of the lock file what it does not tell of the
    /// policy that is closed.
    fn doctor(&self, about: &str) -> Vec<String> {
        let found = self.home.run(["doctor", "--offline", "--json"]).json();
        let found = found.as_array().unwrap().iter();
        let wrong = found.filter(|f| f["about"] == about && f["grade"] == "wrong");
        wrong
            .map(|f| format!("{} {}", f["message"].as_str().unwrap(), f["hint"]))
            .collect()
    }
}

#[test]
fn an_older_lock_closes_the_guard_rail_that_a_newer_one_held_to_a_newer_module() {
    for with_vault in [true, false] {
        let team = Team::new(with_vault);
        let older = team.read("dayfly.lock");
        team.update("1.1.0");
        team.opens();
        assert_eq!(team.doctor("policy"), [""; 0]);
        // Whoever hands the files out hands out the older ones.
        team.bring("1.0.0");
        team.put("dayfly.lock", &older);
        team.refused(
            "older than the one last seen on this machine (its counter is 1, that of the newer one 2)",
        );
        let told = team.doctor("policy");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("1.1.0") && told[0].contains("dayfly policy accept"),
            "{told:?}"
        );
        // It is not built upon: then it would be the newest.
        let built = team.home.run(["policy", "remove", "rail"]);
        assert_eq!(built.code, 4, "{}{}", built.out, built.err);
        let asked = team.home.run(["policy", "accept"]);
        assert_eq!(asked.code, 4, "{}{}", asked.out, asked.err);
        assert!(asked.out.contains("1.1.0"), "{}", asked.out);
        team.refused("dayfly policy accept");
        // After a restore it is meant.
        team.home.run(["policy", "accept", "--yes"]).ok();
        team.opens();
        assert_eq!(team.doctor("policy"), [""; 0]);
        team.update("1.1.0");
        team.opens();
    }
}

#[test]
fn a_lock_that_was_removed_or_raised_by_hand_lets_no_older_module_in() {
    let team = Team::new(true);
    let older = String::from_utf8(team.read("dayfly.lock")).unwrap();
    team.update("1.1.0");
    let newer = team.read("dayfly.lock");
    team.bring("1.0.0");
    std::fs::remove_file(team.home.path().join("dayfly.lock")).unwrap();
    team.refused("no longer has an entry for it");
    let raised = older.replace("counter = 1\n", "counter = 99\n");
    assert_ne!(raised, older);
    std::fs::write(team.home.path().join("dayfly.lock"), raised).unwrap();
    team.refused("which is older than 1.1.0, the version last seen on this machine");
    // The newer one is there again, and that is all it takes.
    team.put("dayfly.lock", &newer);
    team.bring("1.1.0");
    team.opens();
}

#[test]
fn a_newer_lock_of_somebody_else_is_taken_up_without_a_word() {
    let team = Team::new(true);
    let other = Team::new(true);
    for version in ["1.1.0", "1.2.0"] {
        other.update(version);
        let lock = String::from_utf8(other.read("dayfly.lock")).unwrap();
        let here = lock.replace(
            other.file().to_str().unwrap(),
            team.file().to_str().unwrap(),
        );
        team.bring(version);
        team.put("dayfly.lock", here.as_bytes());
        team.opens();
        assert_eq!(team.doctor("policy"), [""; 0]);
    }
    // What came from there counts as what was made here does.
    let older = String::from_utf8(team.read("dayfly.lock")).unwrap();
    let older = older.replace("counter = 3\n", "counter = 2\n");
    team.bring("1.1.0");
    let digest = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with("digest"))
            .unwrap();
        line.to_owned()
    };
    let of_before = {
        other.bring("1.1.0");
        other
            .home
            .run(["policy", "update", "rail", "--downgrade"])
            .ok();
        digest(&String::from_utf8(other.read("dayfly.lock")).unwrap())
    };
    let older = older.replace(&digest(&older), &of_before);
    team.put("dayfly.lock", older.as_bytes());
    team.refused("its counter is 2, that of the newer one 3");
}

#[test]
fn what_was_seen_is_not_forgotten_with_the_record_of_it() {
    let team = Team::new(true);
    let lock = team.read("dayfly.lock");
    let record = team.read("state/seen.json");
    team.update("1.0.5");
    team.update("1.1.0");
    let newer = team.read("state/seen.json");
    team.bring("1.0.0");
    team.put("dayfly.lock", &lock);
    // An older copy of the record, one that was changed, and none: the vault tells it.
    let changed = String::from_utf8(newer).unwrap().replace("1.1.0", "1.0.0");
    for (put, doubt) in [
        (Some(&record[..]), "is an older copy"),
        (Some(changed.as_bytes()), "without the key of this vault"),
        (Some(b"nonsense"), "without the key of this vault"),
        (None, "is missing"),
    ] {
        match put {
            Some(bytes) => team.put("state/seen.json", bytes),
            None => std::fs::remove_file(team.home.path().join("state/seen.json")).unwrap(),
        }
        let told = team.doctor("vault");
        assert!(
            told.iter().any(|line| line.contains(doubt)),
            "{doubt}: {told:?}"
        );
        team.refused("older than the one last seen on this machine");
    }
    // Where the vault is gone too, nothing is made up.
    team.home.run(["secret", "accept", "--yes"]).ok();
    assert_eq!(team.doctor("vault"), [""; 0]);
    team.put("state/seen.json", b"nonsense");
    std::fs::remove_file(team.home.path().join("vault.age")).unwrap();
    team.refused("Dayfly does not know which dayfly.lock this machine last saw");
    team.home.run(["policy", "accept", "--yes"]).ok();
    team.opens();
}

#[test]
fn an_older_vault_is_told_by_doctor_and_by_the_engine_until_it_is_accepted() {
    let team = Team::new(true);
    let older = team.read("vault.age");
    team.home.run(["policy", "keygen", "two"]).ok();
    assert_eq!(team.doctor("vault"), [""; 0]);
    team.put("vault.age", &older);
    let told = team.doctor("vault");
    assert!(
        told.len() == 1 && told[0].contains("dayfly secret accept"),
        "{told:?}"
    );
    team.home.run(["policy", "keygen", "three"]).ok();
    assert_eq!(
        team.doctor("vault").len(),
        1,
        "a write does not make it unseen"
    );
    let daemon = Daemon::start(&team.home);
    let shown = || team.home.run(["status"]).out;
    until(LONG, "the engine tells it", || {
        shown().contains("an older copy")
    });
    team.home.run(["secret", "accept", "--yes"]).ok();
    until(LONG, "the engine has seen it", || {
        !shown().contains("an older copy")
    });
    assert_eq!(daemon.terminate(), 0);
    std::fs::remove_file(team.home.path().join("vault.age")).unwrap();
    let told = team.doctor("vault");
    assert!(
        told.iter().any(|line| line.contains("was removed")),
        "{told:?}"
    );
    team.home.run(["secret", "accept", "--yes"]).ok();
    assert_eq!(team.doctor("vault"), [""; 0]);
}

#[test]
fn an_engine_goes_on_with_the_newer_module_and_opens_when_the_older_one_is_accepted() {
    let team = Team::new(true);
    let older = team.read("dayfly.lock");
    team.update("1.1.0");
    let daemon = Daemon::start(&team.home);
    let shown = || team.home.run(["status"]).out;
    team.bring("1.0.0");
    team.put("dayfly.lock", &older);
    until(LONG, "the engine tells it", || {
        shown().contains("its counter is 1")
    });
    // The newer one is in force as long as it runs.
    team.opens();
    assert_eq!(daemon.terminate(), 0);
    let daemon = Daemon::start(&team.home);
    team.refused("older than the one last seen on this machine");
    team.home.run(["policy", "accept", "--yes"]).ok();
    until(LONG, "the engine has seen it", || {
        !shown().contains("its counter is 1")
    });
    team.opens();
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn an_entry_that_is_no_guard_rail_runs_and_is_told() {
    let team = Team::new(true);
    let config = String::from_utf8(team.read("dayfly.toml")).unwrap();
    team.home
        .save_config(&config.replace("tier = \"guard-rail\"\n", ""));
    let older = team.read("dayfly.lock");
    team.update("1.1.0");
    team.bring("1.0.0");
    team.put("dayfly.lock", &older);
    team.home.run(["policy", "list"]).ok();
    let found = team.home.run(["doctor", "--offline", "--json"]).json();
    let told = found
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["about"] == "dayfly.lock");
    let told = told.expect("told of the lock file").to_string();
    assert!(
        told.contains("its counter is 1, that of the newer one 2"),
        "{told}"
    );
    let shown = team.home.run(["status"]).out;
    assert!(
        shown.contains("its counter is 1, that of the newer one 2"),
        "{shown}"
    );
}
