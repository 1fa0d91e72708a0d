//! From nothing to a running rule of one's own, by the commands alone, in each language.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use dayfly_tests::Home;
use dayfly_tests::authoring::{repository, run_in, tool, variable};
use dayfly_tests::home::Ended;
use serde_json::json;

/// A home with one session that carries the label and one that does not, and room for projects.
fn home() -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "tools", "sessionName": "tools", "type": "localstack",
          "profileName": "tools", "labels": { "auto": "" } },
        { "sessionId": "deploy", "sessionName": "deploy", "type": "localstack",
          "profileName": "deploy" },
    ]}));
    home
}

/// What the tools of a language need of the environment.
type Tools = Vec<(&'static str, OsString)>;

fn path_with(folders: &[PathBuf]) -> OsString {
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&usual));
    std::env::join_paths(all).expect("a path")
}

/// Begins a project, builds and tests it, adds it to a home, and has it run there.
fn from_nothing(lang: &str, tools: &Tools, check: bool) {
    let home = home();
    let run = |folder: &Path, args: &[&str]| run_in(&home, folder, args, tools);
    let name = format!("my-{lang}-rule");
    run(home.path(), &["policy", "new", &name, "--lang", lang]).ok();
    let project = home.path().join(&name);
    let readme = std::fs::read_to_string(project.join("README.md")).unwrap();
    assert!(readme.lines().count() < 20);
    let built = run(&project, &["policy", "build"]).ok();
    assert!(built.out.contains("dayfly:policy/types@"), "{}", built.out);
    assert!(!built.out.contains("wasi"), "{}", built.out);
    assert!(built.out.contains("asks for  start"), "{}", built.out);
    let tested = run(&project, &["policy", "test"]).ok();
    assert!(tested.out.starts_with("ok "), "{}", tested.out);
    if check {
        let checked = run(&project, &["policy", "check", "--json"]).ok().json();
        assert_eq!(checked["deterministic"], true, "{checked}");
        // Every third session of the sample has the label, every second is inactive.
        assert_eq!(checked["cost"]["effects"], 167, "{checked}");
        assert_eq!(checked["problems"], json!([]));
        let text = run(&project, &["policy", "check"]).ok().out;
        assert!(text.contains("same twice   yes"), "{text}");
    }
    // Nothing that was added before it was agreed to.
    let refused = run(&project, &["policy", "add", "."]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    let added = run(&project, &["policy", "add", ".", "--yes"]).ok();
    assert!(added.out.contains("start tools"), "{}", added.out);
    assert!(!added.out.contains("start deploy"), "{}", added.out);
    run(home.path(), &["run", "--once"]).ok();
    assert_eq!(home.status("tools"), "active");
    assert_eq!(home.status("deploy"), "inactive");
}

fn rust_tools() -> Option<Tools> {
    let target = variable("DAYFLY_TEST_RUST_GUESTS")?;
    let own = std::env::home_dir().expect("a home");
    let or = |name: &'static str, folder: &str| {
        let value = std::env::var_os(name).unwrap_or_else(|| own.join(folder).into());
        (name, value)
    };
    Some(vec![
        ("CARGO_TARGET_DIR", target),
        or("CARGO_HOME", ".cargo"),
        or("RUSTUP_HOME", ".rustup"),
    ])
}

#[test]
fn a_rule_in_rust() {
    let Some(tools) = rust_tools() else { return };
    from_nothing("rust", &tools, true);
}

#[test]
fn a_rule_in_c() {
    if tool("clang-19").is_none() || tool("wasm-ld-19").is_none() {
        return;
    }
    from_nothing("c", &Vec::new(), true);
}

#[test]
fn a_rule_in_javascript() {
    let Some(folders) = variable("DAYFLY_TEST_JS_GUEST") else {
        return;
    };
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    from_nothing("js", &vec![("PATH", path_with(&folders))], true);
}

