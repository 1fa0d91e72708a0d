//! Credentials go where the person said, several places at once, and keep working there.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use dayfly_tests::{Daemon, Home, Ministack, until};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn localstack(name: &str, delivery: Option<Value>) -> Value {
    let mut session = json!({ "sessionId": format!("id-{name}"), "sessionName": name,
        "type": "localstack", "profileName": name, "region": "eu-west-1" });
    if let Some(delivery) = delivery {
        session["delivery"] = delivery;
    }
    session
}

fn config(home: &Home) -> PathBuf {
    home.path().join(".aws").join("config")
}

fn config_text(home: &Home) -> String {
    std::fs::read_to_string(config(home)).unwrap_or_default()
}

fn save_config_file(home: &Home, text: &str) {
    std::fs::create_dir_all(home.path().join(".aws")).expect("a folder");
    home.save(&config(home), text);
}

/// The targets of a session, and whether its credentials stand there.
fn places(home: &Home, name: &str) -> Vec<(String, bool)> {
    let session = home.session(name).expect("a session");
    let places = session["delivery"].as_array().cloned().unwrap_or_default();
    places
        .iter()
        .map(|place| {
            let target = place["target"].as_str().expect("a word").to_owned();
            (target, place["error"].is_null())
        })
        .collect()
}

fn place(target: &str, there: bool) -> (String, bool) {
    (target.to_owned(), there)
}

#[test]
fn each_session_goes_where_it_says_and_stop_takes_it_away_everywhere() {
    for with_engine in [false, true] {
        let home = Home::new();
        let own = "# mine\n[default]\noutput = json\n";
        save_config_file(&home, own);
        home.save_workspace(
            &json!({ "delivery": ["credentials-file", "credential-process"],
                "sessions": [
                    localstack("both", None),
                    localstack("file", Some(json!(["credentials-file"]))),
                    localstack("process", Some(json!(["credential-process"]))),
                    localstack("asked", Some(json!([]))),
            ]}),
        );
        let daemon = with_engine.then(|| Daemon::start(&home));
        for name in ["both", "file", "process", "asked"] {
            home.run(["session", "start", name]).ok();
            assert_eq!(home.status(name), "active");
            home.run(["credential-process", name]).ok();
        }
        let (credentials, config) = (home.credentials_text(), config_text(&home));
        for (name, in_file, in_config) in [
            ("both", true, true),
            ("file", true, false),
            ("process", false, true),
            ("asked", false, false),
        ] {
            assert_eq!(
                credentials.contains(&format!("[{name}]")),
                in_file,
                "{name}"
            );
            let header = format!("[profile {name}]");
            assert_eq!(config.contains(&header), in_config, "{name}");
        }
        assert_eq!(
            places(&home, "both"),
            [
                place("credentials-file", true),
                place("credential-process", true)
            ]
        );
        assert_eq!(places(&home, "asked"), []);
        let shown = home.run(["session", "show", "process"]).ok().out;
        assert!(shown.contains("delivered  credential-process ("), "{shown}");
        for name in ["both", "file", "process", "asked"] {
            home.run(["session", "stop", name]).ok();
            let told = home.run(["credential-process", name]);
            assert_eq!(told.code, 4, "{told:?}");
            assert!(told.err.contains("you stopped the session"), "{told:?}");
        }
        assert_eq!(home.credentials_text(), "");
        assert_eq!(config_text(&home), own);
        if let Some(daemon) = daemon {
            assert_eq!(daemon.terminate(), 0);
        }
    }
}

