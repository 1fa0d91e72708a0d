//! Real clients find the credentials wherever they look, and keep working across rotations.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use dayfly_tests::{Daemon, Home, Ministack, until};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// A home with a user and a role on it, whose credentials live so many seconds.
fn home(sts: &Ministack, seconds: u32, policies: &str) -> Home {
    let (id, secret) = sts.user("alice");
    let role = sts.role("app");
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser",
          "region": "eu-west-1", "durationSeconds": seconds * 2 },
        { "sessionId": "app", "sessionName": "app", "type": "awsIamRoleChained",
          "region": "eu-west-1", "profileName": "app", "roleArn": role,
          "parentSessionId": "user", "durationSeconds": seconds },
    ]}));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n{policies}",
        sts.endpoint()
    ));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
    home
}

const ROTATE: &str = "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
    [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n";

fn python() -> PathBuf {
    std::env::var_os("DAYFLY_TEST_PYTHON")
        .expect("DAYFLY_TEST_PYTHON is set")
        .into()
}

fn aws() -> PathBuf {
    std::env::var_os("DAYFLY_TEST_AWS")
        .expect("DAYFLY_TEST_AWS names the AWS CLI")
        .into()
}

/// Calls the STS again and again in one process; prints how often that went wrong, and with how
/// many different keys it was done.
const LOOP: &str = r#"
import boto3, json, sys, time
until = time.time() + float(sys.argv[1])
session = boto3.Session()
client = session.client("sts")
calls, failures, keys = 0, [], []
while time.time() < until:
    calls += 1
    try:
        arn = client.get_caller_identity()["Arn"]
        assert ":assumed-role/app/" in arn, arn
    except Exception as e:
        failures.append(repr(e))
    key = session.get_credentials().get_frozen_credentials().access_key
    if not keys or keys[-1] != key:
        keys.append(key)
    time.sleep(0.05)
print(json.dumps({"calls": calls, "failures": failures, "keys": len(keys)}))
"#;

fn told(command: &mut Command) -> Value {
    let output = command.output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"))
}

#[test]
fn a_long_lived_program_sees_no_failed_call_through_twenty_rotations_and_a_restart() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = home(&sts, 4, ROTATE);
    let daemon = Daemon::start(&home);
    until(10 * SECOND, "the session is active", || {
        home.status("app") == "active"
    });
    let mut program = home.command(["exec", "app", "--"]);
    program
        .arg(python())
        .args(["-c", LOOP, "62"])
        .env("AWS_ENDPOINT_URL", sts.endpoint())
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let running = std::thread::spawn(move || told(&mut program));
    std::thread::sleep(25 * SECOND);
    assert_eq!(daemon.terminate(), 0);
    let daemon = Daemon::start(&home);
    let seen = running.join().expect("the program ends well");
    println!("{seen}");
    assert_eq!(seen["failures"], json!([]), "{seen}");
    assert!(seen["keys"].as_u64() > Some(20), "{seen}");
    assert!(seen["calls"].as_u64() > Some(300), "{seen}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn each_way_to_ask_brings_the_right_credentials() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let home = home(&sts, 900, "");
    // Somebody's own default profile is not taken for ours.
    std::fs::create_dir_all(home.path().join(".aws")).unwrap();
    let own = "[default]\naws_access_key_id = test\naws_secret_access_key = test\n";
    std::fs::write(home.credentials(), own).unwrap();
    let is_app = |mut command: Command, how: &str| {
        command
            .env("AWS_ENDPOINT_URL", sts.endpoint())
            .env("AWS_EC2_METADATA_DISABLED", "true");
        let output = command.output().unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(out.contains(":assumed-role/app/"), "{how}: {out}{err}");
    };
    let caller = ["sts", "get-caller-identity", "--output", "text"];
    let boto = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])";
    let config = home.path().join(".aws/config");
    let program = dayfly_tests::home::program();
    let line = format!(
        "[profile proc]\nregion = eu-west-1\ncredential_process = {} credential-process app\n",
        program.display()
    );
    std::fs::write(&config, line).unwrap();

    // Without a running engine, then with one.
    for with in [false, true] {
        let daemon = with.then(|| Daemon::start(&home));
        let exec = |more: &[&str]| {
            let mut command = home.command(["exec", "app"]);
            command.args(more).arg("--");
            command
        };
        let mut command = exec(&[]);
        command.arg(aws()).args(caller);
        is_app(command, "exec, AWS CLI");
        let mut command = exec(&[]);
        command.arg(python()).args(["-c", boto]);
        is_app(command, "exec, boto3");
        let mut command = exec(&["--static"]);
        command.arg(python()).args(["-c", boto]);
        is_app(command, "exec --static, boto3");
        for shell in ["bash", "sh"] {
            let mut command = home.command::<&str>([]);
            command = {
                let mut shelled = Command::new(shell);
                shelled.env_clear();
                for (name, value) in command.get_envs() {
                    if let Some(value) = value {
                        shelled.env(name, value);
                    }
                }
                let script = format!(
                    "eval \"$('{}' env app --shell bash)\" && '{}' -c \"{boto}\"",
                    program.display(),
                    python().display()
                );
                shelled.args(["-c", &script]);
                shelled
            };
            is_app(command, "env");
        }
        for (tool, args) in [(aws(), &caller[..]), (python(), &["-c", boto][..])] {
            let mut command = Command::new(tool);
            command
                .env_clear()
                .env("HOME", home.path())
                .env("DAYFLY_HOME", home.path());
            command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command.args(args).env("AWS_PROFILE", "proc");
            is_app(command, "credential_process");
        }
        if let Some(daemon) = daemon {
            assert_eq!(daemon.terminate(), 0);
        }
    }
    // The published profile is one more way, and the person's own stays.
    assert!(home.credentials_text().starts_with(own));
}

#[test]
fn five_hundred_callers_are_one_upstream_call() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let gate = sts.gate();
    // Of two sessions, one is published under a profile, and one stands in no file.
    let home = home(&sts, 900, "");
    let mut workspace: Value =
        serde_json::from_slice(&std::fs::read(home.workspace()).unwrap()).unwrap();
    let mut bare = workspace["sessions"][1].clone();
    bare["sessionId"] = json!("bare");
    bare["sessionName"] = json!("bare");
    bare.as_object_mut().unwrap().remove("profileName");
    workspace["sessions"].as_array_mut().unwrap().push(bare);
    home.save_workspace(&workspace);
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        gate.endpoint()
    ));
    let ask = |session: &str, number: usize| {
        let callers: Vec<_> = (0..number)
            .map(|_| {
                let mut command = home.command(["credential-process", session]);
                command
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped());
                command.spawn().expect("the program runs")
            })
            .collect();
        let mut keys = std::collections::BTreeSet::new();
        for caller in callers {
            let output = caller.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            keys.insert(printed["AccessKeyId"].as_str().expect("a key").to_owned());
        }
        keys
    };
    let mut calls = 0;
    let mut once = |how: &str, session: &str| {
        let begun = Instant::now();
        assert_eq!(ask(session, 500).len(), 1, "{how}, {session}");
        println!("500 callers of {session}, {how}: {:?}", begun.elapsed());
        calls += 1;
        assert_eq!(gate.roles_assumed(), calls, "{how}, {session}");
        home.run(["session", "stop", session]).ok();
        home.run(["session", "release", session]).ok();
    };
    // Across processes, without an engine; then through one.
    for session in ["app", "bare"] {
        once("without an engine", session);
    }
    let daemon = Daemon::start(&home);
    for session in ["app", "bare"] {
        once("with an engine", session);
    }
    assert_eq!(daemon.terminate(), 0);
}
