//! No file is longer than a person reads at a sitting, and no function than fits on a screen. Lines of
//! code count, not comments, blank lines and what is there for tests only.

use std::path::Path;

use super::{code, crate_sources, is_of_tests, root};

/// The most lines of code in a file.
const FILE: usize = 500;
/// The most lines of code in the body of a function, as `clippy::too_many_lines` counts them.
const FUNCTION: usize = 60;

/// The name of a function whose definition begins on this line.
fn function(line: &str) -> Option<&str> {
    const BEFORE: [&str; 9] = [
        "pub(crate) ",
        "pub(super) ",
        "pub ",
        "default ",
        "const ",
        "async ",
        "unsafe ",
        "extern \"C\" ",
        "extern \"system\" ",
    ];
    let mut rest = line.trim_start();
    while let Some(after) = BEFORE.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = after;
    }
    let rest = rest.strip_prefix("fn ")?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&rest[..end])
}

/// Each function of a formatted file, with its lines of code.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().filter(|l| !l.trim().is_empty()).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        // Formatted code closes a block where it began; one without a body ends with its semicolon.
        let closes = |l: &&str| **l == format!("{indent}}}");
        let declared = |l: &&str| l.starts_with(indent) && l.ends_with(';');
        let opens = lines[at..].iter().position(|l| l.ends_with('{'));
        let ends = lines[at..].iter().position(declared);
        if line.ends_with('}') || ends.is_some_and(|ends| opens.is_none_or(|opens| ends < opens)) {
            continue;
        }
        if let Some(end) = lines[at..].iter().position(closes) {
            found.push((name.to_owned(), end - opens.unwrap_or_default() - 1));
        }
    }
    found
}

/// What is too long in a file.
fn faults(path: &Path, text: &str) -> Vec<String> {
    let code = code(text);
    let lines = code.lines().filter(|l| !l.trim().is_empty()).count();
    let mut faults = Vec::new();
    if lines > FILE {
        faults.push(format!("{}: {lines} lines of code", path.display()));
    }
    for (name, lines) in functions(&code) {
        if lines > FUNCTION {
            faults.push(format!("{}: fn {name}: {lines} lines", path.display()));
        }
    }
    faults
}

#[test]
fn no_file_and_no_function_is_too_long() {
    let mut found = Vec::new();
    let mut checked = 0;
    for (src, path) in crate_sources() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut within = path.strip_prefix(&src).unwrap().components();
        if is_of_tests(&name) || within.any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        found.extend(faults(path.strip_prefix(root()).unwrap(), &text));
        checked += 1;
    }
    assert!(checked > 400, "{checked}");
    assert!(found.is_empty(), "too long:\n{}", found.join("\n"));
}

#[test]
fn what_is_too_long_is_found() {
    let body = |lines: usize| "    f();\n".repeat(lines);
    let text = |lines| {
        format!(
            "pub(crate) async fn long(\n    a: u8,\n) {{\n{}}}\n",
            body(lines)
        )
    };
    let path = Path::new("x.rs");
    assert_eq!(faults(path, &text(60)), Vec::<String>::new());
    assert_eq!(faults(path, &text(61)), ["x.rs: fn long: 61 lines"]);
    // Comments and blank lines do not count, nor what only tests have.
    let commented = text(60).replace("    f();\n", "    // why\n\n    f();\n");
    assert_eq!(faults(path, &commented), Vec::<String>::new());
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", body(600));
    assert_eq!(faults(path, &tests), Vec::<String>::new());
    let file = "const X: u8 = 1;\n".repeat(501);
    assert_eq!(faults(path, &file), ["x.rs: 501 lines of code"]);
    // A function without a body, or on one line, has no length.
    let short = "trait T {\n    fn a(\n        &self,\n    );\n    fn b(&self) {}\n}\n";
    assert_eq!(functions(short), []);
}
