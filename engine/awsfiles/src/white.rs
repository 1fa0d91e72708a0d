//! White space as Python's `str.isspace` has it, in bytes that may not be UTF-8.
//!
//! It is Unicode's, and the four separators U+001C to U+001F.

use std::ops::Range;

/// The length of the white-space character that the bytes begin with.
pub(crate) const fn at_start(text: &[u8]) -> Option<usize> {
    match text {
        [b'\t'..=b'\r' | 0x1c..=0x1f | b' ', ..] => Some(1),
        [0xc2, 0x85 | 0xa0, ..] => Some(2),
        [0xe1, 0x9a, 0x80, ..]
        | [0xe2, 0x80, 0x80..=0x8a | 0xa8 | 0xa9 | 0xaf, ..]
        | [0xe2, 0x81, 0x9f, ..]
        | [0xe3, 0x80, 0x80, ..] => Some(3),
        _ => None,
    }
}

/// The length of the white-space character that the bytes end with.
const fn at_end(text: &[u8]) -> Option<usize> {
    match text {
        [.., b'\t'..=b'\r' | 0x1c..=0x1f | b' '] => Some(1),
        [.., 0xc2, 0x85 | 0xa0] => Some(2),
        [.., 0xe1, 0x9a, 0x80]
        | [.., 0xe2, 0x80, 0x80..=0x8a | 0xa8 | 0xa9 | 0xaf]
        | [.., 0xe2, 0x81, 0x9f]
        | [.., 0xe3, 0x80, 0x80] => Some(3),
        _ => None,
    }
}

/// Part of a text without the white space at its ends.
pub(crate) fn trimmed(text: &[u8], range: Range<usize>) -> Range<usize> {
    let Range { mut start, mut end } = range;
    while let Some(length) = text.get(start..end).and_then(at_start) {
        start += length;
    }
    while let Some(length) = text.get(start..end).and_then(at_end) {
        end -= length;
    }
    start..end
}

/// How many characters of white space a text begins with.
pub(crate) fn indent(mut text: &[u8]) -> usize {
    let mut count = 0;
    while let Some(length) = at_start(text) {
        text = &text[length..];
        count += 1;
    }
    count
}

/// The text without the white space at its end.
pub(crate) fn trimmed_end(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

/// The text without the white space at its ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_white_as_unicode_and_python_have_it() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let white = c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
            let text = c.to_string();
            let found = at_start(text.as_bytes());
            assert_eq!(found, white.then(|| c.len_utf8()), "{c:?}");
            assert_eq!(found, at_end(text.as_bytes()), "{c:?}");
        }
        assert_eq!(trimmed("\u{a0} ä\u{3000}".as_bytes(), 0..8), 3..5);
        assert_eq!(trimmed(b"  ", 0..2), 2..2);
        assert_eq!(indent("\u{a0}\t x ".as_bytes()), 3);
    }
}
