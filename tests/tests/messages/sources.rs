//! Finds the sentences in a Rust source: every text of at least two words that is neither a comment
//! nor there for tests. So a message is found however it is put together.

/// Attributes that hold what a person reads.
const READ: [&str; 4] = ["error", "arg", "command", "value"];

/// The sentences of a source, in its order.
pub(crate) fn sentences(source: &str) -> Vec<String> {
    let text = without_tests(source);
    let mut scanner = Scanner {
        rest: &text,
        before: String::new(),
        found: Vec::new(),
    };
    scanner.run(None);
    scanner.found
}

/// The source without what `#[cfg(test)]` stands before.
fn without_tests(source: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        if start != "#[cfg(test)]" {
            kept.push(line);
            continue;
        }
        // Formatted code closes a block where it began.
        let end = format!("{}}}", &line[..line.len() - start.len()]);
        let item = lines.by_ref().find(|l| !l.trim_start().starts_with("#["));
        if item.is_some_and(|item| item.ends_with('{')) {
            lines.by_ref().find(|line| *line == end);
        }
    }
    kept.join("\n")
}

struct Scanner<'a> {
    rest: &'a str,
    /// The code since the last text, to tell what it is given to.
    before: String,
    found: Vec<String>,
}

impl Scanner<'_> {
    /// Goes on to the end, or to the bracket that closes what began.
    fn run(&mut self, closes: Option<char>) {
        let mut depth = 0;
        while let Some(next) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("#[") || self.rest.starts_with("#![") {
                self.attribute();
            } else if let Some((text, length)) = literal(self.rest) {
                self.skip(length);
                self.take(&text);
            } else if next == '\'' {
                self.skip(character(self.rest));
            } else {
                self.before.push(next);
                self.skip(next.len_utf8());
                match next {
                    '[' => depth += 1,
                    ']' if depth == 0 && closes == Some(']') => return,
                    ']' => depth -= 1,
                    _ => {}
                }
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// One that no person reads has no sentences.
    fn attribute(&mut self) {
        let start = self.rest.find('[').map_or(0, |at| at + 1);
        self.skip(start);
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let read = READ.contains(&&self.rest[..end.unwrap_or(0)]);
        let found = self.found.len();
        self.run(Some(']'));
        if !read {
            self.found.truncate(found);
        }
    }

    fn take(&mut self, text: &str) {
        let before = std::mem::take(&mut self.before);
        // A promise to the compiler, which nobody reads.
        let unread = ["unreachable!(", "expect(", "assert!("];
        let promised = unread.iter().any(|word| before.trim_end().ends_with(word));
        if !promised && is_sentence(text) {
            self.found.push(text.to_owned());
        }
    }
}

/// The text that begins here, and how long it is in the source.
fn literal(rest: &str) -> Option<(String, usize)> {
    let kinds = ["br", "cr", "r", "b", "c", ""];
    let kind = kinds.into_iter().find(|kind| {
        let body = rest.strip_prefix(kind);
        body.is_some_and(|body| body.starts_with(['"', '#']))
    })?;
    let prefix = kind.len();
    let body = &rest[prefix..];
    if kind.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let inner = body[hashes..].strip_prefix('"')?;
        let end = inner.find(&format!("\"{}", "#".repeat(hashes)))?;
        return Some((inner[..end].to_owned(), prefix + 2 * hashes + 2 + end));
    }
    let inner = body.strip_prefix('"')?;
    let mut text = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, next)) = chars.next() {
        match next {
            '"' => return Some((text, prefix + 1 + at + 1)),
            '\\' => match chars.next()?.1 {
                '\n' => {
                    let left = chars.as_str();
                    let blank = left.len() - left.trim_start().len();
                    let count = left[..blank].chars().count();
                    chars.by_ref().take(count).for_each(drop);
                }
                escaped => text.extend(['\\', escaped].iter().filter(|c| {
                    // Quotes are shown as they are said; line breaks stay marks in one line.
                    **c != '\\' || !['"', '\''].contains(&escaped)
                })),
            },
            _ => text.push(next),
        }
    }
    None
}

/// How long a character or the name of a lifetime is.
fn character(rest: &str) -> usize {
    let inner = &rest[1..];
    let mut chars = inner.chars();
    match chars.next() {
        Some('\\') => {
            let escaped = chars.next().map_or(0, char::len_utf8);
            let end = inner[1 + escaped..].find('\'');
            1 + 1 + escaped + end.map_or(0, |end| end + 1)
        }
        Some(first) if chars.next() == Some('\'') => 1 + first.len_utf8() + 1,
        _ => 1,
    }
}

/// Whether a text has at least two words, of which one is a word of a language and not a name.
fn is_sentence(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let real = |word: &&&str| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase() || c == '\'')
    };
    words.len() > 1 && words.iter().any(|word| real(&word))
}

#[test]
fn a_message_is_found_however_it_is_made() {
    let source = r##"
//! Not this comment.
use std::fmt;
#[derive(thiserror::Error)]
#[expect(dead_code, reason = "not this reason")]
enum Error {
    /// Not "this one" either.
    #[error("cannot open {path}: {error}")]
    Open { path: String },
    #[serde(rename = "not this one")]
    Other(&'static str),
}
fn f<'a>(x: &'a str) -> Result<(), CliError> {
    let quote = '"';
    let escaped = ('\'', '\\', '\u{1f}');
    let name = "a-name";
    let two = "Capital Name";
    problem(r#"a "raw" message"#);
    Failure::new(Kind::X, "a failure of \
        two lines").hint(format!("run `{name}` again\nand wait"));
    let bytes = b"bytes for a page";
    x.expect("not this promise");
    match x { _ => unreachable!("nor this promise") }
    write!(f, "{x} is said \"here\"");
    let array = [1, 2]; // "not this one"
    CliError::failed("the last of them")
}
#[cfg(test)]
mod tests {
    fn g() {
        CliError::failed("not in a test");
    }
}
const AFTER: &str = "after the tests";
"##;
    let expected = [
        "cannot open {path}: {error}",
        "a \"raw\" message",
        "a failure of two lines",
        "run `{name}` again\\nand wait",
        "bytes for a page",
        "{x} is said \"here\"",
        "the last of them",
        "after the tests",
    ];
    assert_eq!(sentences(source), expected);
}
