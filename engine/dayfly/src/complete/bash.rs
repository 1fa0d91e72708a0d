//! A command line as bash has it, and what a completion is to look like there.
//!
//! bash hands its completion the text as it is typed, quotes and all, cut into words at some characters more than
//! blanks (`COMP_WORDBREAKS`), and puts what it gets back into the line as it is. So names are quoted here: the name
//! of a session may come from others, and completed into a line it must not be more than a name.

/// What is typed up to the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    /// The words, without their quotes; the last is the one that is completed.
    pub(crate) words: Vec<String>,
    /// The quote in which the cursor stands, where it stands in one.
    quote: Option<char>,
    /// How many characters of the completed word bash leaves as they are.
    kept: usize,
}

impl Typed {
    /// Reads a line up to the cursor. `word` is the last part of it as bash cuts it.
    pub(crate) fn read(line: &str, word: &str) -> Self {
        let mut words = vec![String::new()];
        let mut begun = 0;
        let mut quote = None;
        let mut chars = line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let Some(last) = words.last_mut() else { break };
            match (quote, c) {
                (Some('\''), c) if c != '\'' => last.push(c),
                (None, '\\') | (Some('"'), '\\') => {
                    let next = chars.peek().map(|(_, next)| *next);
                    match (quote, next) {
                        // Between double quotes a backslash stands for itself before most characters.
                        (Some(_), Some(next)) if !"\"\\$`".contains(next) => last.push('\\'),
                        (_, Some(next)) => {
                            last.push(next);
                            chars.next();
                        }
                        (_, None) => {}
                    }
                }
                (Some(open), c) if c == open => quote = None,
                (Some(_), c) => last.push(c),
                (None, '\'' | '"') => quote = Some(c),
                (None, ' ' | '\t' | '\n') => {
                    begun = at + c.len_utf8();
                    if !last.is_empty() {
                        words.push(String::new());
                    }
                }
                (None, c) => last.push(c),
            }
        }
        let whole = line.get(begun..).unwrap_or_default();
        // In quotes bash completes from the quote on.
        let kept = match quote {
            Some(_) => 0,
            None => {
                let kept = whole.strip_suffix(word).unwrap_or_default();
                kept.chars().count()
            }
        };
        Self { words, quote, kept }
    }

    /// The completed word as bash is to have it; none where it cannot stand there.
    pub(crate) fn completed(&self, value: &str) -> Option<String> {
        match self.quote {
            Some('\'') => (!value.contains('\'')).then(|| value.to_owned()),
            Some(_) => (!value.contains(['"', '\\', '$', '`', '!'])).then(|| value.to_owned()),
            None => Some(quoted(value).chars().skip(self.kept).collect()),
        }
    }
}

/// A word with a backslash before all that could mean something.
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        let plain = c.is_alphanumeric() || "-_./:=@,+%".contains(c);
        if !plain {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        Typed::read(line, "").words
    }

    #[test]
    fn a_line_is_cut_as_bash_cuts_it() {
        assert_eq!(words("dayfly use de"), ["dayfly", "use", "de"]);
        assert_eq!(words("dayfly  use "), ["dayfly", "use", ""]);
        assert_eq!(words(r"dayfly use Acme\ P"), ["dayfly", "use", "Acme P"]);
        assert_eq!(words(r#"dayfly use "Acme P"#), ["dayfly", "use", "Acme P"]);
        assert_eq!(
            words(r#"d 'a"b' "c\d\"e" f\"#),
            ["d", "a\"b", "c\\d\"e", "f"]
        );
        assert_eq!(words(""), [""]);
    }

    #[test]
    fn what_is_put_into_the_line_is_a_word_and_no_more() {
        let completed =
            |line: &str, word: &str, value: &str| Typed::read(line, word).completed(value);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(completed("d use A", "A", "Acme Prod"), some(r"Acme\ Prod"));
        assert_eq!(
            completed("d use ", "", "$(x);'`\""),
            some("\\$\\(x\\)\\;\\'\\`\\\"")
        );
        // bash has cut the word at the colon, and leaves what stands before it.
        assert_eq!(completed("d use team:p", "p", "team:prod"), some("prod"));
        assert_eq!(completed("d use team:", "", "team:prod"), some("prod"));
        assert_eq!(completed("d use 'A", "'A", "Acme Prod"), some("Acme Prod"));
        assert_eq!(completed("d use 'A", "'A", "A'; x"), None);
        assert_eq!(completed("d use \"A", "\"A", "A$(x)"), None);
    }
}
