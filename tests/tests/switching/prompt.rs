//! What a prompt shows.

use dayfly_tests::{Daemon, Home};

use crate::home;

fn prompt(home: &Home, args: &[&str], set: &[(&str, &str)]) -> (i32, String) {
    let mut command = home.command([&["prompt"], args].concat());
    let output = command.envs(set.iter().copied()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), text + &err)
}

const RENEWED: (&str, &str) = (
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "http://127.0.0.1:1/creds/x",
);

#[test]
fn the_engine_tells_what_became_of_the_session() {
    let home = home();
    let daemon = Daemon::start(&home);
    let show = |args: &[&str]| prompt(&home, args, &[("DAYFLY_SESSION", "deploy"), RENEWED]);
    assert_eq!(show(&[]), (0, "deploy inactive\n".into()));
    home.run(["session", "start", "deploy"]).ok();
    // What does not end has nothing left.
    assert_eq!(show(&[]), (0, "deploy\n".into()));
    let fields = show(&["--format", "{session}|{status}|{profile}|{region}|{x}"]);
    assert_eq!(
        fields,
        (0, "deploy|active|profile-three|eu-west-1|{x}\n".into())
    );
    home.run(["session", "stop", "deploy"]).ok();
    assert_eq!(show(&["--format", "{status}"]), (0, "inactive\n".into()));
    // By the parser of the command line as well.
    assert_eq!(show(&["--format={status}"]), (0, "inactive\n".into()));
    let gone = prompt(&home, &[], &[("DAYFLY_SESSION", "no-such"), RENEWED]);
    assert_eq!(gone, (0, "no-such gone\n".into()));
    assert_eq!(prompt(&home, &[], &[]), (0, String::new()));
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn without_an_engine_the_shell_knows_what_it_was_told() {
    let home = home();
    let (past, future) = ("2020-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z");
    let with = |until: &str, more: (&str, &str)| {
        let set = [
            ("DAYFLY_SESSION", "deploy"),
            ("AWS_SESSION_EXPIRATION", until),
            more,
        ];
        prompt(&home, &["--format", "{session} {status}"], &set).1
    };
    let keys = ("AWS_ACCESS_KEY_ID", "ASIAX");
    assert_eq!(with(future, keys), "deploy active\n");
    assert_eq!(with(past, keys), "deploy ended\n");
    assert_eq!(with(future, RENEWED), "deploy active\n");
    assert_eq!(with(past, RENEWED), "deploy unknown\n");
    assert_eq!(with("nonsense", RENEWED), "deploy unknown\n");
}

/// It is run before each prompt: it reads none of the files that take time, and complains of none.
#[test]
fn a_prompt_needs_no_file_and_steers_no_shell() {
    let home = home();
    home.save(&home.workspace(), "{ nonsense");
    home.save_config("[[");
    let name = "100%d \x1b[2J$(touch canary)";
    let set = [("DAYFLY_SESSION", name)];
    let (code, text) = prompt(&home, &["--shell", "zsh", "--format", "{session}"], &set);
    assert_eq!(
        (code, text.as_str()),
        (0, "100%%d \\u{1b}[2J$(touch canary)\n")
    );
    assert!(!home.path().join("state").exists());
}
