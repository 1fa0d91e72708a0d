//! Every example does what its scenarios expect.

use std::path::{Path, PathBuf};

use dayfly_tests::Home;

/// Folders of examples: those with a configuration and a Workspace.
fn examples(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("dayfly.toml").exists() && folder.join("workspace.json").exists() {
        found.push(folder.to_owned());
    }
    let entries = std::fs::read_dir(folder).expect("the examples are there");
    for entry in entries {
        let path = entry.expect("an entry is read").path();
        if path.is_dir() {
            examples(&path, found);
        }
    }
}

/// The scenarios of an example: its other TOML files.
fn scenarios(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the example is there");
    let mut all: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry is read").path())
        .filter(|path| {
            path.extension().is_some_and(|e| e == "toml") && !path.ends_with("dayfly.toml")
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_example_does_what_its_scenarios_expect() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut found = Vec::new();
    examples(&root, &mut found);
    assert!(found.len() >= 11, "{found:?}");
    let mut broken = Vec::new();
    for folder in found {
        let home = Home::new();
        for file in ["dayfly.toml", "workspace.json"] {
            std::fs::copy(folder.join(file), home.path().join(file)).expect("a file is copied");
        }
        let scenarios = scenarios(&folder);
        if scenarios.is_empty() {
            broken.push(format!("{}: has no scenario", folder.display()));
            continue;
        }
        let mut args = vec!["policy".to_owned(), "test".to_owned()];
        args.extend(scenarios.iter().map(|path| path.display().to_string()));
        let ended = home.run(args.iter().map(String::as_str).collect::<Vec<_>>());
        if ended.code != 0 {
            broken.push(format!("{}\n{}{}", folder.display(), ended.out, ended.err));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
