//! `dayfly exec` and `dayfly env`: a command finds the right credentials and nothing else, and what
//! opens them lives as long as it has to.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dayfly_tests::door::{Environment, exported};
use dayfly_tests::{Daemon, Door, Exec, Home};
use serde_json::json;

fn home() -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "o'd $(x) \\", "sessionName": "app", "type": "localstack",
          "region": "eu-west-1" },
    ]}));
    home
}

#[test]
fn a_command_gets_signals_and_gives_its_exit_code_and_the_endpoint_ends_with_it() {
    let home = home();
    let code = |script: &str| home.run(["exec", "app", "--", "sh", "-c", script]).code;
    assert_eq!(code("exit 7"), 7);
    assert_eq!(code("kill -9 $$"), 128 + 9);
    assert_eq!(home.run(["exec", "app", "--", "there-is-no-such"]).code, 3);
    // What would be found before the endpoint is not there, and the region is the session's.
    let mut command = home.command(["exec", "app", "--", "env"]);
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_ACCOUNT_ID",
    ] {
        command.env(name, "mine");
    }
    command.env("AWS_REGION", "us-west-2").env("OTHER", "mine");
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert_eq!(out.matches("mine").count(), 1, "{out}");
    assert!(out.contains("AWS_REGION=eu-west-1"), "{out}");
    // A signal is the command's to answer.
    let script = "trap 'echo heard; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = home.command(["exec", "app", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "heard");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    // The endpoint is gone with the command, and the file with its token as well.
    let exec = Exec::start(&home, &["app", "--token-file"]);
    let door = Door::of(&exec.environment);
    let file = PathBuf::from(&exec.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]);
    assert_eq!(door.ask().0, 200);
    drop(exec);
    assert_eq!(door.send("GET /", "").0, 0);
    assert!(!file.exists());
    let told = home.run(["exec", "app", "--imds", "--", "env"]).ok();
    assert!(told.err.contains("after they expired"), "{told:?}");
    assert!(
        told.out
            .contains("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:"),
        "{told:?}"
    );
    assert!(!told.out.contains("AWS_CONTAINER"), "{told:?}");
}

#[test]
fn tokens_that_are_made_new_leave_earlier_ones_outside() {
    let home = home();
    let without = home.run(["env", "app", "--token-file"]);
    assert_eq!(without.code, 1, "{without:?}");
    let daemon = Daemon::start(&home);
    let by_token = Door::of(&exported(&home, "app", &[]));
    let printed = home.run(["env", "app", "--token-file"]).ok().out;
    let environment = exported(&home, "app", &["--token-file"]);
    let by_file = Door::of(&environment);
    assert_eq!((by_token.ask().0, by_file.ask().0), (200, 200));
    let file = &environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
    let token = std::fs::read_to_string(file).unwrap();
    assert!(!printed.contains(&token), "{printed}");
    let new = Door::of(&exported(&home, "app", &["--new-token"]));
    let answers = [&by_token, &by_file, &new].map(|door| door.ask().0);
    assert_eq!(answers, [401, 200, 200]);
    let header = format!("Authorization: {token}\r\n");
    let line = format!("GET {}", by_file.path);
    assert_eq!(by_file.send(&line, &header).0, 401);
    // There is no metadata endpoint, as nobody configured one.
    let imds = home.run(["env", "app", "--imds"]);
    assert_eq!(imds.code, 3, "{imds:?}");
    assert!(imds.err.contains("[imds]"), "{imds:?}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn each_shell_takes_what_env_prints() {
    let home = home();
    let daemon = Daemon::start(&home);
    let program = dayfly_tests::home::program();
    let program = program.display();
    for (shell, script) in [
        ("bash", format!("eval \"$('{program}' env app)\"")),
        (
            "zsh",
            format!("eval \"$('{program}' env app --shell zsh)\""),
        ),
        ("fish", format!("'{program}' env app --shell fish | source")),
    ] {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join(shell).exists()) {
            let all = std::env::var_os("DAYFLY_TEST_ALL");
            assert!(all.is_none(), "{shell} is missing");
            eprintln!("not run: {shell} is missing");
            continue;
        }
        let mut command = Command::new(shell);
        let bare = home.command::<&str>([]);
        let bare = bare
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        command.env_clear().envs(bare).env("AWS_PROFILE", "mine");
        command.args(["-c", &format!("{script}; env")]);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let environment: Environment = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert!(!environment.contains_key("AWS_PROFILE"), "{shell}: {text}");
        assert_eq!(environment["AWS_REGION"], "eu-west-1", "{shell}");
        assert_eq!(Door::of(&environment).ask().0, 200, "{shell}: {text}");
    }
    assert_eq!(daemon.terminate(), 0);
}