/// What its runtime has of WASI is granted: the clock and the random numbers of a runtime that nobody here made are those of the call.
#[test]
fn a_rule_that_needs_wasi() {
    let Some(folders) = variable("DAYFLY_TEST_JS_GUEST") else {
        return;
    };
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    let tools = vec![("PATH", path_with(&folders))];
    let home = home();
    let run = |folder: &Path, args: &[&str]| run_in(&home, folder, args, &tools);
    run(home.path(), &["policy", "new", "wasi-rule", "--lang", "js"]).ok();
    let project = home.path().join("wasi-rule");
    let source = std::fs::read_to_string(project.join("policy.js")).unwrap();
    let said = "`is labelled ${label}`";
    assert!(source.contains(said));
    let source = source.replace(said, "`${Date.now()} ${Math.random()}`");
    std::fs::write(project.join("policy.js"), source).unwrap();
    let built = std::process::Command::new("componentize-qjs")
        .args([
            "--sync",
            "-w",
            "wit",
            "-n",
            "pure-policy",
            "-j",
            "policy.js",
            "-o",
            "rule.wasm",
        ])
        .env("PATH", path_with(&folders))
        .current_dir(&project)
        .output()
        .expect("componentize-qjs runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    home.save_config("[recording]\nenabled = true\n");

    let refused = run(&project, &["policy", "add", "rule.wasm", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    for part in ["wasi:clocks/wall-clock@0.2", "wasi = true"] {
        assert!(refused.err.contains(part), "{}", refused.err);
    }
    let added = run(&project, &["policy", "add", "rule.wasm", "--wasi", "--yes"]).ok();
    assert!(added.out.contains("WASI"), "{}", added.out);
    let config = std::fs::read_to_string(home.path().join("dayfly.toml")).unwrap();
    assert!(config.contains("wasi = true"), "{config}");
    run(home.path(), &["run", "--once"]).ok();
    assert_eq!(home.status("tools"), "active");

    // The clock is that of the call, to the millisecond, and it all comes out the same again.
    let replayed = run(home.path(), &["replay", "--json"]).ok().json();
    assert_eq!(
        replayed["tally"]["same"], replayed["tally"]["evaluations"],
        "{replayed}"
    );
    let events = run(home.path(), &["events", "--json", "--policy", "wasi-rule"])
        .ok()
        .out;
    let lines = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<serde_json::Value> = lines.collect();
    let proposed = lines
        .iter()
        .find(|line| line["event"] == "proposed")
        .unwrap();
    let why = proposed["why"]["message"].as_str().unwrap();
    let (moment, random) = why.split_once(' ').unwrap();
    let number = |text: &str| text.parse::<f64>().unwrap();
    let at = proposed["at"].as_f64().unwrap();
    assert!((at - number(moment)).abs() < 60_000.0, "{proposed}");
    assert!((0.0..1.0).contains(&number(random)), "{proposed}");
}

#[test]
fn a_rule_in_python() {
    let Some(folder) = variable("DAYFLY_TEST_COMPONENTIZE_PY") else {
        return;
    };
    // An interpreter takes its time to compile; what it costs is measured by the benchmark.
    from_nothing(
        "python",
        &vec![("PATH", path_with(&[folder.into()]))],
        false,
    );
}

/// A policy without a template and without the guest crate: the contract and wit-bindgen.
#[test]
fn a_rule_from_the_contract_alone() {
    let Some(tools) = rust_tools() else { return };
    let home = home();
    let project = home.path().join("bare");
    let source = project.join("src");
    std::fs::create_dir_all(&source).unwrap();
    let write = |name: &str, text: &str| std::fs::write(project.join(name), text).unwrap();
    write("policy.toml", "name = \"bare\"\nlang = \"rust\"\n");
    write(
        "Cargo.toml",
        "[package]\nname = \"bare\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\nwit-bindgen = { version = \"=0.61.1\", default-features = false, features = [\"macros\", \"realloc\", \"bitflags\"] }\n\
         [profile.release]\nopt-level = \"s\"\nlto = true\ncodegen-units = 1\npanic = \"abort\"\nstrip = true\n\
         [workspace]\n",
    );
    let wit = std::fs::canonicalize(repository().join("wit")).unwrap();
    write(
        "src/lib.rs",
        &include_str!("authoring/bare.rs").replace("WIT", &wit.display().to_string()),
    );
    let run = |folder: &Path, args: &[&str]| -> Ended { run_in(&home, folder, args, &tools) };
    run(&project, &["policy", "build"]).ok();
    let added = run(&project, &["policy", "add", ".", "--yes"]).ok();
    assert!(added.out.contains("start deploy"), "{}", added.out);
    run(home.path(), &["run", "--once"]).ok();
    assert_eq!(home.status("deploy"), "active");
}

#[test]
fn what_is_missing_is_said() {
    let home = home();
    // No tools of any language.
    let empty = home.path().join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let tools = vec![("PATH", OsString::from(&empty))];
    for (lang, needs) in [
        ("c", "apt-get install clang-19 lld-19"),
        ("js", "npm install"),
        ("python", "pip install -r requirements.txt"),
    ] {
        let name = format!("rule-{lang}");
        run_in(
            &home,
            home.path(),
            &["policy", "new", &name, "--lang", lang],
            &tools,
        )
        .ok();
        let project = home.path().join(&name);
        let built = run_in(&home, &project, &["policy", "build"], &tools);
        assert_eq!(built.code, 3, "{}", built.err);
        assert!(built.err.contains(needs), "{}", built.err);
        let tested = run_in(&home, &project, &["policy", "test"], &tools);
        assert_eq!(tested.code, 1, "{}", tested.err);
        let checked = run_in(&home, &project, &["policy", "check"], &tools);
        assert!(
            checked.err.contains("dayfly policy build"),
            "{}",
            checked.err
        );
    }
    for (args, code) in [
        (&["policy", "new", "Not-A-Name"][..], 2),
        (&["policy", "new", "rule-c"], 1),
        (&["policy", "build", "nowhere"], 3),
        (&["policy", "check", "nowhere.wasm"], 1),
    ] {
        let ended = run_in(&home, home.path(), args, &tools);
        assert_eq!(ended.code, code, "{args:?} {}", ended.err);
    }
}

#[test]
fn a_component_that_is_no_policy_is_refused_with_the_reason() {
    let home = home();
    let file = home.path().join("none.wasm");
    // A component with nothing in it.
    std::fs::write(&file, b"\0asm\x0d\0\x01\0").unwrap();
    let checked = home.run(["policy", "check", file.to_str().unwrap()]);
    assert_eq!(checked.code, 1);
    assert!(checked.err.contains("none.wasm"), "{}", checked.err);
    let added = home.run(["policy", "add", file.to_str().unwrap(), "--yes"]);
    assert_eq!(added.code, 1, "{}", added.err);
    assert!(!home.path().join("dayfly.toml").exists());
}
