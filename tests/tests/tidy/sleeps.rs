//! Tests wait for events, with a deadline, and do not sleep. One that has to sleep says why in the
//! line above: a comment that begins with "Sleeps".

use std::path::{Path, PathBuf};

use super::{is_of_tests, root, sources};

/// The lines of a source that are there for tests.
fn test_lines<'a>(path: &Path, text: &'a str) -> Vec<&'a str> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let in_tests = path.components().any(|part| part.as_os_str() == "tests");
    if in_tests || is_of_tests(&name) {
        return text.lines().collect();
    }
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        if start == "#[cfg(test)]" {
            // Formatted code closes a block where it began.
            let end = format!("{}}}", &line[..line.len() - start.len()]);
            found.extend(lines.by_ref().take_while(|line| *line != end));
        }
    }
    found
}

/// Lines that sleep without saying why.
fn faults(lines: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let above = at.checked_sub(1).map_or("", |above| lines[above].trim());
        let says_why = above.starts_with("// Sleeps ") || above.starts_with("# Sleeps ");
        if sleeps(line) && !says_why {
            faults.push(line.trim().to_owned());
        }
    }
    faults
}

fn sleeps(line: &str) -> bool {
    let mut found = line.match_indices("sleep(");
    !line.trim_start().starts_with("//")
        && found.any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|c| c == ':' || c == '.' || c == ' ')
        })
}

/// Every Rust source of the engine and of its tests.
fn all() -> Vec<PathBuf> {
    let mut found = sources(&root().join("tests/src"));
    found.extend(sources(&root().join("tests/tests")));
    for room in std::fs::read_dir(root().join("engine")).expect("a folder is read") {
        for part in ["src", "tests"] {
            let folder = room.as_ref().expect("a folder is read").path().join(part);
            if folder.is_dir() {
                found.extend(sources(&folder));
            }
        }
    }
    found.retain(|path| !path.ends_with("tidy/sleeps.rs"));
    found
}

#[test]
fn tests_wait_for_events_and_do_not_sleep() {
    let mut found = Vec::new();
    for path in all() {
        let text = std::fs::read_to_string(&path).unwrap();
        let inside = path.strip_prefix(root()).unwrap_or(&path);
        let faults = faults(&test_lines(inside, &text));
        found.extend(
            faults
                .into_iter()
                .map(|f| format!("{}: {f}", inside.display())),
        );
    }
    assert_eq!(
        found,
        Vec::<String>::new(),
        "wait for the event with `dayfly_tests::within`, or say why in the line above: \
         `// Sleeps since …`"
    );
}

#[test]
fn a_test_that_sleeps_without_a_reason_is_found() {
    let source = Path::new("engine/x/src/x.rs");
    let bad = "fn f() {\n    thread::sleep(x);\n}\n\
        #[cfg(test)]\nmod tests {\n    fn g() {\n        std::thread::sleep(x);\n    }\n}\n\
        fn h() {\n    sleep(x);\n}";
    assert_eq!(faults(&test_lines(source, bad)), ["std::thread::sleep(x);"]);
    for path in ["tests/src/x.rs", "engine/x/src/x_tests.rs"] {
        let lines = test_lines(Path::new(path), bad);
        assert_eq!(faults(&lines).len(), 3, "{path}");
    }
    for good in [
        "// Sleeps since the keys have to expire.\ntokio::time::sleep(x).await;",
        "# Sleeps as a program does.\ntime.sleep(1)",
        "self.next_sleep(),",
        "// sleep(1)",
    ] {
        let lines: Vec<_> = good.lines().collect();
        assert_eq!(faults(&lines), Vec::<String>::new(), "{good}");
    }
}
