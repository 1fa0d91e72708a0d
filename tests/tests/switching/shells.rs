//! `dayfly use` in real shells.

use dayfly_tests::door::Environment;
use dayfly_tests::home::program;
use dayfly_tests::{Daemon, Door, Home};

use crate::{all_shells, home, within};

/// What a script prints that begins with the shell function, and its exit code.
fn script(home: &Home, shell: &str, text: &str) -> (i32, String) {
    let program = program();
    let program = program.display();
    let init = match shell {
        "fish" => format!("'{program}' shell init fish | source"),
        shell => format!("eval \"$('{program}' shell init {shell})\""),
    };
    let mut command = within(home, shell);
    let output = command.args(["-c", &format!("{init}\n{text}")]).output();
    let output = output.expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), out + &err)
}

fn environment(text: &str) -> Environment {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn each_shell_uses_a_session_changes_to_another_and_leaves_it() {
    let home = home();
    let daemon = Daemon::start(&home);
    for shell in all_shells() {
        let text = "dayfly use 'Acme Dev/Admin'; env; echo ----; dayfly use deploy; env; echo ----; \
                    dayfly use --clear; env";
        let (code, text) = script(&home, shell, text);
        assert_eq!(code, 0, "{shell}: {text}");
        let parts: Vec<Environment> = text.split("----\n").map(environment).collect();
        let [first, second, cleared] = parts.as_slice() else {
            panic!("{shell}: {text}")
        };
        assert_eq!(first["DAYFLY_SESSION"], "Acme Dev/Admin", "{shell}");
        assert_eq!(Door::of(first).ask().0, 200, "{shell}: {text}");
        assert_eq!(second["DAYFLY_SESSION"], "deploy", "{shell}");
        assert_eq!(Door::of(second).ask().0, 200, "{shell}: {text}");
        assert_ne!(Door::of(first).path, Door::of(second).path, "{shell}");
        let left = cleared
            .keys()
            .find(|name| name.starts_with("AWS_") || name.starts_with("DAYFLY_S"));
        assert_eq!(left, None, "{shell}: {text}");
        assert!(text.contains("this shell uses deploy"), "{shell}: {text}");
        assert!(text.contains("no longer uses deploy"), "{shell}: {text}");
    }
    assert_eq!(daemon.terminate(), 0);
}

/// Region and profile that the person had set are there again, also after a change of sessions.
#[test]
fn what_the_person_had_set_is_given_back() {
    let home = home();
    for shell in all_shells() {
        let set = match shell {
            "fish" => "set -gx AWS_REGION ap-south-1; set -gx AWS_PROFILE 'my own'",
            _ => "export AWS_REGION=ap-south-1 AWS_PROFILE='my own'",
        };
        let text = format!(
            "{set}; dayfly use 'Acme Dev/Admin'; env; echo ----; dayfly use deploy; env; echo ----; \
             dayfly use --clear; env; echo ----; dayfly use --clear; env"
        );
        let (code, text) = script(&home, shell, &text);
        assert_eq!(code, 0, "{shell}: {text}");
        let parts: Vec<Environment> = text.split("----\n").map(environment).collect();
        let [first, second, cleared, again] = parts.as_slice() else {
            panic!("{shell}: {text}")
        };
        for used in [first, second] {
            assert_eq!(used["AWS_REGION"], "eu-west-1", "{shell}: {text}");
            assert!(!used.contains_key("AWS_PROFILE"), "{shell}: {text}");
        }
        for left in [cleared, again] {
            assert_eq!(left["AWS_REGION"], "ap-south-1", "{shell}: {text}");
            assert_eq!(left["AWS_PROFILE"], "my own", "{shell}: {text}");
            let kept = left.keys().find(|name| name.starts_with("DAYFLY_BEFORE"));
            assert_eq!(kept, None, "{shell}: {text}");
            assert!(!left.contains_key("AWS_DEFAULT_REGION"), "{shell}: {text}");
        }
    }
}

/// What fails, or only prints, leaves the shell as it is.
#[test]
fn nothing_that_is_no_environment_is_evaluated() {
    let home = home();
    for shell in all_shells() {
        let status = match shell {
            "fish" => "$status",
            _ => "$?",
        };
        for (line, code, part) in [
            ("dayfly use no-such", 3, "has no session"),
            ("dayfly use --help", 0, "Usage: dayfly use"),
            ("dayfly use -h", 0, "Usage: dayfly use"),
            ("dayfly use deploy --nonsense", 2, "--nonsense"),
            ("dayfly use deploy --print", 0, "DAYFLY_SESSION"),
            ("dayfly use", 1, "you chose no session"),
            ("dayfly session list", 0, "deploy"),
        ] {
            let text = format!("{line} < /dev/null; echo \"code {status}\"; env");
            let (_, text) = script(&home, shell, &text);
            assert!(
                text.contains(&format!("code {code}")),
                "{shell}: {line}: {text}"
            );
            assert!(text.contains(part), "{shell}: {line}: {text}");
            assert!(
                !text.contains("\nDAYFLY_SESSION="),
                "{shell}: {line}: {text}"
            );
        }
    }
}

#[test]
fn names_of_others_run_nothing_on_their_way_into_a_shell() {
    let home = home();
    for shell in all_shells() {
        let (code, text) = script(
            &home,
            shell,
            "dayfly use odd; env; dayfly prompt; dayfly use --clear",
        );
        assert_eq!(code, 0, "{shell}: {text}");
        let name = "$(touch canary)`touch canary`'\"; touch canary #";
        assert_eq!(
            environment(&text)["DAYFLY_SESSION"],
            name,
            "{shell}: {text}"
        );
        assert!(!home.path().join("canary").exists(), "{shell}: {text}");
    }
}

/// A person stopped it; that they use it says that they want it again. A guard rail still says no.
#[test]
fn use_starts_what_the_person_stopped_and_passes_no_guard_rail() {
    let home = home();
    let daemon = Daemon::start(&home);
    home.run(["session", "stop", "deploy"]).ok();
    let used = home
        .run(["use", "deploy", "--print", "--shell", "bash"])
        .ok();
    assert!(
        used.out.contains("export DAYFLY_SESSION='deploy'"),
        "{used:?}"
    );
    assert_eq!(home.status("deploy"), "active");
    assert_eq!(daemon.terminate(), 0);
    home.run(["session", "stop", "deploy"]).ok();
    home.save_config(
        "[[policy]]\nname = \"hours\"\nmodule = \"builtin:business-hours\"\ntier = \"guard-rail\"\n\
         config = { match = { names = [\"deploy\"] }, timezone = \"UTC\", hours = \"00:00-00:01\", days = [] }\n",
    );
    let refused = home.run(["use", "deploy", "--print", "--shell", "bash"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert_eq!(refused.out, "", "{refused:?}");
}

/// A file that was hidden from a shell is named again once nothing is to be hidden.
#[test]
fn leaving_a_session_gives_the_shell_its_files_back() {
    let home = home();
    let daemon = Daemon::start(&home);
    let own = home.path().join("own-credentials");
    let text = "[default]\naws_access_key_id = AKIAMINE\naws_secret_access_key = mine\n";
    std::fs::write(&own, text).expect("it is written");
    for shell in all_shells() {
        let set = match shell {
            "fish" => "set -gx AWS_SHARED_CREDENTIALS_FILE",
            _ => "export AWS_SHARED_CREDENTIALS_FILE=",
        };
        let space = if shell == "fish" { " " } else { "" };
        let text = format!(
            "{set}{space}'{}'; dayfly use deploy; env; echo ----; dayfly use --clear; env",
            own.display()
        );
        let (code, text) = script(&home, shell, &text);
        assert_eq!(code, 0, "{shell}: {text}");
        let (used, cleared) = text.split_once("----").expect("both");
        assert_eq!(
            environment(used)["AWS_SHARED_CREDENTIALS_FILE"],
            "/dev/null",
            "{shell}"
        );
        let cleared = environment(cleared);
        let path = own.to_str().expect("UTF-8");
        assert_eq!(cleared["AWS_SHARED_CREDENTIALS_FILE"], path, "{shell}");
        assert!(
            !cleared.contains_key("DAYFLY_HIDDEN_CREDENTIALS_FILE"),
            "{shell}"
        );
    }
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn without_the_function_use_says_how_to_have_it() {
    let home = home();
    let mut command = home.command(["use", "deploy"]);
    let ended = command
        .env("SHELL", "/usr/bin/zsh")
        .output()
        .expect("it runs");
    assert_eq!(ended.status.code(), Some(2));
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(err.contains("eval \"$(dayfly shell init zsh)\""), "{err}");
    // Nothing was started for nothing.
    assert_eq!(home.status("deploy"), "inactive");
}