#[test]
fn a_target_that_fails_leaves_the_others_and_is_told_and_mended() {
    let home = Home::new();
    home.save_config("[delivery]\ntargets = [\"credentials-file\", \"credential-process\"]\n");
    home.save_workspace(&json!({ "sessions": [localstack("app", None)] }));
    save_config_file(&home, "[profile app]\nrole_arn = mine\n");
    let daemon = Daemon::start(&home);
    let told = home.run(["session", "start", "app"]).ok().out;
    assert!(told.contains("but not in credential-process"), "{told}");
    assert!(told.contains("role_arn"), "{told}");
    assert_eq!(
        places(&home, "app"),
        [
            place("credentials-file", true),
            place("credential-process", false)
        ]
    );
    let status = home.run(["status"]).out;
    assert!(status.contains("delivery of app"), "{status}");
    assert!(home.credentials_text().contains("[app]"));
    // Mended by the person, and said so by a rotation at the latest.
    save_config_file(&home, "");
    home.run(["session", "rotate", "app"]).ok();
    assert_eq!(
        places(&home, "app"),
        [
            place("credentials-file", true),
            place("credential-process", true)
        ]
    );
    let status = home.run(["status"]).ok().out;
    assert!(!status.contains("delivery of app"), "{status}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_other_in_force() {
    // Root can write everything, so another user does it then.
    let home = Home::new();
    let root = rustix::process::geteuid().is_root();
    let own = home.path().join("dayfly-copy");
    std::fs::copy(dayfly_tests::home::program(), &own).expect("a copy");
    home.save_workspace(
        &json!({ "delivery": ["credentials-file", "credential-process"],
            "sessions": [localstack("app", None)] }),
    );
    home.save_config(&format!(
        "[aws]\nconfig-file = \"{}/closed/config\"\n",
        home.path().display()
    ));
    let closed = home.path().join("closed");
    std::fs::create_dir_all(&closed).expect("a folder");
    if root {
        let mut all = Command::new("chown");
        all.args(["-R", "65534:65534"]).arg(home.path());
        assert!(all.status().expect("chown runs").success());
    }
    let run = |args: &[&str]| {
        let mut command = Command::new(&own);
        let usual = home.command::<&str>([]);
        let environment = usual
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        command
            .env_clear()
            .envs(environment)
            .args(args)
            .current_dir("/");
        if root {
            command.uid(65_534).gid(65_534);
        }
        let output = command.output().expect("the program runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        (code, text(&output.stdout), text(&output.stderr))
    };
    let mode = |mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&closed, mode).expect("a mode");
    };
    mode(0o500);
    let (code, out, err) = run(&["session", "start", "app"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("but not in credential-process"), "{out}");
    assert!(out.contains("closed"), "{out}");
    let (_, shown, _) = run(&["session", "show", "app"]);
    assert!(shown.contains("credentials-file ("), "{shown}");
    let (_, shown, _) = run(&["session", "show", "app", "--json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["status"], "active", "{shown}");
    let failed: Vec<bool> = shown["delivery"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|place| place["error"].is_object())
        .collect();
    assert_eq!(failed, [false, true], "{shown}");
    assert!(home.credentials_text().contains("[app]"));
    // Mended, a rotation puts it there too; closed again, STOP says what is left.
    mode(0o700);
    assert_eq!(run(&["session", "rotate", "app"]).0, 0);
    let config = || std::fs::read_to_string(closed.join("config")).unwrap_or_default();
    assert!(config().contains("[profile app]"), "{}", config());
    mode(0o500);
    let (code, out, err) = run(&["session", "stop", "app"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("closed"), "{err}");
    mode(0o700);
    assert_eq!(run(&["session", "stop", "app"]).0, 0);
    assert_eq!(
        (home.credentials_text(), config()),
        (String::new(), String::new())
    );
}

#[test]
fn a_stop_that_cannot_reach_one_place_says_where_credentials_are_left() {
    let home = Home::new();
    home.save_workspace(
        &json!({ "delivery": ["credentials-file", "credential-process"],
            "sessions": [localstack("app", None)] }),
    );
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "app"]).ok();
    let aside = home.path().join("aside");
    std::fs::rename(config(&home), &aside).expect("it is moved");
    std::fs::create_dir(config(&home)).expect("a folder");
    let told = home.run(["session", "stop", "app"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains(".aws/config"), "{told:?}");
    assert_eq!(home.credentials_text(), "");
    assert_eq!(places(&home, "app"), [place("credential-process", true)]);
    std::fs::remove_dir(config(&home)).expect("it is empty");
    std::fs::rename(&aside, config(&home)).expect("it is moved");
    home.run(["session", "stop", "app"]).ok();
    assert_eq!(
        (config_text(&home), places(&home, "app")),
        (String::new(), Vec::new())
    );
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn who_gives_way_to_another_is_not_put_back_in_its_place() {
    let home = Home::new();
    let of = |name: &str, profile: &str, delivery: Value, label: &str| {
        let mut session = localstack(name, Some(delivery));
        session["profileName"] = json!(profile);
        session["labels"] = json!({ "l": label });
        session
    };
    let file = || json!(["credentials-file"]);
    let both = || json!(["credentials-file", "credential-process"]);
    let rest = || [of("taker", "x", file(), "l"), of("other", "y", file(), "l")];
    let workspace = |mover: Value| {
        let mut sessions = vec![mover];
        sessions.extend(rest());
        json!({ "sessions": sessions })
    };
    home.save_workspace(&workspace(of("holder", "x", file(), "before")));
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "holder"]).ok();
    // The chain cannot be changed for a moment, and meanwhile much is asked of it.
    let lock = std::fs::File::open(home.credentials()).expect("a file");
    lock.lock().expect("it is locked");
    let mut take = home.command(["session", "start", "taker"]);
    let take = take
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program runs");
    until(10 * SECOND, "the profile is being taken", || {
        home.status("taker") == "pending"
    });
    home.save_workspace(&workspace(of("holder", "x", both(), "after")));
    until(10 * SECOND, "the edit is seen", || {
        home.session("holder")
            .is_some_and(|s| s["labels"]["l"] == "after")
    });
    drop(lock);
    let took = take.wait_with_output().expect("it ends");
    assert!(took.status.success(), "{took:?}");
    // What the chain was asked before this one is done by now.
    home.run(["session", "start", "other"]).ok();
    let (credentials, config) = (home.credentials_text(), config_text(&home));
    assert!(
        credentials.contains("dayfly_session = id-taker"),
        "{credentials}"
    );
    assert!(!credentials.contains("id-holder"), "{credentials}");
    assert!(!config.contains("id-holder"), "{config}");
    assert_eq!(home.status("taker"), "active");
    assert_eq!(home.status("holder"), "inactive");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn another_delivery_comes_in_force_while_the_session_is_active() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [localstack("app", None)] }));
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "app"]).ok();
    assert_eq!(places(&home, "app"), [place("credentials-file", true)]);
    let written = |what: &str, target: &str| {
        until(10 * SECOND, what, || {
            places(&home, "app") == [place(target, true)]
        });
        let text = (home.credentials_text(), config_text(&home));
        assert_eq!(
            text.0.contains("[app]"),
            target == "credentials-file",
            "{what}"
        );
        assert_eq!(
            text.1.contains("[profile app]"),
            target != "credentials-file",
            "{what}"
        );
    };
    home.run(["session", "edit", "app", "--delivery", "credential-process"])
        .ok();
    written("the session's own", "credential-process");
    assert_eq!(daemon.terminate(), 0);
    // Without an engine nothing moves; the next one puts it right.
    home.run(["session", "edit", "app", "--delivery", "credentials-file"])
        .ok();
    let daemon = Daemon::start(&home);
    assert_eq!(home.status("app"), "active");
    written("after a restart", "credentials-file");
    home.save_workspace(&json!({ "delivery": ["credential-process"],
        "sessions": [localstack("app", None)] }));
    written("the Workspace's", "credential-process");
    home.save_workspace(&json!({ "sessions": [localstack("app", None)] }));
    written("nobody's", "credentials-file");
    home.save_config("[delivery]\ntargets = [\"credential-process\"]\n");
    written("the configuration's", "credential-process");
    assert_eq!(daemon.terminate(), 0);
    let wrong = home.run(["session", "edit", "app", "--delivery", "credential-proces"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    home.save_workspace(&json!({ "delivery": ["nowhere"], "sessions": [] }));
    let wrong = home.run(["workspace", "validate"]);
    assert!(
        wrong.err.contains("\"nowhere\" is not a delivery target"),
        "{wrong:?}"
    );
}

#[test]
fn credentials_that_stand_in_no_file_outlive_a_crash_and_are_never_in_the_clear() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (id, secret) = sts.user("alice");
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "region": "eu-west-1" },
    ]}));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
    let keys = || home.run(["credential-process", "user"]).ok().json();
    let daemon = Daemon::start(&home);
    let first = keys();
    daemon.kill();
    assert_eq!(home.status("user"), "active");
    assert_eq!(keys(), first);
    let daemon = Daemon::start(&home);
    assert_eq!(keys(), first);
    assert_eq!(daemon.terminate(), 0);
    let secrets = [&first["SecretAccessKey"], &first["SessionToken"]].map(|s| s.as_str().unwrap());
    home.nowhere(&secrets, &[]);
    home.run(["session", "stop", "user"]).ok();
    assert_eq!(home.status("user"), "inactive");
}

