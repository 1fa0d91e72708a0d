//! Text to words.

use crate::Mistake;

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    /// Without its sign, which an operator may turn out to be.
    Int(u64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
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
        if text[at..].starts_with("//") {
            at += text[at..].find('\n').unwrap_or(text.len() - at);
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
    let fraction = rest
        .strip_prefix('.')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if next.is_ascii_digit() || fraction {
        return number(rest).map_err(|message| Mistake::new(at, message));
    }
    if let Some(quoted) = Quoted::begins(rest) {
        return quoted.read(rest, at);
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
        Some("=") => Err(Mistake::new(at, "`=` does not compare; write `==`")),
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
    format!("`{next}` has no meaning here; write {meant}")
}

/// Where the digits from here on end.
fn digits(text: &str, from: usize) -> usize {
    text[from..]
        .find(|c: char| !c.is_ascii_digit())
        .map_or(text.len(), |n| from + n)
}

fn number(rest: &str) -> Result<(Word, usize), String> {
    if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        let length = hex
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(hex.len());
        let number = u64::from_str_radix(&hex[..length], 16)
            .map_err(|_| format!("`{}` is not a number", &rest[..length + 2]))?;
        return finish(rest, length + 2, Word::Int(number));
    }
    let mut length = digits(rest, 0);
    let mut double = false;
    if rest[length..].starts_with('.')
        && rest[length + 1..].starts_with(|c: char| c.is_ascii_digit())
    {
        length = digits(rest, length + 1);
        double = true;
    }
    if rest[length..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
        let end = digits(rest, length + 1 + sign);
        if end > length + 1 + sign {
            length = end;
            double = true;
        }
    }
    let text = &rest[..length];
    let large = || format!("`{text}` is too large for a number");
    let word = match double {
        true => Word::Double(text.parse().map_err(|_| large())?),
        false => Word::Int(text.parse().map_err(|_| large())?),
    };
    finish(rest, length, word)
}

/// The number with its unit, of which there is one: `u`.
fn finish(rest: &str, length: usize, word: Word) -> Result<(Word, usize), String> {
    let letters = rest[length..]
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len() - length);
    match (&rest[length..length + letters], word) {
        ("", word) => Ok((word, length)),
        ("u" | "U", Word::Int(number)) => Ok((Word::Uint(number), length + 1)),
        _ => {
            let whole = &rest[..length + letters];
            Err(format!(
                "`{whole}` is not a number; write `duration(\"{whole}\")` for a span of time, or quotes around a text"
            ))
        }
    }
}

/// How a text in quotes is written.
struct Quoted {
    /// Bytes before the first quote: `r`, `b` or both.
    prefix: usize,
    raw: bool,
    bytes: bool,
    quote: &'static str,
}

impl Quoted {
    fn begins(rest: &str) -> Option<Self> {
        let prefix = rest.find(['"', '\'']).filter(|prefix| *prefix <= 2)?;
        let letters = rest[..prefix].to_ascii_lowercase();
        let (raw, bytes) = match letters.as_str() {
            "" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "rb" | "br" => (true, true),
            _ => return None,
        };
        let quote = ["\"\"\"", "'''", "\"", "'"]
            .into_iter()
            .find(|quote| rest[prefix..].starts_with(quote))?;
        Some(Self {
            prefix,
            raw,
            bytes,
            quote,
        })
    }

    fn read(&self, rest: &str, at: usize) -> Result<(Word, usize), Mistake> {
        let mut content = Vec::new();
        let mut place = self.prefix + self.quote.len();
        while let Some(next) = rest[place..].chars().next() {
            if rest[place..].starts_with(self.quote) {
                let length = place + self.quote.len();
                return match String::from_utf8(content) {
                    Ok(text) if !self.bytes => Ok((Word::Text(text), length)),
                    Ok(text) => Ok((Word::Bytes(text.into_bytes()), length)),
                    Err(error) => Ok((Word::Bytes(error.into_bytes()), length)),
                };
            }
            if next == '\\' && !self.raw {
                let escape = Escape::read(&rest[place + 1..], self.bytes)
                    .map_err(|message| Mistake::new(at + place, message))?;
                match escape.what {
                    Escaped::Char(c) => {
                        content.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    Escaped::Byte(byte) => content.push(byte),
                }
                place += 1 + escape.length;
                continue;
            }
            content.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
            place += next.len_utf8();
        }
        let quote = self.quote;
        let message = format!("the text that begins here has no end; close it with `{quote}`");
        Err(Mistake::new(at, message))
    }
}

enum Escaped {
    Char(char),
    /// Of a text of bytes, whose escapes are bytes.
    Byte(u8),
}

/// What follows a backslash.
struct Escape {
    what: Escaped,
    /// Bytes that it takes.
    length: usize,
}

impl Escape {
    fn read(rest: &str, bytes: bool) -> Result<Self, String> {
        let Some(first) = rest.chars().next() else {
            return Err("the text ends with a backslash; write `\\\\`".into());
        };
        let one = |c: char| {
            Ok(Self {
                what: Escaped::Char(c),
                length: 1,
            })
        };
        match first {
            'a' => one('\u{7}'),
            'b' => one('\u{8}'),
            'f' => one('\u{c}'),
            'n' => one('\n'),
            'r' => one('\r'),
            't' => one('\t'),
            'v' => one('\u{b}'),
            '\\' | '"' | '\'' | '`' | '?' => one(first),
            'x' | 'X' => Self::number(rest, 1, 2, 16, bytes),
            'u' if !bytes => Self::number(rest, 1, 4, 16, false),
            'U' if !bytes => Self::number(rest, 1, 8, 16, false),
            '0'..='3' => Self::number(rest, 0, 3, 8, bytes),
            other => Err(format!(
                "there is no escape `\\{other}`; write `\\\\{other}` for a backslash, or r\"…\" for a text without escapes"
            )),
        }
    }

    fn number(
        rest: &str,
        skip: usize,
        count: usize,
        radix: u32,
        bytes: bool,
    ) -> Result<Self, String> {
        let length = skip + count;
        let digits = rest
            .get(skip..length)
            .filter(|digits| digits.chars().all(|c| c.is_digit(radix)));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, radix).ok());
        let wrong = || format!("the escape `\\{}` needs {count} digits", &rest[..skip]);
        let number = number.ok_or_else(wrong)?;
        let what = match (bytes, u8::try_from(number)) {
            (true, Ok(byte)) => Escaped::Byte(byte),
            (true, Err(_)) => return Err(wrong()),
            (false, _) => Escaped::Char(
                char::from_u32(number)
                    .ok_or_else(|| format!("there is no character {number:#x}"))?,
            ),
        };
        Ok(Self { what, length })
    }
}
