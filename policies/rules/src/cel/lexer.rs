//! Text to words.

use super::Mistake;

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    Int(i64),
    Double(f64),
    Text(String),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// A word and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) at: usize,
    pub(crate) word: Word,
}

/// Longer ones first.
const SIGNS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")",
    "[", "]", "{", "}", ",", ".", "=",
];

/// The words of a text; the last is the end.
pub(crate) fn words(text: &str) -> Result<Vec<Token>, Mistake> {
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        if next.is_whitespace() {
            at += next.len_utf8();
            continue;
        }
        let (word, length) = word(text, at, next)?;
        tokens.push(Token { at, word });
        at += length;
    }
    tokens.push(Token {
        at: text.len(),
        word: Word::End,
    });
    Ok(tokens)
}

fn word(text: &str, at: usize, next: char) -> Result<(Word, usize), Mistake> {
    let rest = &text[at..];
    if next.is_ascii_digit() {
        return number(rest).map_err(|message| Mistake::new(at, message));
    }
    if next == '"' || next == '\'' {
        return quoted(rest, at, next);
    }
    if next.is_ascii_alphabetic() || next == '_' {
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        return Ok((Word::Name(rest[..length].into()), length));
    }
    if rest.starts_with("===") || rest.starts_with("!==") {
        let meant = &rest[..2];
        return Err(Mistake::new(
            at,
            format!("there is no `{}`; write `{meant}`", &rest[..3]),
        ));
    }
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(*sign));
    match sign {
        Some("=") => Err(Mistake::new(at, "`=` compares nothing; write `==`")),
        Some(sign) => Ok((Word::Sign(sign), sign.len())),
        None => Err(Mistake::new(at, stray(next))),
    }
}

/// What to say of a character that begins no word.
fn stray(next: char) -> String {
    let meant = match next {
        '&' => "`&&`",
        '|' => "`||`",
        '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '`' => "a plain quote: \"text\"",
        '≥' => "`>=`",
        '≤' => "`<=`",
        '≠' => "`!=`",
        '−' | '–' => "`-`",
        '$' | '@' | '#' => "the name without it",
        ';' => "several conditions with `&&`",
        _ => "names, numbers, \"texts\" and operators",
    };
    format!("`{next}` means nothing here; write {meant}")
}

fn number(rest: &str) -> Result<(Word, usize), String> {
    let digits = |from: usize| {
        rest[from..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(rest.len(), |n| from + n)
    };
    let whole = digits(0);
    let mut length = whole;
    let mut double = false;
    if rest[length..].starts_with('.')
        && rest[length + 1..].starts_with(|c: char| c.is_ascii_digit())
    {
        length = digits(length + 1);
        double = true;
    }
    if let Some(unit) = rest[length..]
        .chars()
        .next()
        .filter(char::is_ascii_alphabetic)
    {
        let number = &rest[..length];
        return Err(match unit {
            'u' | 'U' => format!("there are no unsigned numbers; write `{number}`"),
            'x' | 'e' | 'E' => "numbers are written with digits only, such as `90` or `0.5`".into(),
            _ => {
                let letters = rest[length..]
                    .find(|c: char| !c.is_ascii_alphanumeric())
                    .unwrap_or(rest.len() - length);
                let whole = &rest[..length + letters];
                format!(
                    "`{whole}` is no number; write `duration(\"{whole}\")` for a span of time, or quotes around a text"
                )
            }
        });
    }
    let text = &rest[..length];
    let word = if double {
        text.parse().map(Word::Double).ok()
    } else {
        text.parse().map(Word::Int).ok()
    };
    word.map(|word| (word, length))
        .ok_or_else(|| format!("`{text}` is too large for a number"))
}

fn quoted(rest: &str, at: usize, quote: char) -> Result<(Word, usize), Mistake> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((place, next)) = chars.next() {
        if next == quote {
            return Ok((Word::Text(text), place + 1));
        }
        if next != '\\' {
            text.push(next);
            continue;
        }
        let Some((_, escaped)) = chars.next() else {
            break;
        };
        text.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '\\' | '"' | '\'' | '`' | '?' => escaped,
            other => {
                let message =
                    format!("there is no escape `\\{other}`; write `\\\\{other}` for a backslash");
                return Err(Mistake::new(at + place, message));
            }
        });
    }
    let message = format!("the text that begins here has no end; close it with `{quote}`");
    Err(Mistake::new(at, message))
}
