//! Hints that a person copies into a shell have their words quoted: `dayfly_core::text::shell_word` does it.

use super::{root, sources};

/// How many lines above a command its words may be quoted, and how many below.
const NEAR: (usize, usize) = (24, 8);

/// The commands in backquotes that have a name of others in them and quote nothing near by. Names of policies
/// need no quotes: they are letters, digits, `-`, `_` and `.`.
fn faults(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begins) = text[at..].find("`dayfly ").map(|begins| at + begins) {
        let after = begins + 1;
        let Some(length) = text[after..].find('`') else {
            break;
        };
        let command = &text[after..after + length];
        at = after + length + 1;
        let line = text[..begins].matches('\n').count();
        let is_comment = lines[line].trim_start().starts_with("//");
        let first = lines.len().min(line.saturating_sub(NEAR.0));
        let last = lines.len().min(line + command.lines().count() + NEAR.1);
        let quotes = lines[first..last]
            .iter()
            .any(|line| line.contains("shell_word("));
        let of_policy = command.starts_with("dayfly policy ");
        if command.contains('{') && !is_comment && !of_policy && !quotes {
            found.push(format!("{}: {command}", line + 1));
        }
    }
    found
}

#[test]
fn commands_in_hints_have_their_words_quoted() {
    let mut found = Vec::new();
    let mut commands = 0;
    for path in sources(&root().join("engine")) {
        let text = std::fs::read_to_string(&path).expect("a source is read");
        commands += text.matches("`dayfly ").count();
        for fault in faults(&text) {
            found.push(format!("{}:{fault}", path.display()));
        }
    }
    assert!(commands > 200, "{commands}");
    assert!(found.is_empty(), "use `shell_word`:\n{}", found.join("\n"));
}

#[test]
fn a_command_with_a_bare_name_is_found() {
    let bare =
        "fn f(name: &str) {\n    format!(\"run `dayfly session \\\n        start {name}`\")\n}\n";
    assert_eq!(faults(bare), ["2: dayfly session \\\n        start {name}"]);
    let quoted = bare.replace("{name}`\"", "{}`\", shell_word(name)");
    assert_eq!(faults(&quoted), [""; 0]);
    assert_eq!(
        faults("/// `dayfly env {name}`\n\"`dayfly policy pull {name}`\""),
        [""; 0]
    );
}
