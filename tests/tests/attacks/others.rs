//! What somebody else could have written decides nothing: components, projects, scenarios, the Workspace.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use dayfly_tests::Home;
use dayfly_tests::authoring::prebuilt;
use dayfly_tests::home::Ended;
use serde_json::json;

fn home() -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "dev", "sessionName": "dev", "type": "localstack", "profileName": "dev" },
    ]}));
    home
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Runs something with each of these paths open to everybody, and with none.
fn refused_until_closed(paths: &[&Path], run: impl Fn() -> Ended) -> Ended {
    for path in paths {
        let right = fs::metadata(path).unwrap().permissions();
        mode(path, 0o777);
        let ended = run();
        let said = format!("{}{}", ended.out, ended.err);
        assert_ne!(ended.code, 0, "{}: {said}", path.display());
        let what = fs::canonicalize(path).unwrap();
        assert!(
            said.contains(&format!("chmod go-w {}", what.display())),
            "{said}"
        );
        fs::set_permissions(path, right).unwrap();
    }
    run()
}

#[test]
fn a_component_that_others_could_have_written_runs_only_as_it_was_looked_at() {
    let home = home();
    let folder = home.path().join("rules");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("rule.wasm");
    fs::copy(prebuilt("keep-active"), &file).unwrap();
    mode(&file, 0o644);
    let entry = "[[policy]]\nname = \"rule\"\nmodule = \"rules/rule.wasm\"\ntier = \"guard-rail\"\n\
                 config = { match = { names = [\"other\"] } }\n\
                 grant = { actions = [\"start\"] }\n";
    home.save_config(entry);
    let start = || home.run(["session", "start", "dev"]);
    let opened = refused_until_closed(&[&file, &folder], start);
    opened.ok();
    home.run(["session", "stop", "dev"]).ok();
    // One that somebody looked at is known by its content.
    home.save_config("");
    let named = file.to_str().unwrap();
    home.run(["policy", "add", named, "--name", "rule", "--yes"])
        .ok();
    mode(&file, 0o666);
    home.run(["policy", "list"]).ok();
    fs::write(&file, b"\0asm\x01\0\0\0").unwrap();
    let other = home.run(["policy", "list"]);
    assert!(
        other.out.contains("not the module that was reviewed"),
        "{}",
        other.out
    );
}

#[test]
fn a_project_that_others_could_have_written_is_not_built() {
    let home = home();
    let project = home.path().join("mine");
    home.run([
        "policy",
        "new",
        "mine",
        "--folder",
        project.to_str().unwrap(),
    ])
    .ok();
    let ran = home.path().join("ran");
    // Whatever it would run: it is found before the tools of the machine.
    let bin = home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for tool in ["cargo", "rustc"] {
        let tool = bin.join(tool);
        home.save(
            &tool,
            &format!("#!/bin/sh\necho >{}\nexit 1\n", ran.display()),
        );
        mode(&tool, 0o755);
    }
    let build = || {
        let mut command = home.command(["policy", "build", project.to_str().unwrap()]);
        Ended::of(command.env("PATH", &bin).output().unwrap())
    };
    let source = fs::read_dir(project.join("src"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let paths = [
        &source,
        &project.join("src"),
        &project.join("policy.toml"),
        &project,
    ];
    for path in paths {
        let right = fs::metadata(path).unwrap().permissions();
        mode(path, 0o777);
        let ended = build();
        assert_ne!(ended.code, 0);
        assert!(ended.err.contains("chmod go-w"), "{}", ended.err);
        assert!(!ran.exists(), "{}: its tools were run", path.display());
        fs::set_permissions(path, right).unwrap();
    }
    build();
    assert!(ran.exists(), "what nobody else can write is built");
}

#[test]
fn a_scenario_that_others_could_have_written_is_not_played() {
    let home = home();
    let file = home.path().join("outage.toml");
    home.save(&file, "sessions = 1\n");
    mode(&file, 0o644);
    let play = || home.run(["policy", "simulate", file.to_str().unwrap(), "--for", "1h"]);
    refused_until_closed(&[&file], play).ok();
}

#[test]
fn a_workspace_that_others_could_have_written_is_not_used() {
    let home = home();
    let folder = home.path().join("elsewhere");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("workspace.json");
    fs::rename(home.workspace(), &file).unwrap();
    std::os::unix::fs::symlink(&file, home.workspace()).unwrap();
    let list = || home.run(["workspace", "validate"]);
    refused_until_closed(&[&file, &folder], list).ok();
}
