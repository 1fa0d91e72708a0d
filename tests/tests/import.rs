//! Profiles that a person has already become sessions, real clients go on under the same names, and
//! everything can be had back byte for byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::path::PathBuf;

use dayfly_tests::{Daemon, Home, Ministack, aws};
use serde_json::Value;

fn config_file(home: &Home) -> PathBuf {
    home.path().join(".aws").join("config")
}

/// A home with these shared files.
fn with(config: &str, credentials: &str) -> Home {
    let home = Home::new();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    home.save(&config_file(&home), config);
    home.save(&home.credentials(), credentials);
    home
}

/// Both files as they are.
fn files(home: &Home) -> [String; 2] {
    [config_file(home), home.credentials()].map(|path| std::fs::read_to_string(path).unwrap())
}

#[test]
fn a_key_and_the_roles_upon_it_go_on_under_their_names_and_come_back() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (id, secret) = sts.user("alice");
    let (admin, audit) = (sts.role("admin"), sts.role("audit"));
    let config = format!(
        "# grown by hand\r\n[default]\r\nregion = eu-west-1\r\noutput = json\r\n\r\n[profile admin]\r\n\
         role_arn = {admin}\r\nsource_profile = default\r\nrole_session_name = alice-laptop\r\nregion = eu-west-1\r\n\
         ; the auditors\r\n[profile audit]\r\nrole_arn={audit}\r\nsource_profile=admin\r\nregion=eu-north-1\r\n\
         [profile tool]\r\ncredential_process = /bin/false 'x\r\n"
    );
    let credentials =
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    let home = with(&config, &credentials);
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    let caller = |profile: &str| aws::boto3_caller(&home, profile, &sts.endpoint());
    let before = caller("audit").unwrap();
    assert!(before.contains(":assumed-role/audit/"), "{before}");

    let shown = home.run(["import"]).ok().out;
    for told in [
        "3 sessions would be added",
        "its key moves into the vault",
        "cannot come: tool",
    ] {
        assert!(shown.contains(told), "{shown}");
    }
    assert!(!home.workspace().exists());
    assert_eq!(files(&home), [config.clone(), credentials.clone()]);

    let told = home.run(["import", "--apply"]).ok().out;
    assert!(
        told.contains("added 3 sessions; moved 1 key into the vault"),
        "{told}"
    );
    let taken_over = files(&home);
    let again = home.run(["import", "--apply", "--json"]).ok().json();
    assert_eq!(again["sessions"], Value::Array(Vec::new()), "{again:#}");
    assert_eq!(files(&home), taken_over);

    let daemon = Daemon::start(&home);
    for (profile, arn) in [
        ("default", ":user/alice"),
        ("admin", ":assumed-role/admin/alice-laptop"),
        ("audit", ":assumed-role/audit/"),
    ] {
        home.run(["session", "start", profile]).ok();
        let who = caller(profile).unwrap();
        assert!(who.contains(arn), "{profile}: {who}");
    }
    // The real AWS CLI as well.
    assert!(
        aws::caller(&home, "admin", &sts.endpoint())
            .unwrap()
            .contains("/admin/alice-laptop")
    );
    home.nowhere(&[&secret], &[]);

    let refused = home.run(["import", "--undo"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("is in use; stop it first"),
        "{}",
        refused.err
    );
    // One alone is given back while an engine runs and its credentials are out.
    let told = home.run(["session", "remove", "audit", "--yes"]).ok().out;
    assert!(told.contains("is back"), "{told}");
    let (config_now, _) = (std::fs::read_to_string(config_file(&home)).unwrap(), ());
    assert!(
        config_now.contains(&format!("\nrole_arn={audit}\r\nsource_profile=admin\r\n")),
        "{config_now}"
    );
    assert!(caller("audit").unwrap().contains(":assumed-role/audit/"));
    for profile in ["admin", "default"] {
        home.run(["session", "stop", profile]).ok();
    }
    home.run(["import", "--undo"]).ok();
    assert_eq!(files(&home), [config, credentials]);
    assert_eq!(caller("audit").unwrap().split('/').nth(1), Some("audit"));
    assert_eq!(home.report()["sessions"], Value::Array(Vec::new()));
    let none = home.run(["import", "--undo"]);
    assert_eq!(none.code, 3, "{}", none.err);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn two_commands_lead_from_a_config_that_grew_to_a_client_with_a_profile_that_is_renewed() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (id, secret) = sts.user("alice");
    let admin = sts.role("admin");
    let config = format!(
        "[default]\nregion = eu-west-1\n[profile admin]\nrole_arn = {admin}\nsource_profile = default\n\
         region = eu-west-1\nendpoint_url = {}\n",
        sts.endpoint()
    );
    let credentials =
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    let mut home = with(&config, &credentials);
    home.set("AWS_ENDPOINT_URL_STS", sts.endpoint());
    let told = home.run(["import", "--apply", "--start"]).ok().out;
    assert!(told.contains("started 2 of 2"), "{told}");
    let caller = || aws::caller(&home, "admin", &sts.endpoint()).unwrap();
    assert!(caller().contains(":assumed-role/admin/"));
    // The profile asks Dayfly, which obtains new credentials where the old ones are gone.
    let config = std::fs::read_to_string(config_file(&home)).unwrap();
    assert!(config.contains("credential_process = "), "{config}");
    home.run(["session", "rotate", "admin"]).ok();
    assert!(caller().contains(":assumed-role/admin/"));
}

