//! Choosing a session on a real terminal.

use dayfly_tests::Home;
use dayfly_tests::home::program;

use crate::{dialog, home, within};

const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";

/// What `dayfly use` shows on a terminal, and what was chosen.
fn choose(home: &Home, steps: &[(&str, &str)], set: &[(&str, &str)]) -> Option<(String, String)> {
    let chosen = home.path().join("chosen");
    let _ = std::fs::remove_file(&chosen);
    let mut command = within(home, "sh");
    let script = format!(
        "'{}' use --print --shell bash > chosen",
        program().display()
    );
    command.args(["-c", &script]).envs(set.iter().copied());
    let shown = dialog(&command, steps)?;
    let chosen = std::fs::read_to_string(chosen).unwrap_or_default();
    let session = chosen
        .lines()
        .find_map(|line| line.strip_prefix("export DAYFLY_SESSION="));
    Some((shown, session.unwrap_or_default().to_owned()))
}

#[test]
fn letters_and_cursor_keys_choose_and_the_terminal_is_as_before() {
    for (steps, session) in [
        (&[("which session", "deploy\r")][..], "'deploy'"),
        (
            &[("which session", "prod"), ("> Acme Prod", "\r")],
            "'Acme Prod/Admin'",
        ),
        (
            &[
                ("which session", "acme"),
                ("2 of 4", DOWN),
                ("> Acme Prod", "\r"),
            ],
            "'Acme Prod/Admin'",
        ),
        (
            &[
                ("which session", "acme"),
                ("2 of 4", DOWN),
                ("> Acme Prod", UP),
                ("> Acme Dev", "\r"),
            ],
            "'Acme Dev/Admin'",
        ),
        (
            &[
                ("which session", "zzzz"),
                ("no session matches", "\x15deploy\r"),
            ],
            "'deploy'",
        ),
        // By what is not its name.
        (&[("which session", "profile-three\r")], "'deploy'"),
    ] {
        // What was used before would come first.
        let home = home();
        let Some((shown, chosen)) = choose(&home, steps, &[]) else {
            return;
        };
        assert_eq!(chosen, session, "{steps:?}: {shown}");
        assert!(shown.ends_with("exit 0, echo on\n"), "{steps:?}: {shown}");
    }
    let home = home();
    // Ctrl-C, Escape and Ctrl-D leave.
    for leave in ["\x03", "\x1b", "\x04"] {
        let Some((shown, chosen)) = choose(&home, &[("which session", leave)], &[]) else {
            return;
        };
        assert_eq!(chosen, "", "{shown}");
        assert!(shown.contains("you chose no session"), "{shown}");
        assert!(shown.ends_with("exit 1, echo on\n"), "{leave:?}: {shown}");
    }
}

#[test]
fn the_most_used_session_comes_first() {
    let home = home();
    let Some((shown, _)) = choose(&home, &[("which session", "\x1b")], &[]) else {
        return;
    };
    // Nothing was used yet: by name.
    assert!(shown.contains("> $(touch"), "{shown}");
    for name in ["deploy", "Acme Prod/Admin", "deploy"] {
        home.run(["use", name, "--print"]).ok();
    }
    let Some((shown, chosen)) = choose(&home, &[("> deploy", "\r")], &[]) else {
        return;
    };
    assert_eq!(chosen, "'deploy'", "{shown}");
    let (deploy, rest) = (shown.find("deploy"), shown.find("Acme Prod"));
    assert!(deploy < rest, "{shown}");
}

#[test]
fn names_of_others_do_not_steer_the_terminal() {
    let home = Home::new();
    home.save_workspace(&serde_json::json!({ "sessions": [
        { "sessionId": "one", "sessionName": "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}b", "type": "localstack",
          "region": "eu-west-1", "labels": { "x": "\u{1b}[5n" } },
    ]}));
    let Some((shown, _)) = choose(&home, &[("which session", "\r")], &[]) else {
        return;
    };
    for part in ["\x1b]0;", "\x1b[2J", "\x1b[5n", "\u{202e}"] {
        assert!(!shown.contains(part), "{shown:?}");
    }
    assert!(shown.contains("owned"), "{shown:?}");
}

#[test]
fn without_a_terminal_that_moves_its_cursor_the_list_is_numbered() {
    let home = home();
    for set in [("TERM", "dumb"), ("DAYFLY_PICKER", "list")] {
        let steps = [("number, or a part", "acme\n"), ("  2  Acme", "2\n")];
        let Some((shown, chosen)) = choose(&home, &steps, &[set]) else {
            return;
        };
        let second = shown.rsplit_once("  2  ").map_or("", |(_, rest)| rest);
        let chosen = chosen.trim_matches('\'');
        assert!(chosen.starts_with("Acme "), "{set:?}: {shown}");
        assert!(second.starts_with(chosen), "{set:?}: {shown}");
        assert!(!shown.contains('\x1b'), "{shown:?}");
    }
    // Without any terminal the answer comes from the standard input; none is an answer too.
    let used = home
        .run_with(["use", "--print", "--shell", "bash"], "deploy\n1\n")
        .ok();
    assert!(used.out.contains("DAYFLY_SESSION='deploy'"), "{used:?}");
    let none = home.run(["use", "--print"]);
    assert_eq!((none.code, none.out.as_str()), (1, ""), "{none:?}");
    // But not what is meant for a command.
    let exec = home.run_with(["exec", "--", "cat"], "1\n");
    assert_eq!((exec.code, exec.out.as_str()), (2, ""), "{exec:?}");
    assert!(
        exec.err.contains("no terminal to choose one at"),
        "{exec:?}"
    );
}

#[test]
fn exec_asks_which_session_where_none_is_named() {
    let home = home();
    let mut command = within(&home, program().to_str().expect("UTF-8"));
    command.args([
        "exec",
        "--",
        "sh",
        "-c",
        "echo has-$DAYFLY_SESSION; read line; echo read-$line",
    ]);
    let steps = [("which session", "depl\r"), ("has-deploy", "mine\n")];
    let Some(shown) = dialog(&command, &steps) else {
        return;
    };
    assert!(shown.contains("read-mine"), "{shown}");
    assert!(shown.ends_with("exit 0, echo on\n"), "{shown}");
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let home = home();
    for (signal, code) in [("signal 15", 143), ("signal 1", 129), ("signal 2", 130)] {
        let mut command = within(&home, program().to_str().expect("UTF-8"));
        command.args(["use", "--print", "--shell", "bash"]);
        // The second step makes sure that the list is there: the letter stands in it.
        let steps = [("which session", "d"), ("? d", signal)];
        let Some(shown) = dialog(&command, &steps) else {
            return;
        };
        let ends = format!("exit {code}, echo on\n");
        assert!(shown.ends_with(&ends), "{signal}: {shown}");
        let list_is_gone = format!("\r\u{1b}[J\n{ends}");
        assert!(shown.ends_with(&list_is_gone), "{shown:?}");
    }
    // A signal for the command that was chosen for is the command's.
    let mut command = within(&home, program().to_str().expect("UTF-8"));
    let script = "trap 'echo mine; exit 7' TERM; echo ready; while :; do read -r line; done";
    command.args(["exec", "--", "sh", "-c", script]);
    let steps = [("which session", "depl\r"), ("ready", "signal 15")];
    let Some(shown) = dialog(&command, &steps) else {
        return;
    };
    assert!(shown.contains("mine"), "{shown}");
    assert!(shown.ends_with("exit 7, echo on\n"), "{shown}");
}
