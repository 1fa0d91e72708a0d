//! The floors of the architecture and the house rules, held by machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each room and its floor, from `engine/ARCHITECTURE.md`.
const FLOORS: [(&str, u8); 9] = [
    ("core", 0),
    ("vault", 1),
    ("workspace", 2),
    ("policy", 2),
    ("providers", 2),
    ("chain", 2),
    ("runtime", 3),
    ("sim", 3),
    ("dayfly", 4),
];

/// Rooms that may know secrets: the corridor, and those who build it and hand it on.
const CORRIDOR: [&str; 4] = ["providers", "chain", "runtime", "dayfly"];

/// What the core may depend on.
const CORE_MAY: [&str; 2] = ["imbl", "serde"];

/// What the core may not say, outside its tests.
const CORE_NEVER: [&str; 18] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "std::io",
    "SystemTime",
    "Instant",
    "tokio",
    "println!",
    "eprintln!",
    "tracing::",
    "HashMap",
    "HashSet",
    ".unwrap()",
    ".expect(",
    "panic!",
    "Mutex",
];

/// The longest source file, in lines.
const LINES: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn floor(room: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("{room} is on no floor")).1
}

/// Why a room may not depend on these.
fn dependency_faults(room: &str, dependencies: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for dependency in dependencies {
        let other = match dependency.strip_prefix("dayfly-") {
            Some(other) => other,
            None => {
                if room == "core" && !CORE_MAY.contains(&dependency.as_str()) {
                    faults.push(format!("core depends on {dependency}"));
                }
                continue;
            }
        };
        if floor(other) >= floor(room) {
            faults.push(format!("{room} depends on {other}, which is not below it"));
        }
        if other == "vault" && !CORRIDOR.contains(&room) {
            faults.push(format!("{room} knows the vault but is not on its corridor"));
        }
    }
    faults
}

fn dependencies(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

/// The code of a file without its tests: what stands before the first `#[cfg(test)]`.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is wrong with a source file.
fn file_faults(room: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//!") {
        faults.push("does not begin by saying what it is for (//!)".to_owned());
    }
    if text.lines().count() > LINES {
        faults.push(format!("has more than {LINES} lines"));
    }
    let code = code(text);
    let never: &[&str] = match room {
        "core" => &CORE_NEVER,
        "dayfly" => &[],
        _ => &["println!", "eprintln!", "process::exit"],
    };
    for word in never {
        if code.contains(word) {
            faults.push(format!("says {word}"));
        }
    }
    faults
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder is read") {
        let path = entry.expect("a folder is read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn dependencies_point_down_only() {
    let mut faults = Vec::new();
    let mut rooms: BTreeSet<String> = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("engine")).unwrap() {
        let path = entry.unwrap().path();
        let manifest = path.join("Cargo.toml");
        if let Ok(text) = std::fs::read_to_string(&manifest) {
            let room = path.file_name().unwrap().to_string_lossy().into_owned();
            faults.extend(dependency_faults(&room, &dependencies(&text)));
            rooms.insert(room);
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(
        rooms,
        FLOORS.iter().map(|(name, _)| (*name).to_owned()).collect()
    );
}

#[test]
fn sources_keep_the_house_rules() {
    let mut faults = Vec::new();
    for (room, _) in FLOORS {
        for path in sources(&root().join("engine").join(room).join("src")) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with("_tests.rs") || name == "tests.rs" {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let found = file_faults(room, &text);
            faults.extend(
                found
                    .into_iter()
                    .map(|f| format!("{}: {f}", path.display())),
            );
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// Texts that name one machine or one person's folders.
const PLACES: [&str; 3] = ["/root/", "/home/runner", "artifactory"];

#[test]
fn no_file_names_one_machine() {
    let root = root();
    let output = std::process::Command::new("git")
        .current_dir(&root)
        .args(["ls-files", "-z"])
        .output();
    let Ok(output) = output else { return };
    let mut faults = BTreeMap::new();
    for name in output
        .stdout
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty())
    {
        let name = String::from_utf8_lossy(name).into_owned();
        // This file names them, and the lock file is Cargo's.
        if name.ends_with("tidy.rs") || name.ends_with("Cargo.lock") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root.join(&name)) else {
            continue;
        };
        for place in PLACES {
            if text.contains(place) {
                faults.insert(name.clone(), place);
            }
        }
    }
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn what_breaks_a_rule_is_found() {
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    assert_eq!(
        dependency_faults("chain", &set(&["dayfly-core", "dayfly-vault", "toml"])),
        Vec::<String>::new()
    );
    assert_eq!(
        dependency_faults("chain", &set(&["dayfly-policy"])).len(),
        1
    );
    assert_eq!(
        dependency_faults("policy", &set(&["dayfly-vault"])).len(),
        1
    );
    assert_eq!(
        dependency_faults("core", &set(&["tokio", "serde"])).len(),
        1
    );
    assert_eq!(
        dependency_faults("workspace", &set(&["dayfly-runtime"])).len(),
        1
    );
    assert_eq!(
        file_faults("core", "//! x\nfn f() { std::fs::read(\"\"); }").len(),
        1
    );
    assert_eq!(
        file_faults("core", "//! x\n// std::fs\n#[cfg(test)]\nuse std::fs;").len(),
        0
    );
    assert_eq!(file_faults("chain", "fn f() { println!(); }").len(), 2);
    assert_eq!(
        file_faults("dayfly", "//! x\nfn f() { println!(); }").len(),
        0
    );
    assert_eq!(
        file_faults("chain", &format!("//! x\n{}", "\n".repeat(LINES))).len(),
        1
    );
    assert_eq!(
        dependencies("[dependencies]\na = \"1\"\nb.workspace = true").len(),
        2
    );
}
