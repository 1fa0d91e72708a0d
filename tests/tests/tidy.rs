//! The floors of the architecture and the house rules, held by machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each room and its floor, from `engine/ARCHITECTURE.md`.
const FLOORS: [(&str, u8); 32] = [
    ("core", 0),
    ("fs", 0),
    ("x509", 0),
    ("pkcs11", 0),
    ("awsfiles", 0),
    (WITH_GUESTS, 0),
    ("vault", 1),
    ("net", 1),
    ("supervisor", 1),
    ("service", 2),
    ("dialog", 1),
    ("workspace", 2),
    ("policy", 2),
    ("store", 2),
    ("registry", 2),
    ("providers", 2),
    ("chain", 2),
    ("runtime", 3),
    ("sim", 3),
    ("sts", 3),
    ("import", 3),
    ("views", 4),
    ("scenario", 4),
    ("authoring", 4),
    ("control", 4),
    ("signin", 4),
    ("endpoints", 5),
    ("host", 5),
    ("sharing", 6),
    ("integrations", 6),
    ("doctor", 6),
    ("dayfly", 7),
];

/// The room that the guests are built with too: it belongs to their workspace, so that its path is no
/// part of their bytes.
const WITH_GUESTS: &str = "cel";

/// Where a room is.
fn folder(room: &str) -> String {
    let above = if room == WITH_GUESTS {
        "policies"
    } else {
        "engine"
    };
    format!("{above}/{room}")
}

/// Rooms that may know secrets: the corridor, and those who build it and hand it on.
///
/// `sts` makes the credentials that the demo and tests obtain; `control` and `endpoints` hand credentials to
/// programs; `signin` takes assertions and codes from the browser; `host` opens the vault for a command,
/// `sharing` keeps signing keys there, `integrations` what signs in, and `doctor` looks whether it opens.
const CORRIDOR: [&str; 14] = [
    "import",
    "providers",
    "chain",
    "registry",
    "runtime",
    "sts",
    "control",
    "signin",
    "endpoints",
    "host",
    "sharing",
    "integrations",
    "doctor",
    "dayfly",
];

/// The folders and files of the core, and their floors: what is above may import what is below.
const CORE_FLOORS: [(&str, u8); 15] = [
    ("model", 0),
    ("delivery", 0),
    ("arbitration", 1),
    ("events", 2),
    ("state", 3),
    ("context", 4),
    ("audit", 4),
    ("sessions", 5),
    ("policies", 5),
    ("lifecycle", 5),
    ("scheduling", 5),
    ("deliveries", 5),
    ("decisions", 6),
    ("step", 6),
    ("lib", 7),
];

/// What the core may depend on.
const CORE_MAY: [&str; 2] = ["imbl", "serde"];

/// What the core may not say, outside its tests.
const CORE_NEVER: [&str; 26] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "std::io",
    "SystemTime",
    "Instant",
    "tokio",
    "async fn",
    "println!",
    "print!(",
    "dbg!(",
    "tracing::",
    "rand::",
    "getrandom",
    "HashMap",
    "HashSet",
    ".unwrap()",
    ".expect(",
    "panic!",
    "unreachable!",
    "todo!(",
    "unimplemented!(",
    "Mutex",
    "static mut",
];

/// What no other room but `dayfly` may say, outside its tests.
const OTHERS_NEVER: [&str; 5] = [
    "println!",
    "print!(",
    "dbg!(",
    "process::exit",
    "process::abort",
];

/// The one file of `dayfly` that prints, and makes text safe for a terminal on its way out.
const PRINTS: &str = "terminal.rs";

/// What no other file of it may say, outside its tests.
const PRINTS_NEVER: [&str; 5] = ["println!", "print!(", "dbg!(", "io::stdout", "io::stderr"];

/// The longest source file, in lines.
const LINES: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn floor(room: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("{room} is on no floor")).1
}