#[test]
fn older_credentials_that_a_crash_left_in_a_file_are_removed_at_the_next_start() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [localstack("app", None)] }));
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "app"]).ok();
    let older = home.credentials_text();
    assert!(older.contains("[app]"), "{older}");
    home.run(["session", "edit", "app", "--delivery", "none"])
        .ok();
    until(10 * SECOND, "published in no file", || {
        !home.credentials_text().contains("[app]")
    });
    home.run(["session", "rotate", "app"]).ok();
    daemon.kill();
    // As where the removal failed, and the engine died before it could try again.
    home.save(&home.credentials(), &older);
    let daemon = Daemon::start(&home);
    until(10 * SECOND, "the older credentials removed", || {
        !home.credentials_text().contains("[app]")
    });
    assert_eq!(home.status("app"), "active");
    home.run(["credential-process", "app"]).ok();
    assert_eq!(daemon.terminate(), 0);
}

/// Asks who it is again and again under a profile that runs `credential_process`, in one process;
/// prints how often that went wrong, and with how many different keys it was done.
const LOOP: &str = r#"
import boto3, json, sys, time
until = time.time() + float(sys.argv[1])
session = boto3.Session(profile_name="app")
client = session.client("sts")
failures, keys = [], []
while time.time() < until:
    try:
        arn = client.get_caller_identity()["Arn"]
        assert ":assumed-role/app/" in arn, arn
    except Exception as e:
        failures.append(repr(e))
    key = session.get_credentials().get_frozen_credentials().access_key
    if not keys or keys[-1] != key:
        keys.append(key)
    # Sleeps between two calls, as a program that has other work does.
    time.sleep(0.1)
