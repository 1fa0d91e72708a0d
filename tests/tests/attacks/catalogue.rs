//! The list of attacks: each row names the tests that try it, and SECURITY.md shows the same rows.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `catalogue.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    attack: Vec<Attack>,
}

/// One attack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    /// What was tried.
    tried: String,
    /// What held it.
    held: String,
    /// `FILE::FUNCTION`, from the top of the repository.
    tests: Vec<String>,
}

const BEGIN: &str = "<!-- made from tests/tests/attacks/catalogue.toml: begin -->";
const END: &str = "<!-- end -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn catalogue() -> Catalogue {
    toml::from_str(include_str!("catalogue.toml")).expect("the catalogue is as it should be")
}

fn table(catalogue: &Catalogue) -> String {
    let mut text = "| attack | what holds it | test |\n| --- | --- | --- |\n".to_owned();
    for attack in &catalogue.attack {
        let tests = attack.tests.iter().map(|test| format!("`{test}`"));
        let tests = tests.collect::<Vec<_>>().join(", ");
        text += &format!("| {} | {} | {tests} |\n", attack.tried, attack.held);
    }
    text
}

/// Whether a test of this name is in a source: a function of a test, and not one that is left out.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let head = |line: &str| {
        let rest = line.strip_prefix("async ").unwrap_or(line);
        rest.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    };
    let Some(at) = lines.iter().position(|line| head(line)) else {
        return false;
    };
    let before = lines[..at].iter().rev();
    let attributes: Vec<&&str> = before
        .take_while(|line| line.starts_with(['#', '/', ')']))
        .collect();
    let named = |part: &str| attributes.iter().any(|line| line.contains(part));
    (named("#[test]") || named("#[tokio::test")) && !named("#[ignore")
}

#[test]
fn each_attack_is_tried_by_a_test_that_exists() {
    let catalogue = catalogue();
    assert!(catalogue.attack.len() >= 20, "{}", catalogue.attack.len());
    let mut faults = Vec::new();
    for attack in &catalogue.attack {
        if attack.tests.is_empty() {
            faults.push(format!("no test tries: {}", attack.tried));
        }
        for test in &attack.tests {
            let Some((file, name)) = test.split_once("::") else {
                faults.push(format!("{test} is not FILE::FUNCTION"));
                continue;
            };
            if !is_test(&read(file), name) {
                faults.push(format!("{file} has no test {name}"));
            }
        }
        if attack.tried.contains('|') || attack.held.contains('|') {
            faults.push(format!("no cell of a table: {}", attack.tried));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    // The other way round: each attack of this suite is in the list.
    let named: Vec<&str> = catalogue
        .attack
        .iter()
        .flat_map(|a| &a.tests)
        .map(String::as_str)
        .collect();
    for module in ["control", "endpoints", "shells", "terminal"] {
        let file = format!("tests/tests/attacks/{module}.rs");
        let source = read(&file);
        let mut lines = source.lines();
        while lines.any(|line| line.trim() == "#[test]") {
            let line = lines.next().unwrap_or_default();
            let name = line
                .trim()
                .trim_start_matches("fn ")
                .split('(')
                .next()
                .unwrap_or_default();
            assert!(
                named.contains(&&*format!("{file}::{name}")),
                "{file}::{name} is not in the catalogue"
            );
        }
    }
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let source = "#[test]\nfn there() {}\n\n#[test]\n#[ignore]\nfn left_out() {}\n\nfn helper() {}\n\n#[tokio::test]\nasync fn waits() {}\n";
    for (name, is) in [
        ("there", true),
        ("waits", true),
        ("left_out", false),
        ("helper", false),
        ("the", false),
    ] {
        assert_eq!(is_test(source, name), is, "{name}");
    }
}

/// With `DAYFLY_WRITE=1` it is written instead.
#[test]
fn the_security_page_shows_these_attacks_and_no_other() {
    let page = read("SECURITY.md");
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page has a place for them");
    let (shown, after) = rest.split_once(END).expect("which ends");
    let wanted = table(&catalogue());
    if std::env::var_os("DAYFLY_WRITE").is_some() {
        let page = format!("{before}{BEGIN}\n{wanted}{END}{after}");
        std::fs::write(root().join("SECURITY.md"), page).expect("it is written");
        return;
    }
    let hint = "SECURITY.md differs from the catalogue; run this test with DAYFLY_WRITE=1";
    assert_eq!(shown.trim_start_matches('\n'), wanted, "{hint}");
}
