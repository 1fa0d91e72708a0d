//! Which names can be written so that every client reads them back.
//!
//! Source: botocore's `configloader` (Python's `RawConfigParser`, whose section `DEFAULT` is merged into
//! all others); the AWS SDKs pass over `[profile …]` in a credentials file, and some of them over names
//! with blanks in a config file.

use crate::file::Kind;

/// What is wrong with a text in one line.
#[must_use]
pub fn text_problem(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        return Some("is empty");
    }
    if value.chars().any(breaks_line) {
        return Some("contains a line break or control character");
    }
    if value.trim() != value {
        return Some("begins or ends with a space");
    }
    None
}

/// What keeps the name of a profile from being written into such a file.
#[must_use]
pub fn profile_problem(name: &str, kind: Kind) -> Option<&'static str> {
    if let Some(problem) = text_problem(name) {
        return Some(problem);
    }
    if name.contains(['[', ']', '#', ';', '"', '\'', '\\']) {
        return Some("contains a bracket, quote, backslash or comment sign");
    }
    if name == "DEFAULT" {
        return Some("is DEFAULT, which clients merge into every profile; did you mean default?");
    }
    let taken = ["profile ", "sso-session ", "services "];
    if taken.iter().any(|prefix| name.starts_with(prefix)) {
        return Some("begins with a word that is reserved in the AWS config file");
    }
    (kind == Kind::Config && name.contains(char::is_whitespace))
        .then_some("contains a space, which clients read in different ways in the AWS config file")
}

fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}
