//! Completion of names in real shells on a real terminal, and how long it takes.

use std::process::Command;
use std::time::Duration;

use dayfly_tests::home::program;
use dayfly_tests::{Home, portal};
use serde_json::json;

use crate::{all_shells, dialog, home, within};

/// What `dayfly` is given by a shell in which these keys are pressed behind its name; none where Python is missing.
fn completed(home: &Home, shell: &str, keys: &str) -> Option<String> {
    let program = program();
    let program = program.display();
    // A function takes the place of the program, and tells what it was given.
    let told = "printf '<%s>\\n'";
    let (start, text) = match shell {
        "bash" => (
            ".bashrc",
            format!(
                "PS1='ready> '; eval \"$('{program}' shell init bash)\"; dayfly() {{ {told} \"$@\" > told; }}"
            ),
        ),
        "zsh" => (
            ".zshrc",
            format!(
                "autoload -Uz compinit; compinit -u; PROMPT='ready> '; eval \"$('{program}' shell init zsh)\"; \
                 function dayfly {{ {told} \"$@\" > told; }}"
            ),
        ),
        _ => (
            ".config/fish/config.fish",
            format!(
                "'{program}' shell init fish | source; function fish_prompt; echo 'ready> '; end; \
                 function dayfly; {told} $argv > told; end"
            ),
        ),
    };
    let start = home.path().join(start);
    std::fs::create_dir_all(start.parent().expect("a folder")).expect("it is made");
    std::fs::write(start, format!("{text}\n")).expect("it is written");
    let file = home.path().join("told");
    let _ = std::fs::remove_file(&file);
    let mut command = within(home, shell);
    command.arg("-i");
    let steps = [
        ("ready> ", &*format!("dayfly {keys}\r")),
        ("ready> ", "exit\r"),
    ];
    let shown = dialog(&command, &steps)?;
    Some(std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{shell}: {e}: {shown}")))
}

#[test]
fn each_shell_completes_names_as_single_words() {
    let home = home();
    for shell in all_shells() {
        for (keys, told) in [
            ("use dep\t", "<use>\n<deploy>\n"),
            ("use Acme\\ P\t", "<use>\n<Acme Prod/Admin>\n"),
            (
                "session sho\t--js\tdep\t",
                "<session>\n<show>\n<--json>\n<deploy>\n",
            ),
            // A name that would run something is a name.
            (
                "exec \\$\t",
                "<exec>\n<$(touch canary)`touch canary`'\"; touch canary #>\n",
            ),
        ] {
            let Some(got) = completed(&home, shell, keys) else {
                return;
            };
            assert_eq!(got, told, "{shell}: {keys:?}");
            assert!(!home.path().join("canary").exists(), "{shell}: {keys:?}");
        }
    }
}

fn words(home: &Home, args: &[&str]) -> String {
    home.run([&["complete-words"], args].concat()).ok().out
}

#[test]
fn sessions_profiles_integrations_and_policies_are_known() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "1", "sessionName": "dev", "type": "localstack", "profileName": "p-dev" },
        { "sessionId": "2", "sessionName": "esc\u{1b}[2J", "type": "localstack" },
        { "sessionId": "3", "sessionName": "Acme\u{2019}; rm x", "type": "localstack" }],
        "awsSsoIntegrations": [{ "id": "i", "alias": "corp", "portalUrl": "https://p.example", "region": "eu-west-1" }] }));
    home.save_config(
        "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [[include]]\nname = \"team\"\nsource = \"team.json\"\n",
    );
    for (args, has) in [
        (&["zsh", "use", ""][..], "dev\tp-dev\n"),
        (&["zsh", "session", "show", ""], "2\tesc"),
        (&["fish", "session", "remove", "d"], "dev\t"),
        (&["zsh", "session", "add", "x", "--parent", ""], "dev\t"),
        (&["zsh", "session", "add", "x", "--profile", ""], "p-dev\n"),
        (&["zsh", "integration", "sync", ""], "corp\n"),
        (
            &["zsh", "policy", "enable", ""],
            "keep\tbuiltin:keep-active\n",
        ),
        (&["zsh", "policy", "remove", ""], "keep\t"),
        (&["zsh", "layer", "remove", ""], "team\tteam.json\n"),
        (&["bash", "dayfly use ", ""], "dev\n"),
        (&["zsh", "use", "--"], "--clear\t"),
        (&["zsh", "env", "dev", "--shell", ""], "powershell\n"),
        (&["zsh", ""], "use\t"),
        (
            &["powershell", "use", "Ac"],
            "'Acme\u{2019}\u{2019}; rm x'\n",
        ),
    ] {
        let told = words(&home, args);
        assert!(told.contains(has), "{args:?}: {told}");
        assert!(!told.contains('\x1b'), "{args:?}: {told:?}");
    }
    // Nothing is said of what is wrong, and nothing is made.
    home.save(&home.workspace(), "{ nonsense");
    home.save_config("[[");
    assert_eq!(words(&home, &["zsh", "use", "d"]), "");
    assert!(!home.path().join("state").exists());
}

/// The processor time that the program needs, without what other tests take of the machine.
#[test]
fn ten_thousand_sessions_are_completed_at_once() {
    let Some(python) = portal::python() else {
        return;
    };
    let home = Home::new();
    let sessions: Vec<_> = (0..10_000)
        .map(|n| {
            json!({ "sessionId": format!("00000000-0000-4000-8000-{n:012}"), "type": "awsSsoRole",
                "sessionName": format!("Account {}/Role {}", n / 10, n % 10), "awsSsoConfigurationId": "i",
                "profileName": format!("account-{}.Role-{}", n / 10, n % 10), "region": "eu-west-1",
                "roleArn": format!("arn:aws:iam::{:012}/Role{}", n / 10, n % 10),
                "awsAccount": { "accountId": format!("{:012}", n / 10), "accountName": format!("Account {}", n / 10) } })
        })
        .collect();
    home.save_workspace(&json!({ "sessions": sessions, "awsSsoIntegrations":
        [{ "id": "i", "portalUrl": "https://p.example", "region": "eu-west-1" }] }));
    let script = "import resource, subprocess, sys\n\
        out = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE).stdout\n\
        used = resource.getrusage(resource.RUSAGE_CHILDREN)\n\
        print(out.count(b'\\n'), int(1000 * (used.ru_utime + used.ru_stime)))";
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let mut command = Command::new(&python);
        command.args(["-c", script]).arg(program());
        command.args(["complete-words", "zsh", "use", "Account 77"]);
        let output = command
            .env("DAYFLY_HOME", home.path())
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (lines, millis) = text.trim().split_once(' ').expect("two numbers");
        assert_eq!(lines, "110");
        let millis = millis.parse().expect("a number");
        least = least.min(Duration::from_millis(millis));
    }
    // An unoptimised build is four times as slow as what people run, for which 50 ms are the aim.
    let most = if cfg!(debug_assertions) { 200 } else { 50 };
    assert!(least < Duration::from_millis(most), "{least:?}");
}
