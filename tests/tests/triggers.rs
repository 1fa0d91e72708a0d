//! What wakes policies, from the real file system, clock and programs to the provider chain.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dayfly_tests::home::program;
use dayfly_tests::{Daemon, Home, until, within};
use serde_json::{Value, json};

/// Longer than any of this takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

fn home() -> Home {
    prepared(Home::new())
}

fn prepared(home: Home) -> Home {
    let session = |name: &str| {
        json!({ "sessionId": format!("id-{name}"), "sessionName": name, "type": "localstack",
                "profileName": name, "labels": { name: "" } })
    };
    home.save_workspace(&json!({ "sessions": [session("dev"), session("prod")] }));
    home
}

/// An entry of `on-event` that may do all it wants, with the files that it hears of.
fn entry(name: &str, config: &str) -> String {
    format!(
        "[[policy]]\nname = \"{name}\"\nmodule = \"builtin:on-event\"\nconfig = {{ {config} }}\n\
         grant = {{ actions = [\"start\", \"stop\", \"rotate\"], paths = [\"~/**\"] }}\n"
    )
}

const DEV: &str = "match = { names = [\"dev\"] }";

/// The journal's lines of one kind.
fn lines(home: &Home, kind: &str) -> Vec<Value> {
    let events = home.run(["events", "--json"]).ok();
    let lines = events
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines.filter(|line: &Value| line["event"] == kind).collect()
}