/// What a room depends on, by the names of the packages.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dependencies {
    /// What it is built with.
    built: BTreeSet<String>,
    /// What its tests and benchmarks are built with beside.
    tested: BTreeSet<String>,
}

/// Why a room may not depend on these.
fn dependency_faults(room: &str, dependencies: &Dependencies) -> Vec<String> {
    let mut faults = Vec::new();
    for dependency in &dependencies.built {
        if room == "core" && !CORE_MAY.contains(&dependency.as_str()) {
            faults.push(format!("core depends on {dependency}"));
        }
        if dependency == "dayfly-vault" && !CORRIDOR.contains(&room) {
            faults.push(format!("{room} knows the vault but is not on its corridor"));
        }
    }
    // Tests keep the floors as well: what they need from above is tested above.
    for dependency in dependencies.built.union(&dependencies.tested) {
        let Some(other) = dependency.strip_prefix("dayfly-") else {
            continue;
        };
        if floor(other) >= floor(room) {
            faults.push(format!("{room} depends on {other}, which is not below it"));
        }
    }
    faults
}

/// What a manifest names, under whatever name and for whatever target.
fn dependencies(manifest: &str, workspace: &str) -> Dependencies {
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let workspace: toml::Table = workspace.parse().expect("a manifest is TOML");
    let shared = workspace
        .get("workspace")
        .and_then(|w| w.get("dependencies"));
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets
        .into_iter()
        .flatten()
        .filter_map(|(_, target)| target.as_table());
    let mut found = Dependencies::default();
    for table in targets.chain([&manifest]) {
        for (kind, tested) in [
            ("dependencies", false),
            ("build-dependencies", false),
            ("dev-dependencies", true),
        ] {
            let named = table.get(kind).and_then(toml::Value::as_table);
            for (name, value) in named.into_iter().flatten() {
                let inherited = value.get("workspace").is_some();
                let value = match shared.and_then(|shared| shared.get(name)) {
                    Some(shared) if inherited => shared,
                    _ => value,
                };
                let package = package(name, value);
                if tested {
                    found.tested.insert(package);
                } else {
                    found.built.insert(package);
                }
            }
        }
    }
    found
}

/// The package that a dependency means: a room by its folder, another by its name.
fn package(name: &str, value: &toml::Value) -> String {
    let text = |key| value.get(key).and_then(toml::Value::as_str);
    let folder = text("path").and_then(|path| Path::new(path).file_name());
    let room = folder.and_then(|folder| folder.to_str());
    match room.filter(|room| FLOORS.iter().any(|(name, _)| name == room)) {
        Some(room) => format!("dayfly-{room}"),
        None => text("package").unwrap_or(name).to_owned(),
    }
}

/// The code of a file without comments and without what is there for its tests only.
fn code(text: &str) -> String {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        if start.starts_with("#[cfg(test)]") {
            let end = format!("{}}}", &line[..line.len() - start.len()]);
            let item = lines
                .by_ref()
                .find(|line| !line.trim_start().starts_with("#["));
            if item.is_some_and(|item| item.ends_with('{')) {
                // Formatted code closes a block where it began.
                lines.by_ref().find(|line| *line == end);
            }
        } else if !start.starts_with("//") {
            code.push(line);
        }
    }
    code.join("\n")
}

/// Whether a file holds tests alone.
fn is_of_tests(name: &str) -> bool {
    name.ends_with("_tests.rs") || name == "tests.rs"
}

/// What is wrong with a source file.
fn file_faults(room: &str, name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.lines().count() > LINES {
        faults.push(format!("has more than {LINES} lines"));
    }
    if is_of_tests(name) {
        return faults;
    }
    if !text.starts_with("//!") {
        faults.push("does not begin by saying what it is for (//!)".to_owned());
    }
    let code = code(text);
    faults.extend(default_faults(&code));
    let never: &[&str] = match room {
        "core" => &CORE_NEVER,
        "dayfly" if name == PRINTS => &[],
        "dayfly" => &PRINTS_NEVER,
        _ => &OTHERS_NEVER,
    };
    for word in never {
        if code.contains(word) {
            faults.push(format!("says {word}"));
        }
    }
    faults
}

