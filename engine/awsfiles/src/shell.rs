//! A text taken apart into words as a shell would: Python's `shlex.split`.
//!
//! Source: `CPython`, `shlex.shlex` with `posix=True`, without comments.

/// The words; none where a quote is not closed or nothing follows a backslash.
#[must_use]
pub fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(chars.next()?),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => match chars.next()? {
                            escaped @ ('\\' | '"') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_shlex() {
        // python3 -c "import shlex; print(shlex.split(...))"
        let words = |text| split(text).map(|words| words.join("|"));
        let is = |text, wanted: &str| assert_eq!(words(text).as_deref(), Some(wanted), "{text}");
        is("profile a", "profile|a");
        is("profile \t \"my acct\" ", "profile|my acct");
        is("profile'my acct'", "profilemy acct");
        is("profile my\\ acct", "profile|my acct");
        is(r#"profile "a\"b\c\\""#, r#"profile|a"b\c\"#);
        is(r"profile 'a\'", r"profile|a\");
        is("profile ''", "profile|");
        is("profile a\u{a0}b", "profile|a\u{a0}b");
        is("profile a#b", "profile|a#b");
        is(" ", "");
        for wrong in [
            "profile \"a",
            "profile a\\",
            "profile 'a\"",
            "profile \"a\\\"",
        ] {
            assert_eq!(words(wrong), None, "{wrong}");
        }
    }
}
