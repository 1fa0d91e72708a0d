//! Byte offsets to lines and columns.

/// Walks forward through a text; ask for offsets in ascending order, so that any number of them
/// costs one pass.
pub(crate) struct Walk<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
    column: u32,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            line: 1,
            column: 1,
        }
    }

    /// Line and column (in characters), both from 1.
    pub(crate) fn to(&mut self, offset: usize) -> (u32, u32) {
        let end = self.text.floor_char_boundary(offset);
        let Some(passed) = self.text.get(self.offset..end) else {
            return (self.line, self.column);
        };
        let lines = passed.bytes().filter(|b| *b == b'\n').count();
        let tail = match passed.rfind('\n') {
            Some(newline) => {
                self.column = 1;
                &passed[newline + 1..]
            }
            None => passed,
        };
        self.line = add(self.line, lines);
        self.column = add(self.column, tail.chars().count());
        self.offset = end;
        (self.line, self.column)
    }
}

fn add(number: u32, count: usize) -> u32 {
    number.saturating_add(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The byte offset of serde_json's position in `text`: lines from 1, columns in bytes.
pub(crate) fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let start = match error.line() {
        0 | 1 => 0,
        line => text
            .match_indices('\n')
            .nth(line - 2)
            .map_or(text.len(), |(newline, _)| newline + 1),
    };
    start
        .saturating_add(error.column().saturating_sub(1))
        .min(text.len())
}

/// The most characters of a message that are shown.
const QUOTED: usize = 400;

/// serde_json's message for a person, without its position, which counts from the start of a
/// fragment.
pub(crate) fn message_of(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    // It quotes what it found, which may be the whole file.
    let text = match whole.len() > QUOTED {
        true => dayfly_core::text::one_line(&whole, QUOTED),
        false => whole,
    };
    let position = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&position).unwrap_or(&text);
    let kind = ["invalid type: ", "invalid value: ", "invalid length "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let Some((found, expected)) = kind.and_then(|rest| rest.split_once(", expected ")) else {
        return text.to_owned();
    };
    let found = match found {
        "map" => "an object",
        "sequence" => "an array",
        other => other,
    };
    let expected = match expected {
        "u32" => "a whole number",
        "a map" => "an object",
        "a sequence" => "an array",
        other => other,
    };
    format!("expected {expected}, found {found}")
}

/// Where `part`, a slice of `whole`, begins in it.
pub(crate) fn offset_in(whole: &str, part: &str) -> usize {
    part.as_ptr()
        .addr()
        .saturating_sub(whole.as_ptr().addr())
        .min(whole.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let text = "ab\ncé€x\n\ny";
        let mut walk = Walk::new(text);
        assert_eq!(walk.to(0), (1, 1));
        assert_eq!(walk.to(2), (1, 3));
        assert_eq!(walk.to(3), (2, 1));
        assert_eq!(walk.to(text.find('x').unwrap()), (2, 4));
        assert_eq!(walk.to(text.find('y').unwrap()), (4, 1));
        assert_eq!(walk.to(999), (4, 2));
    }

    #[test]
    fn finds_the_place_of_a_syntax_error() {
        let text = "{\n  \"a\": 1,\n  \"b\": x\n}";
        let error = serde_json::from_str::<serde_json::Value>(text).unwrap_err();
        assert_eq!(&text[offset_of(text, &error)..][..1], "x");
        assert_eq!(message_of(&error), "expected value");
    }

    #[test]
    fn finds_a_slice() {
        let whole = "hello world";
        assert_eq!(offset_in(whole, &whole[6..]), 6);
    }
}