/// Calls that read the configuration, of which no failure may become the defaults.
const CONFIGURATION: [&str; 5] = [
    "Config::load(",
    "Config::load_present(",
    "Config::at_start(",
    "settings::in_force(",
    "settings::load(",
];

/// Where a failure to read the configuration is made into something else.
fn default_faults(code: &str) -> Vec<String> {
    let code: String = code.split_whitespace().collect();
    let mut faults = Vec::new();
    for call in CONFIGURATION {
        for (at, _) in code.match_indices(call) {
            let mut open = 1;
            let rest = &code[at + call.len()..];
            let end = rest.find(|c| {
                open += i32::from(c == '(') - i32::from(c == ')');
                open == 0
            });
            let after = end.map_or("", |end| &rest[end + 1..]);
            if [".unwrap_or", ".ok()"]
                .iter()
                .any(|way| after.starts_with(way))
            {
                faults.push(format!("goes on where {call}…) failed"));
            }
        }
    }
    faults
}

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/hints.rs"]
mod hints;
#[path = "tidy/reads.rs"]
mod reads;
#[path = "tidy/size.rs"]
mod size;
#[path = "tidy/sleeps.rs"]
mod sleeps;

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

/// Each source file of a crate or a guest, behind the folder `src` that it lies in.
fn crate_sources() -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for above in ["engine", "policies"] {
        for entry in std::fs::read_dir(root().join(above)).expect("a folder is read") {
            let src = entry.expect("a folder is read").path().join("src");
            if src.is_dir() {
                found.extend(sources(&src).into_iter().map(|path| (src.clone(), path)));
            }
        }
    }
    found
}