/// Three hundred profiles as they grow over years.
fn grown() -> (String, String) {
    let (mut config, mut credentials) = (String::new(), String::new());
    config += "[sso-session corp]\r\nsso_start_url = https://corp.awsapps.com/start\r\nsso_region = eu-west-1\r\n";
    for n in 0..300 {
        write!(
            config,
            "# number {n}: \u{e4}\r\n[profile p{n}]\r\nregion = eu-west-1\r\nx_tool = {n}\r\n"
        )
        .unwrap();
        let role = format!("role_arn = arn:aws:iam::111111111111:role/R{n}\r\n");
        match n % 10 {
            0 => write!(
                credentials,
                "[p{n}]\naws_access_key_id = AKIA{n:016}\naws_secret_access_key = s{n}\n\n"
            )
            .unwrap(),
            1..=3 => write!(
                config,
                "{role}source_profile = p{}\r\nduration_seconds = 3600\r\n",
                n - 1
            )
            .unwrap(),
            4 => write!(
                config,
                "sso_session = corp\r\nsso_account_id = {n:012}\r\nsso_role_name = Admin\r\n"
            )
            .unwrap(),
            5 => write!(config, "{role}source_profile = p{}\r\n", n + 1).unwrap(),
            6 => write!(config, "{role}source_profile = p{}\r\n", n - 1).unwrap(),
            7 => write!(config, "credential_process = /opt/tool --account {n}\r\n").unwrap(),
            8 => write!(
                config,
                "s3 =\r\n  max_concurrent_requests = 20\r\noutput = json\r\n"
            )
            .unwrap(),
            _ => write!(config, "{role}web_identity_token_file = /run/token\r\n").unwrap(),
        }
    }
    (config, credentials)
}

#[test]
fn every_profile_of_a_grown_config_comes_or_is_named_with_a_reason() {
    let (config, credentials) = grown();
    let home = with(&config, &credentials);
    let told = home.run(["import", "--json"]).ok().json();
    assert_eq!(files(&home), [config.clone(), credentials.clone()]);
    let names = |list: &str, field: &str| -> Vec<String> {
        let all = told[list].as_array().unwrap().iter();
        all.map(|one| one[field].as_str().unwrap().to_owned())
            .collect()
    };
    let (come, refused) = (names("sessions", "sessionName"), names("refused", "name"));
    let mut all: Vec<_> = come.iter().chain(&refused).cloned().collect();
    all.sort();
    let mut wanted: Vec<_> = (0..300).map(|n| format!("p{n}")).collect();
    wanted.sort();
    assert_eq!(all, wanted);
    // Keys, the roles upon them, portals, tokens and programs; not circles, and what has no way at all.
    assert_eq!((come.len(), refused.len()), (210, 90));
    let reasons = told["refused"].as_array().unwrap();
    assert!(
        reasons
            .iter()
            .all(|one| !one["why"].as_str().unwrap().is_empty())
    );

    home.run(["import", "--apply"]).ok();
    assert_eq!(home.report()["sessions"].as_array().unwrap().len(), 210);
    home.run(["import", "--undo"]).ok();
    assert_eq!(files(&home), [config, credentials]);
}

#[test]
fn bad_input_is_told_and_nothing_is_half_imported() {
    let good = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = canary/secret\n";
    for (config, told) in [
        ("[profile a]\nregion\n", "line 2"),
        ("\u{feff}[profile a]\nregion = x\n", "byte order mark"),
        (
            "[profile a]\nregion = x\n[profile a]\nregion = y\n",
            "already",
        ),
    ] {
        let home = with(config, good);
        for args in [&["import"][..], &["import", "--apply"]] {
            let run = home.run(args);
            assert_eq!(run.code, 1, "{}", run.out);
            assert!(
                run.err.contains(told) && run.err.contains("nothing was imported"),
                "{}",
                run.err
            );
        }
        assert!(!home.workspace().exists() && !home.path().join("vault.age").exists());
        assert_eq!(files(&home), [config.to_owned(), good.to_owned()]);
    }
    let home = with("", good);
    let unknown = home.run(["import", "leap"]);
    assert_eq!(unknown.code, 3);
    assert!(
        unknown.err.contains("the sources are: aws"),
        "{}",
        unknown.err
    );
    // The vault's key cannot be had: nothing is imported, and the next try ends it.
    std::fs::create_dir(home.path().join("vault.key")).unwrap();
    let locked = home.run(["import", "--apply"]);
    assert_ne!(locked.code, 0, "{}", locked.out);
    assert!(!locked.err.contains("canary"));
    assert_eq!(files(&home)[1], good);
    std::fs::remove_dir(home.path().join("vault.key")).unwrap();
    home.run(["import", "--apply"]).ok();
    assert!(!files(&home)[1].contains("canary"));
    home.nowhere(&["canary/secret"], &[]);
}

#[test]
fn what_cannot_be_started_after_an_import_is_said_once() {
    let config = "[profile base]\nregion = eu-west-1\n[profile corp]\nsso_start_url = https://corp.awsapps.com/start\n\
                  sso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = Admin\nregion = eu-west-1\n";
    let credentials =
        "[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = abc\n";
    let mut home = with(config, credentials);
    // Nothing listens there.
    home.set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    let ended = home.run(["import", "--apply", "--start"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.out.contains("started 0 of 1"), "{}", ended.out);
    assert!(ended.out.contains("1 needs you first"), "{}", ended.out);
    assert!(!ended.out.contains("session start base"), "{}", ended.out);
    assert!(
        ended
            .out
            .contains("`dayfly import --undo` takes it all back"),
        "{}",
        ended.out
    );
    let said = |what: &str| ended.err.matches(what).count();
    assert_eq!(
        (said("cannot start \"base\""), said("not started")),
        (1, 0),
        "{}",
        ended.err
    );
}
