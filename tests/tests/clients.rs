//! Real clients find the credentials wherever they look, and keep working across rotations.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dayfly_tests::door::exported;
use dayfly_tests::{Daemon, Home, Ministack, clock, until, within};
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

/// A program with boto3 that asks the STS who it is, again and again; each call is a line of what
/// it prints.
struct Running {
    child: Child,
    calls: Arc<Mutex<Vec<Value>>>,
}

impl Running {
    fn start(mut command: Command, sts: &Ministack) -> Self {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients/loop.py");
        command
            .arg(program)
            .arg("300")
            .env("AWS_ENDPOINT_URL", sts.endpoint())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let call = serde_json::from_str(&line).unwrap_or_default();
                seen.lock().expect("nobody panics with it").push(call);
            }
        });
        Self { child, calls }
    }

    fn calls(&self) -> Vec<Value> {
        self.calls.lock().expect("nobody panics with it").clone()
    }

    /// The keys that calls were signed with, in their order.
    fn keys(&self) -> Vec<Value> {
        let mut keys: Vec<Value> = self.calls().iter().map(|c| c["key"].clone()).collect();
        keys.dedup();
        keys
    }

    /// All calls went well, as the right role.
    fn all_well(&self) {
        for call in self.calls() {
            let arn = call["arn"].as_str().unwrap_or_default();
            assert!(arn.contains(":assumed-role/app/"), "{call}");
        }
    }
}

impl Drop for Running {
    /// By the signal that a shell sends, which `dayfly exec` hands on.
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

#[test]
fn a_long_lived_program_sees_no_failed_call_through_twenty_rotations_and_a_restart() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    // What it has first ends many times over meanwhile.
    let home = home(&sts, 4, ROTATE);
    let mut daemon = Daemon::start(&home);
    until(10 * SECOND, "the session is active", || {
        home.status("app") == "active"
    });
    let mut command = home.command(["exec", "app", "--"]);
    command.arg(python());
    let under_exec = Running::start(command, &sts);
    // One more at the engine's own endpoint, with the token from a file, as a shell has it.
    let environment = exported(&home, "app", &["--token-file"]);
    let file = PathBuf::from(&environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]);
    let token = || std::fs::read_to_string(&file).expect("a token");
    let first_token = token();
    let mut command = Command::new(python());
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .envs(&environment);
    let in_a_shell = Running::start(command, &sts);
    let programs = [&under_exec, &in_a_shell];
    let used = || programs.map(|program| program.keys().len());
    until(30 * SECOND, "both call", || used().iter().all(|n| *n > 0));
    for rotation in 0..20 {
        let before = used();
        if rotation == 10 {
            assert_eq!(daemon.terminate(), 0);
            daemon = Daemon::start(&home);
        }
        home.run(["session", "rotate", "app"]).ok();
        until(20 * SECOND, "both programs use other keys", || {
            let now = used();
            now[0] > before[0] && now[1] > before[1]
        });
    }
    for program in programs {
        program.all_well();
        assert!(program.keys().len() > 20, "{:?}", program.keys());
    }
    assert_ne!(token(), first_token);
    println!("calls: {:?}", programs.map(|program| program.calls().len()));
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
    // What it had has ended.
    let expired = |session: &str| {
        let living = |seconds: &str| {
            home.run(["session", "edit", session, "--duration", seconds])
                .ok();
        };
        living("2");
        home.run(["session", "start", session]).ok();
        within(20 * SECOND, "its credentials end", || {
            let session = home.session(session).expect("it is in the Workspace");
            // A running engine ends the session, too.
            let ended = session["status"] == "inactive"
                || session["expiresAt"]
                    .as_str()
                    .is_some_and(|end| end < clock("now").as_str());
            if ended { Ok(()) } else { Err(session) }
        });
        living("900");
    };
    let mut calls = 0;
    let mut once = |how: &str, session: &str| {
        expired(session);
        calls += 1;
        assert_eq!(gate.roles_assumed(), calls, "{how}, {session}");
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
