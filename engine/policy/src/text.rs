//! Text from guests, made fit to be shown: no control characters, no more than a bound.

use dayfly_core::text::is_hidden;

/// Cuts a text to at most so many bytes, at a character.
pub(crate) fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
    }
}

/// Replaces what would steer a terminal or break a line: controls become spaces, and other
/// characters that nobody sees become U+FFFD.
pub(crate) fn sanitize(text: String) -> String {
    // Nearly all texts are printable ASCII; these are looked at only once.
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || !text.chars().any(is_hidden) {
        return text;
    }
    text.chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            c if is_hidden(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Whether a text is a word for programs: lower-case letters, digits and single hyphens.
pub(crate) fn is_kebab_case(text: &str) -> bool {
    !text.is_empty()
        && text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_a_character() {
        let mut text = "aé€".to_owned();
        cut(&mut text, 5);
        assert_eq!(text, "aé");
        cut(&mut text, 3);
        assert_eq!(text, "aé");
        cut(&mut text, 2);
        assert_eq!(text, "a");
    }

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(sanitize("plain é €".into()), "plain é €");
        assert_eq!(sanitize("a\x1b[2Jb\r\nc".into()), "a [2Jb  c");
        assert_eq!(sanitize("x\u{202e}y\u{9b}z".into()), "x\u{fffd}y z");
    }

    #[test]
    fn words_for_programs() {
        for good in ["a", "expires-soon", "rotate-2"] {
            assert!(is_kebab_case(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a b", "a_b", "é"] {
            assert!(!is_kebab_case(bad), "{bad}");
        }
    }
}