print(json.dumps({"failures": failures, "keys": len(keys)}))
"#;

#[test]
fn a_running_program_under_a_written_profile_sees_rotations() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (id, secret) = sts.user("alice");
    let role = sts.role("app");
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n[delivery]\ntargets = [\"credential-process\"]\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n",
        sts.endpoint()
    ));
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser",
          "region": "eu-west-1", "durationSeconds": 900 },
        { "sessionId": "app", "sessionName": "app", "type": "awsIamRoleChained",
          "region": "eu-west-1", "profileName": "app", "roleArn": role,
          "parentSessionId": "user", "durationSeconds": 6 },
    ]}));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
    let daemon = Daemon::start(&home);
    until(15 * SECOND, "the profile is there", || {
        config_text(&home).contains("[profile app]")
    });
    let mut program = Command::new(std::env::var_os("DAYFLY_TEST_PYTHON").expect("Python"));
    // Nothing of Dayfly in its environment: the line in the file says it all.
    program
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("AWS_ENDPOINT_URL", sts.endpoint())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .args(["-c", LOOP, "20"]);
    let output = program.output().expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(seen["failures"], json!([]), "{seen}");
    assert!(seen["keys"].as_u64() >= Some(4), "{seen}");
    assert_eq!(
        dayfly_tests::aws::caller(&home, "app", &sts.endpoint()).map(|arn| arn.contains("app")),
        Ok(true)
    );
    assert_eq!(daemon.terminate(), 0);
}