#[test]
fn dependencies_point_down_only() {
    let mut faults = Vec::new();
    let mut rooms: BTreeSet<String> = BTreeSet::new();
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let engine = std::fs::read_dir(root().join("engine")).unwrap();
    let folders = engine.map(|entry| entry.unwrap().path());
    for path in folders.chain([root().join(folder(WITH_GUESTS))]) {
        let manifest = path.join("Cargo.toml");
        if let Ok(text) = std::fs::read_to_string(&manifest) {
            let room = path.file_name().unwrap().to_string_lossy().into_owned();
            faults.extend(dependency_faults(&room, &dependencies(&text, &workspace)));
            rooms.insert(room);
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(
        rooms,
        FLOORS.iter().map(|(name, _)| (*name).to_owned()).collect()
    );
}

/// The floor of a module of the core.
fn core_floor(module: &str) -> u8 {
    let found = CORE_FLOORS.iter().find(|(name, _)| *name == module);
    found
        .unwrap_or_else(|| panic!("{module} of the core is on no floor"))
        .1
}

/// What is wrong with the imports of a file in this module of the core.
fn core_import_faults(module: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let imported: BTreeSet<&str> = code
        .split("crate::")
        .skip(1)
        .filter_map(|rest| {
            rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
        })
        .filter(|other| *other != module)
        .collect();
    let above = imported
        .into_iter()
        .filter(|other| core_floor(other) >= core_floor(module));
    above
        .map(|other| format!("{module} imports {other}"))
        .collect()
}

#[test]
fn the_core_imports_downwards_only() {
    let src = root().join(folder("core")).join("src");
    let mut faults = Vec::new();
    for path in sources(&src) {
        let within = path.strip_prefix(&src).unwrap();
        let first = within.components().next().unwrap();
        let module = Path::new(first.as_os_str()).file_stem().unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        // Tests build states by steps.
        let of_tests = within.components().any(|c| c.as_os_str() == "tests");
        if !of_tests && !is_of_tests(&name) {
            let text = std::fs::read_to_string(&path).unwrap();
            let module = module.to_string_lossy();
            faults.extend(core_import_faults(&module, &text));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn an_import_that_points_up_is_found() {
    let faults = |module, text: &str| core_import_faults(module, &format!("//! x\n{text}"));
    assert!(
        faults(
            "lifecycle",
            "use crate::state::State;\nuse crate::context::X;"
        )
        .is_empty()
    );
    assert!(faults("lifecycle", "use crate::lifecycle::stop;").is_empty());
    assert_eq!(
        faults("state", "use crate::context::StepContext;"),
        ["state imports context"]
    );
    assert_eq!(
        faults("policies", "fn f() { crate::sessions::g() }"),
        ["policies imports sessions"]
    );
    assert!(faults("model", "// see crate::step").is_empty());
}

#[test]
fn every_room_is_in_the_workspace() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = text.parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members: BTreeSet<_> = members.iter().filter_map(toml::Value::as_str).collect();
    for (room, _) in FLOORS {
        let is_member = members.contains(folder(room).as_str());
        assert_eq!(is_member, room != WITH_GUESTS, "{room}");
    }
    let shared = workspace["workspace"]["dependencies"].as_table().unwrap();
    for (name, value) in shared
        .iter()
        .filter(|(name, _)| name.starts_with("dayfly-"))
    {
        assert_eq!(package(name, value), *name, "a room is called by its name");
    }
}

#[test]
fn sources_keep_the_house_rules() {
    let mut faults = Vec::new();
    for (room, _) in FLOORS {
        for path in sources(&root().join(folder(room)).join("src")) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let found = file_faults(room, &name, &text);
            faults.extend(
                found
                    .into_iter()
                    .map(|f| format!("{}: {f}", path.display())),
            );
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// Commands are on top of everything else in `dayfly`: what two of them need lies below them.
#[test]
fn only_commands_and_the_entry_point_import_commands() {
    let src = root().join(folder("dayfly")).join("src");
    let commands = src.join("commands");
    let mut checked = 0;
    for path in sources(&src) {
        if path.starts_with(&commands) || path == src.join("main.rs") {
            continue;
        }
        checked += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let imports = code(&text).contains("crate::commands");
        assert!(!imports, "{} imports a command", path.display());
    }
    assert!(checked > 8, "{checked}");
}

/// Words that say of an address on this machine that packages come from there.
const PACKAGES: [&str; 7] = [
    "registry", "index", "crates", "npm", "pypi", "simple", "mirror",
];

/// Why a text belongs to one machine or one person.
fn place_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    // Not spelled out, so that this file passes as well.
    for folder in ["work", "root", "Users"].map(|name| format!("/{name}/")) {
        let at = text.match_indices(&folder).map(|(at, _)| &text[..at]);
        // A folder of that name deep in a path is nobody's.
        let whole = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '.');
        if at.into_iter().any(whole) {
            faults.push(format!("names the folder {folder}"));
        }
    }
    let homes = text.split("/home/").skip(1);
    let names = homes.filter_map(|rest| rest.split_once('/').map(|(name, _)| name));
    let plain = |name: &&str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    faults.extend(
        names
            .filter(plain)
            .map(|name| format!("names the home of {name}")),
    );
    for line in text.lines() {
        let local = ["localhost:", "127.0.0.1:"]
            .iter()
            .any(|host| line.contains(host));
        if local && PACKAGES.iter().any(|word| line.contains(word)) {
            faults.push(format!("takes packages from this machine: {}", line.trim()));
        }
        let source = line.strip_prefix("source = \"registry+");
        if source
            .is_some_and(|from| !from.starts_with("https://github.com/rust-lang/crates.io-index"))
        {
            faults.push(format!("takes packages from elsewhere: {}", line.trim()));
        }
    }
    faults
}

#[test]
fn no_file_names_one_machine() {
    let root = root();
    if !root.join(".git").exists() {
        // Not a checkout: which files are the project's cannot be known.
        return;
    }
    let output = std::process::Command::new("git")
        .current_dir(&root)
        .args(["ls-files", "-z"])
        .output()
        .unwrap();
    let names = output.stdout.split(|b| *b == 0);
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    assert!(
        names.len() > 100,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut faults = BTreeMap::new();
    for name in names {
        let name = String::from_utf8_lossy(name).into_owned();
        // Components too: what a compiler puts into them is there for everybody to read.
        let Ok(bytes) = std::fs::read(root.join(&name)) else {
            continue;
        };
        let found = place_faults(&String::from_utf8_lossy(&bytes));
        if !found.is_empty() {
            faults.insert(name, found);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The manifests and lock files where what belongs to Wasmtime stands, which
/// `tests/supply/update-wasmtime` moves together.
struct Pins {
    manifest: String,
    lock: String,
    guests: String,
    guests_lock: String,
}

/// The versions of a crate in a lock file.
fn locked(lock: &str, name: &str) -> Vec<String> {
    let lock: toml::Table = lock.parse().expect("a lock file is TOML");
    let packages = lock["package"]
        .as_array()
        .expect("a lock file has packages");
    let text = |package: &toml::Value, key| package[key].as_str().map(str::to_owned);
    let named = packages
        .iter()
        .filter(|package| text(package, "name").as_deref() == Some(name));
    named
        .filter_map(|package| text(package, "version"))
        .collect()
}

/// What stands in a manifest for a crate that is pinned.
fn pinned(manifest: &str, name: &str) -> Option<String> {
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let pin = &manifest["workspace"]["dependencies"].get(name)?;
    let pin = pin.get("version").unwrap_or(pin).as_str()?;
    pin.strip_prefix('=').map(str::to_owned)
}

/// The encoder of components that the locked Wasmtime takes.
fn encoder(lock: &str) -> Option<String> {
    let lock: toml::Table = lock.parse().expect("a lock file is TOML");
    let packages = lock["package"].as_array()?;
    let with = packages
        .iter()
        .find(|p| p["name"].as_str() == Some("wasmtime-internal-component-macro"))?;
    let all = with["dependencies"].as_array()?;
    let mut all = all.iter().filter_map(toml::Value::as_str);
    all.find_map(|one| Some(one.strip_prefix("wit-parser ")?.to_owned()))
}

/// Where the pins are not those of one Wasmtime.
fn wasmtime_faults(pins: &Pins) -> Vec<String> {
    let Some(version) = pinned(&pins.manifest, "wasmtime") else {
        return vec!["Cargo.toml does not pin wasmtime".into()];
    };
    let line = version.split('.').next().unwrap_or_default();
    let mut faults = Vec::new();
    let mut say = |right: bool, fault: String| {
        if !right {
            faults.push(fault);
        }
    };
    let locks = locked(&pins.lock, "wasmtime");
    say(
        locks == [version.as_str()],
        format!("Cargo.lock has wasmtime {locks:?}"),
    );
    let (comment, guests) = (
        format!("the LTS line {line},"),
        format!("wasmtime {version} itself"),
    );
    say(
        pins.manifest.contains(&comment),
        format!("Cargo.toml does not say \"{comment}\""),
    );
    say(
        pins.guests.contains(&guests),
        format!("policies/Cargo.toml does not say \"{guests}\""),
    );
    let Some(encoder) = encoder(&pins.lock) else {
        return vec!["Cargo.lock has no encoder of wasmtime".into()];
    };
    for name in ["wit-component", "wit-parser"] {
        for (file, manifest) in [
            ("Cargo.toml", &pins.manifest),
            ("policies/Cargo.toml", &pins.guests),
        ] {
            let pin = pinned(manifest, name);
            say(
                pin.as_ref() == Some(&encoder),
                format!("{file} pins {name} {pin:?}, and wasmtime {version} has {encoder}"),
            );
        }
        let locks = locked(&pins.guests_lock, name);
        say(
            locks.contains(&encoder),
            format!("policies/Cargo.lock has {name} {locks:?}"),
        );
    }
    faults
}

fn pins() -> Pins {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("it is read");
    Pins {
        manifest: read("Cargo.toml"),
        lock: read("Cargo.lock"),
        guests: read("policies/Cargo.toml"),
        guests_lock: read("policies/Cargo.lock"),
    }
}

#[test]
fn what_belongs_to_wasmtime_is_of_one_version() {
    assert_eq!(wasmtime_faults(&pins()), Vec::<String>::new());
}

#[test]
fn a_pin_of_another_wasmtime_is_found() {
    let version = pinned(&pins().manifest, "wasmtime").unwrap();
    let encoder = encoder(&pins().lock).unwrap();
    let of = |text: &str, old: &str| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, &old.replace(|c: char| c.is_ascii_digit(), "7"), 1)
    };
    let changed = |change: &dyn Fn(&mut Pins)| {
        let mut pins = pins();
        change(&mut pins);
        wasmtime_faults(&pins)
    };
    let cases: [&dyn Fn(&mut Pins); 7] = [
        &|p| {
            p.manifest = of(
                &p.manifest,
                &format!("wasmtime = {{ version = \"={version}\""),
            )
        },
        &|p| p.manifest = of(&p.manifest, &format!("LTS line {}", &version[..2])),
        &|p| p.manifest = of(&p.manifest, &format!("wit-parser = \"={encoder}\"")),
        &|p| p.guests = of(&p.guests, &format!("wasmtime {version}")),
        &|p| p.guests = of(&p.guests, &format!("wit-component = \"={encoder}\"")),
        &|p| {
            p.lock = of(
                &p.lock,
                &format!("name = \"wasmtime\"\nversion = \"{version}\""),
            )
        },
        &|p| {
            p.guests_lock = of(
                &p.guests_lock,
                &format!("name = \"wit-parser\"\nversion = \"{encoder}\""),
            );
        },
    ];
    for (number, case) in cases.into_iter().enumerate() {
        assert!(!changed(case).is_empty(), "case {number}");
    }
}

#[test]
fn a_dependency_that_breaks_a_rule_is_found() {
    let faults = |room: &str, manifest: &str| {
        let workspace = "[workspace.dependencies]\n\
            dayfly-core = { path = \"engine/core\" }\n\
            strong = { path = \"engine/vault\" }\n\
            clock = { package = \"tokio\", version = \"1\" }";
        dependency_faults(room, &dependencies(manifest, workspace))
    };
    for (room, manifest) in [
        (
            "chain",
            "[dependencies]\ndayfly-core.workspace = true\ndayfly-vault = \"1\"\ntoml = \"1\"",
        ),
        (
            "core",
            "[dependencies]\nserde = \"1\"\n[dev-dependencies]\nproptest = \"1\"",
        ),
        ("dayfly", "[dev-dependencies]\ndayfly-providers = \"1\""),
    ] {
        assert_eq!(faults(room, manifest), Vec::<String>::new(), "{manifest}");
    }
    for (room, manifest) in [
        ("chain", "[dependencies]\ndayfly-policy = \"1\""),
        ("chain", "[dev-dependencies]\ndayfly-policy = \"1\""),
        ("chain", "[build-dependencies]\ndayfly-policy = \"1\""),
        (
            "chain",
            "[target.'cfg(unix)'.dependencies]\ndayfly-policy = \"1\"",
        ),
        ("chain", "[dependencies]\nother = { path = \"../policy\" }"),
        (
            "chain",
            "[dependencies]\nother = { package = \"dayfly-policy\", version = \"1\" }",
        ),
        ("workspace", "[dependencies]\ndayfly-runtime = \"1\""),
        ("policy", "[dependencies]\ndayfly-vault = \"1\""),
        ("policy", "[dependencies]\nstrong.workspace = true"),
        ("core", "[dependencies]\ntokio = \"1\"\nserde = \"1\""),
        ("core", "[dependencies]\nclock.workspace = true"),
        ("core", "[dev-dependencies]\ndayfly-vault = \"1\""),
    ] {
        assert_eq!(faults(room, manifest).len(), 1, "{room}: {manifest}");
    }
}

#[test]
fn a_source_that_breaks_a_rule_is_found() {
    let faults = |room, text: &str| file_faults(room, "x.rs", text).len();
    for word in CORE_NEVER {
        let text = format!("//! x\nfn f() {{\n    {word}\n}}");
        assert!(faults("core", &text) >= 1, "{word}");
        assert_eq!(faults("core", &format!("//! x\n// {word}")), 0, "{word}");
    }
    for word in OTHERS_NEVER {
        let text = format!("//! x\nfn f() {{\n    {word}\n}}");
        assert!(faults("chain", &text) >= 1, "{word}");
    }
    for word in PRINTS_NEVER {
        let text = format!("//! x\nfn f() {{\n    {word}\n}}");
        assert!(faults("dayfly", &text) >= 1, "{word}");
        assert_eq!(file_faults("dayfly", PRINTS, &text).len(), 0, "{word}");
    }
    assert_eq!(faults("chain", "fn f() {}"), 1);
    let long = format!("//! x\n{}", "\n".repeat(LINES));
    assert_eq!(faults("chain", &long), 1);
    assert_eq!(file_faults("chain", "tests.rs", &long).len(), 1);
    assert_eq!(file_faults("chain", "x_tests.rs", "fn f() {}").len(), 0);
}

#[test]
fn a_configuration_that_falls_back_to_defaults_is_found() {
    for bad in [
        "let c = Config::load(&home.config()).unwrap_or_default();",
        "let c = Config::load(\n    &f(x),\n)\n.unwrap_or(c);",
        "let c = settings::in_force(home).ok();",
    ] {
        let text = format!("//! x\nfn f() {{\n    {bad}\n}}");
        assert_eq!(file_faults("dayfly", "x.rs", &text).len(), 1, "{bad}");
    }
    let good = "//! x\nfn f() {\n    Config::load(path).map_err(|e| x(e))?;\n}";
    assert_eq!(file_faults("dayfly", "x.rs", good), Vec::<String>::new());
}

#[test]
fn what_is_there_for_tests_is_no_code_and_what_follows_is() {
    let text = "//! x\n\
        #[cfg(test)]\n\
        use std::fs;\n\
        fn f() {}\n\
        #[cfg(test)]\n\
        #[allow(unused)]\n\
        mod tests {\n    fn g() {\n        panic!();\n    }\n}\n\
        fn h() {}";
    assert_eq!(code(text), "fn f() {}\nfn h() {}");
    let bad = format!("{text}\nuse std::net;");
    assert_eq!(file_faults("core", "x.rs", &bad), ["says std::net"]);
}

#[test]
fn a_text_that_names_one_machine_is_found() {
    // Put together here, so that this file passes as well.
    let bad = [
        format!("see /{}/main/README.md", "work"),
        format!("\"/{}/.cargo\"", "root"),
        format!("/{}/jane/x", "Users"),
        format!("/{}/jane/.aws/credentials", "home"),
        format!("{} = \"http://{}:8081/crates\"", "index", "localhost"),
        format!("npm {} http://{}:4873", "registry", "127.0.0.1"),
        format!("source = \"registry+{}\"", "https://example.org/index"),
    ];
    for text in bad {
        assert_eq!(place_faults(&text).len(), 1, "{text}");
    }
    for good in [
        "source = \"registry+https://github.com/rust-lang/crates.io-index\"",
        "http://localhost:4566 where absent",
        "https://example.org/work/that/was/done",
        "$HOME/.aws/credentials and /home/",
    ] {
        assert_eq!(place_faults(good), Vec::<String>::new(), "{good}");
    }
}
