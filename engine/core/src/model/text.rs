//! Text of others, made safe to be shown to a person: on a terminal, in a log, on a page, and to be copied
//! into a shell.
//!
//! A name or an answer can hold characters that a terminal obeys instead of showing, that turn the
//! direction of writing, or that nobody sees. They are shown escaped, so that a reader sees that
//! they are there. This is the one list of them.

use std::borrow::Cow;

/// Whether a character steers a terminal, turns the direction of writing, or is not seen.
///
/// Source: Unicode 16, general categories Cc, Zl and Zp, the property `Bidi_Control`, and of the property
/// `Default_Ignorable_Code_Point` all but the variation selectors of emoji (U+FE00 to U+FE0F).
#[must_use]
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            // Soft hyphen, grapheme joiner, Arabic letter mark, Hangul and Khmer fillers.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            // Zero width, left-to-right and right-to-left marks.
            | '\u{200b}'..='\u{200f}'
            // Line and paragraph separators, embeddings and overrides.
            | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolates.
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            // Shorthand and musical format controls.
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Tags and further variation selectors.
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text with each hidden character shown as a Rust string would write it: `\u{1b}`, `\n`.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    visible_but(text, |_| false)
}

/// The same over several lines: line breaks and tabs stay.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    visible_but(text, |c| matches!(c, '\n' | '\t'))
}

fn visible_but(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && !stays(c);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// JSON in which hidden characters are escaped as JSON escapes them; it says the same.
///
/// Writers of JSON escape those below U+0020 alone. In JSON the others stand in strings only.
#[must_use]
pub fn visible_json(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && c > '\u{1f}';
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown += &format!("\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Text of others in one line: hidden characters and blanks become one blank each, and
/// more than so many characters are cut.
#[must_use]
pub fn one_line(words: &str, most: usize) -> String {
    let mut line = words
        .split(|c: char| c.is_whitespace() || is_hidden(c))
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// A word as a shell takes it: every hint that a person copies into one has its words in this form. Not the crate `shlex`: it also quotes words with `=` and `,`, which
/// names in IAM may have and no shell takes for anything else.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.,:/@+=".contains(c));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_can_be_pasted_into_a_shell() {
        assert_eq!(shell_word("prod-admin"), "prod-admin");
        assert_eq!(shell_word("Prod admin"), "'Prod admin'");
        assert_eq!(shell_word("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn what_steers_is_shown_and_the_rest_is_as_it_was() {
        for plain in ["", "plain", "größer €", "日本語", "❤\u{fe0f}", "a\\b"] {
            assert_eq!(visible(plain), plain);
            assert_eq!(visible_lines(plain), plain);
            assert_eq!(visible_json(plain), plain);
        }
        assert_eq!(visible("a\x1b[2Jb\nc"), r"a\u{1b}[2Jb\nc");
        assert_eq!(
            visible_lines("a\x1b]0;x\x07\n\tb\r"),
            "a\\u{1b}]0;x\\u{7}\n\tb\\r"
        );
        assert_eq!(
            visible("x\u{202e}y\u{9b}z\u{200b}"),
            r"x\u{202e}y\u{9b}z\u{200b}"
        );
        assert_eq!(visible("\u{e0041}\u{feff}"), r"\u{e0041}\u{feff}");
    }

    #[test]
    fn json_says_the_same() {
        let text = "a\x1b\n\u{7f}\u{9b}\u{202e}\u{e0041}\u{feff}\"\\";
        let written = serde_json::to_string(text).unwrap();
        let shown = visible_json(&written);
        assert!(!shown.contains(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(one_line("a\r\n\t b\u{202e}c ", 10), "a b c");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }
}