/// What the entry said that it heard.
fn heard(home: &Home, name: &str) -> Vec<String> {
    let said = lines(home, "said")
        .into_iter()
        .filter(|line| line["entry"] == name);
    said.map(|line| line["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn until_heard(home: &Home, name: &str, what: &str) {
    within(TIMEOUT, &format!("{name} hears of {what}"), || {
        let heard = heard(home, name);
        match heard.iter().any(|line| line.contains(what)) {
            true => Ok(()),
            false => Err(heard),
        }
    });
}

fn until_status(home: &Home, name: &str, status: &str) {
    within(TIMEOUT, &format!("{name} is {status}"), || {
        let is = home.status(name);
        match is == status {
            true => Ok(()),
            false => Err((is, lines(home, "said"), lines(home, "faulted"))),
        }
    });
}

fn until_in_force(home: &Home, names: &[&str]) {
    within(TIMEOUT, "the policies are in force", || {
        let report = home.report();
        let policies = report["policies"].as_array().cloned().unwrap_or_default();
        let found: Vec<&str> = policies.iter().filter_map(|p| p["name"].as_str()).collect();
        match found == names {
            true => Ok(()),
            false => Err(report),
        }
    });
}

#[test]
fn a_saved_file_starts_a_session_and_explain_says_so() {
    let home = home();
    let project = home.path().join("src/shop");
    fs::create_dir_all(&project).expect("a folder is made");
    home.save_config(&entry(
        "save",
        &format!("files = [\"~/src/*/.dayfly\"], then = \"start\", {DEV}"),
    ));
    let _daemon = Daemon::start(&home);
    until_in_force(&home, &["save"]);
    home.save(&project.join(".dayfly"), "sessions = ['dev']\n");
    until_status(&home, "dev", "active");
    assert_eq!(home.status("prod"), "inactive");
    assert!(home.credentials_text().contains("[dev]"));
    until_heard(&home, "save", "src/shop/.dayfly created, 19 bytes");
    let explained = home.run(["explain", "dev"]).ok().out;
    assert!(
        explained.contains("src/shop/.dayfly created"),
        "{explained}"
    );
    // A project that comes later, and one that goes.
    fs::create_dir_all(home.path().join("src/late")).expect("a folder is made");
    home.save(&home.path().join("src/late/.dayfly"), "x");
    until_heard(&home, "save", "src/late/.dayfly created");
    fs::remove_dir_all(home.path().join("src/late")).expect("it is removed");
    until_heard(&home, "save", "src/late/.dayfly removed");
}

#[test]
fn a_burst_of_ten_thousand_changes_costs_few_evaluations() {
    let home = home();
    let folder = home.path().join("src/burst");
    fs::create_dir_all(&folder).expect("a folder is made");
    home.save_config(&entry("all", "files = [\"~/src/burst/*\"]"));
    let _daemon = Daemon::start(&home);
    until_in_force(&home, &["all"]);
    // Of fewer files than a call may log lines, so that none is dropped where one call hears of all.
    for n in 0..10_000 {
        fs::write(folder.join(format!("f{}", n % 40)), n.to_string()).expect("a file is written");
    }
    fs::write(folder.join("last"), "x").expect("a file is written");
    until_heard(&home, "all", "src/burst/last created");
    home.run(["status"]).ok();
    // One call a look, and looks are 30 ms apart at least: far fewer than changes.
    let calls = lines(&home, "evaluated").len();
    assert!((1..1_000).contains(&calls), "{calls} evaluations");
    let told = heard(&home, "all").len();
    assert!(told < 10_000, "{told}");
}

fn git(folder: &Path, path: &str, home: &Home, args: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("PATH", path)
        .env("HOME", home.path())
        .env("DAYFLY_HOME", home.path())
        .output()
        .expect("git is there");
    assert!(output.status.success(), "git {args:?}: {output:?}");
}

fn path_with_dayfly() -> String {
    let folder = program().parent().expect("it is in a folder").to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}

#[test]
fn what_git_checks_out_is_heard_by_watching_and_by_the_hook() {
    let home = home();
    let repository = home.path().join("src/shop");
    fs::create_dir_all(&repository).expect("a folder is made");
    let path = path_with_dayfly();
    git(&repository, &path, &home, &["init", "-q"]);
    git(
        &repository,
        &path,
        &home,
        &["commit", "-q", "--allow-empty", "-m", "x"],
    );
    let hook = repository.join(".git/hooks/post-checkout");
    let example =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/triggers/hooks/post-checkout");
    fs::create_dir_all(hook.parent().expect("it has a folder")).expect("a folder is made");
    fs::copy(example, &hook).expect("the hook is copied");
    home.save_config(&format!(
        "{}{}",
        entry("hook", "events = [\"checkout\"]"),
        entry(
            "watch",
            &format!("branches = [\"~/src/*\"], then = \"start\", {DEV}")
        ),
    ));
    let _daemon = Daemon::start(&home);
    until_in_force(&home, &["hook", "watch"]);
    until_heard(&home, "watch", "present: main");
    git(
        &repository,
        &path,
        &home,
        &["switch", "-q", "-c", "feature/\"x\""],
    );
    until_heard(&home, "watch", "changed: feature/\"x\" instead of main");
    until_heard(&home, "hook", "\"branch\":\"feature/\\\"x\\\"\"");
    until_status(&home, "dev", "active");
}

#[test]
fn a_shell_tells_which_folder_it_enters() {
    let home = home();
    fs::create_dir_all(home.path().join("a \"b\" \\c")).expect("a folder is made");
    home.save_config(&entry("enter", "events = [\"directory\"]"));
    let _daemon = Daemon::start(&home);
    until_in_force(&home, &["enter"]);
    let hook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/triggers/hooks/dayfly.sh");
    let script = format!(
        ". '{}'; eval \"$PROMPT_COMMAND\"; cd 'a \"b\" \\c'; eval \"$PROMPT_COMMAND\"; wait; sleep 0",
        hook.display()
    );
    let status = Command::new("bash")
        .args(["--norc", "-c", &script])
        .current_dir(home.path())
        .env("PATH", path_with_dayfly())
        .env("HOME", home.path())
        .env("DAYFLY_HOME", home.path())
        .status()
        .expect("bash is there");
    assert!(status.success());
    until_heard(&home, "enter", "/a \\\"b\\\" \\\\c\"}");
}

#[test]
fn a_schedule_is_due_on_the_real_clock() {
    let home = home();
    home.save_config(&entry(
        "minute",
        &format!("schedules = [\"* * * * *\"], then = \"start\", {DEV}"),
    ));
    let _daemon = Daemon::start(&home);
    let patience = TIMEOUT + TIMEOUT;
    within(patience, "the schedule is due", || {
        let due = lines(&home, "scheduled");
        match due.is_empty() {
            true => Err(heard(&home, "minute")),
            false => Ok(()),
        }
    });
    until_status(&home, "dev", "active");
}

#[test]
fn an_engine_that_stops_stops_what_it_is_asked_to() {
    let home = home();
    home.save_config(&format!(
        "{}{}",
        entry("begin", "engine = [\"started\"], then = \"start\""),
        entry(
            "end",
            &format!("engine = [\"stopping\"], then = \"stop\", {DEV}")
        ),
    ));
    let daemon = Daemon::start(&home);
    until_status(&home, "dev", "active");
    until_status(&home, "prod", "active");
    assert_eq!(daemon.terminate(), 0);
    let text = home.credentials_text();
    assert!(text.contains("[prod]") && !text.contains("[dev]"), "{text}");
    assert_eq!(home.status("dev"), "inactive");
    // A single command starts and stops an engine that nobody hears of.
    home.run(["session", "start", "dev"]).ok();
    assert!(home.credentials_text().contains("[dev]"));
}

#[test]
fn an_edit_of_the_configuration_takes_effect_at_once_and_a_wrong_one_not_at_all() {
    let home = home();
    home.save_config(&entry("one", "events = [\"a\"]"));
    let daemon = Daemon::start(&home);
    until_in_force(&home, &["one"]);
    let two = format!(
        "{}{}",
        entry("one", "events = [\"a\"]"),
        entry("two", "events = [\"b\"]")
    );
    home.save_config(&two);
    until_in_force(&home, &["one", "two"]);
    until(TIMEOUT, "the log says what is new", || {
        daemon.output().contains("new or changed: two")
    });
    // No TOML; an entry that is wrong; then it is mended.
    home.save_config(&two.replace("config", "config ="));
    let problem = |about: &str| {
        let report = home.report();
        let problems = report["problems"].as_array().cloned().unwrap_or_default();
        let mut found = problems.into_iter().filter(|p| p["about"] == about);
        found
            .next()
            .map(|p| p["message"].as_str().unwrap_or_default().to_owned())
    };
    until(TIMEOUT, "the mistake is told", || {
        problem("config").is_some_and(|message| message.contains("dayfly.toml:4:"))
    });
    until_in_force(&home, &["one", "two"]);
    home.save_config(&two.replace("\"b\"", "\"b\"], schedules = [\"UTC 0 25 * * *\""));
    until(TIMEOUT, "the wrong entry is told", || {
        problem("config").is_none()
            && problem("policy two").is_some_and(|m| {
                m.contains("UTC 0 25 * * *") && m.contains("its last valid version stays in force")
            })
    });
    until_in_force(&home, &["one", "two"]);
    home.run(["emit", "b"]).ok();
    until_heard(&home, "two", "event b");
    home.save_config(&two.replace("\"b\"", "\"c\""));
    until(TIMEOUT, "it is mended", || problem("policy two").is_none());
    within(TIMEOUT, "the new configuration counts", || {
        home.run(["emit", "c"]).ok();
        match heard(&home, "two")
            .iter()
            .any(|line| line.contains("event c"))
        {
            true => Ok(()),
            false => Err(heard(&home, "two")),
        }
    });
}

#[test]
fn a_component_that_is_replaced_is_in_force_at_once_and_a_broken_one_not_at_all() {
    let home = home();
    let module = home.path().join("rule.wasm");
    let prebuilt = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/prebuilt");
        fs::read(folder.join(name)).expect("a component is read")
    };
    let replace = |bytes: &[u8]| {
        let part = home.path().join("rule.part");
        fs::write(&part, bytes).expect("a file is written");
        fs::rename(part, &module).expect("a file is renamed");
    };
    replace(&prebuilt("keep-active.wasm"));
    home.save_config(
        "[[policy]]\nname = \"own\"\nmodule = \"rule.wasm\"\nconfig = { match = { names = [\"dev\"] } }\n\
         grant = { actions = [\"start\", \"rotate\"] }\n",
    );
    let daemon = Daemon::start(&home);
    until_status(&home, "dev", "active");
    let policy = || {
        let report = home.report();
        (
            report["policies"][0]["summary"].clone(),
            report["problems"].clone(),
        )
    };
    replace(b"no component");
    until(TIMEOUT, "the broken component is told", || {
        policy()
            .1
            .to_string()
            .contains("its last valid version stays in force")
    });
    assert_eq!(policy().0, "starts sessions that are not active");
    replace(&prebuilt("rotate-before-expiry.wasm"));
    until(TIMEOUT, "the other component is in force", || {
        let (summary, problems) = policy();
        summary == "rotates credentials well before they end" && problems == json!([])
    });
    assert!(
        daemon.output().contains("policy own: resolved"),
        "{}",
        daemon.output()
    );
}

/// How often the threads of a process have given up the processor to wait for something.
fn waits(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let counts = tasks.filter_map(|task| {
        let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let line = status
            .lines()
            .find(|l| l.starts_with("voluntary_ctxt_switches"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    counts.sum()
}

#[test]
fn an_idle_engine_wakes_for_nothing() {
    // A folder of its own: what others do beside the home is noticed too.
    let quiet = tempfile::tempdir().expect("a folder");
    let home = prepared(Home::new_in(quiet.path()));
    for n in 0..50 {
        let folder = home.path().join(format!("src/p{n}"));
        fs::create_dir_all(&folder).expect("a folder is made");
        fs::write(folder.join(".dayfly"), "x").expect("a file is written");
    }
    home.save_config(&format!(
        "{}{}",
        entry(
            "watch",
            "files = [\"~/src/*/.dayfly\"], branches = [\"~/src/*\"]"
        ),
        entry(
            "clock",
            "schedules = [\"UTC 0 0 1 1 *\"], engine = [\"resumed\"]"
        ),
    ));
    let daemon = Daemon::start(&home);
    until_heard(&home, "watch", "p49/.dayfly present");
    // What was begun comes to its end; then nothing happens for a while.
    within(
        TIMEOUT,
        "nothing wakes the engine for three seconds",
        || {
            let before = waits(daemon.pid());
            // Sleeps since how often it wakes in three seconds is what is measured.
            std::thread::sleep(Duration::from_secs(3));
            let woken = waits(daemon.pid()) - before;
            match woken {
                0..=2 => Ok(()),
                _ => Err(woken),
            }
        },
    );
}
