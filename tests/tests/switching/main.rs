//! Switching between sessions: what a shell is told, `dayfly use` in real shells, choosing on a real terminal,
//! completion, and what a prompt shows.

mod choosing;
mod completion;
mod console;
mod filters;
mod prompt;
mod shells;
mod told;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use dayfly_tests::{Home, portal};
use serde_json::{Value, json};

/// A home with sessions that need no cloud.
fn home() -> Home {
    let home = Home::new();
    let session = |id: &str, name: &str| {
        json!({ "sessionId": id, "sessionName": name, "type": "localstack", "region": "eu-west-1",
            "profileName": format!("profile-{id}") })
    };
    home.save_workspace(&json!({ "sessions": [
        session("one", "Acme Dev/Admin"), session("two", "Acme Prod/Admin"), session("three", "deploy"),
        session("odd", "$(touch canary)`touch canary`'\"; touch canary #"),
    ]}));
    home
}

/// A shell of this name; none where it is not installed.
fn shell(name: &str) -> Option<&str> {
    let there = Command::new(name).args(["-c", "exit 0"]).status();
    if there.is_ok_and(|status| status.success()) {
        return Some(name);
    }
    let all = std::env::var_os("DAYFLY_TEST_ALL");
    assert!(all.is_none(), "{name} is not installed");
    #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
    {
        eprintln!("not run: {name} is not installed");
    }
    None
}

/// The shells that a person may have here.
fn all_shells() -> impl Iterator<Item = &'static str> {
    ["bash", "zsh", "fish"].into_iter().filter_map(shell)
}

/// A command in the home's environment.
fn within(home: &Home, program: &str) -> Command {
    let mut command = Command::new(program);
    let bare = home.command::<&str>([]);
    let bare = bare.get_envs();
    command
        .env_clear()
        .envs(bare.filter_map(|(name, value)| Some((name, value?))))
        .env("TERM", "xterm")
        .current_dir(home.path());
    command
}

/// Talks with a command on a terminal: what has to be shown, and what is then typed. All that was shown; none
/// where Python is missing.
fn dialog(command: &Command, steps: &[(&str, &str)]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fakes/dialog.py");
    let mut python = Command::new(portal::python()?);
    python
        .arg(script)
        .arg(command.get_program())
        .args(command.get_args());
    python.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            python.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        python.current_dir(folder);
    }
    let mut child = python
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut input = child.stdin.take().expect("it has an input");
    let steps: Value = steps
        .iter()
        .map(|(shown, typed)| json!([shown, typed]))
        .collect();
    input
        .write_all(steps.to_string().as_bytes())
        .expect("it is taken");
    drop(input);
    let ended = child.wait_with_output().expect("it ends");
    Some(String::from_utf8(ended.stdout).expect("UTF-8"))
}
