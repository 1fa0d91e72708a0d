//! INI text as the AWS clients read it, edited without touching any other byte.
//!
//! A text is a row of lines; an edit adds and removes lines. Whether the last line of the text
//! ends with a line break stays as it was, so that adding lines and removing them again gives
//! back the same bytes.
//!
//! Which lines belong together follows Python's `configparser`, which botocore and the AWS CLI
//! use and which is the strictest of the readers: lines end as Python's universal newlines do, a
//! header ends at the last `]` of its line, keys end at the first `=` or `:`, a line that is
//! indented deeper than the key before it continues that key's value, and comments stand alone on
//! a line. What configparser refuses is a line too, so that any bytes can be taken apart and put
//! together again; whether they can be read says [`crate::AwsFile::read`].
//!
//! Not a crate: `ini-roundtrip` 0.2, the one that keeps the text of each line (`ini-doc` and `ini-merge`
//! are built on it), keeps no line endings and reads UTF-8 only, and none reads as configparser does.
//!
//! Source: `CPython` 3.11, `configparser.RawConfigParser._read`.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::white;

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `\n`.
    Lf,
    /// `\r\n`.
    CrLf,
    /// `\r`.
    Cr,
}

impl Ending {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Cr => b"\r",
        }
    }
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing or white space.
    Blank,
    /// Begins with `#` or `;`.
    Comment,
    /// `[name]`.
    Header,
    /// A key and its value, as ranges of the line's text.
    Key {
        /// Where the key stands.
        key: Range<usize>,
        /// Where the value stands.
        value: Range<usize>,
    },
    /// More of the value of the key above.
    Continuation,
    /// Anything else, which no client reads.
    Other,
}

/// A line: one of the source, or a new one.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    text: Text<'a>,
    /// What it is.
    pub kind: Kind,
    /// Absent only for a last line without a line break.
    pub ending: Option<Ending>,
    /// Its number in the source, from 1; 0 where it is new.
    pub number: usize,
}

#[derive(Clone)]
enum Text<'a> {
    Source(&'a [u8]),
    New(Zeroizing<Vec<u8>>),
}

// Lines hold secrets.
impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Line<'_> {
    /// A new line `key = value`.
    #[must_use]
    pub fn key(key: &str, value: &str, ending: Ending) -> Self {
        let mut text = Zeroizing::new(Vec::with_capacity(key.len() + 3 + value.len()));
        text.extend_from_slice(key.as_bytes());
        text.extend_from_slice(b" = ");
        let start = text.len();
        text.extend_from_slice(value.as_bytes());
        let kind = Kind::Key {
            key: 0..key.len(),
            value: start..text.len(),
        };
        Self::new(text, kind, ending)
    }

    /// A new line `[name]`.
    #[must_use]
    pub fn header(name: &str, ending: Ending) -> Self {
        let text = Zeroizing::new(format!("[{name}]").into_bytes());
        Self::new(text, Kind::Header, ending)
    }

    /// A new empty line.
    #[must_use]
    pub fn blank(ending: Ending) -> Self {
        Self::new(Zeroizing::default(), Kind::Blank, ending)
    }

    /// A line in the place of this one, which ends as it does.
    pub(crate) fn with_text(&self, text: Zeroizing<Vec<u8>>, kind: Kind) -> Self {
        Self {
            text: Text::New(text),
            kind,
            ending: self.ending,
            number: self.number,
        }
    }

    fn new(text: Zeroizing<Vec<u8>>, kind: Kind, ending: Ending) -> Self {
        Self {
            text: Text::New(text),
            kind,
            ending: Some(ending),
            number: 0,
        }
    }

    /// Its text, without the line break.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        match &self.text {
            Text::Source(text) => text,
            Text::New(text) => text,
        }
    }

    /// Its text without the white space at its ends.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        let text = self.text();
        &text[white::trimmed(text, 0..text.len())]
    }

    /// Key and value, where it is a key.
    #[must_use]
    pub fn pair(&self) -> Option<(&[u8], &[u8])> {
        match &self.kind {
            Kind::Key { key, value } => {
                Some((&self.text()[key.clone()], &self.text()[value.clone()]))
            }
            _ => None,
        }
    }

    /// Whether it is this key; clients do not tell capitals from small letters.
    #[must_use]
    pub fn is_key(&self, name: &str) -> bool {
        self.pair()
            .is_some_and(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether it begins with white space.
    #[must_use]
    pub fn is_indented(&self) -> bool {
        white::at_start(self.text()).is_some()
    }
}

/// A header and the lines up to the next one, or the lines before the first header.
#[derive(Clone, Debug, Default)]
pub struct Section<'a> {
    /// The header's name as it stands between the brackets; none before the first header.
    pub name: Option<Vec<u8>>,
    /// All lines, the header first where there is one.
    pub lines: Vec<Line<'a>>,
}

/// An INI text in lines.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    mark: &'a [u8],
    /// The sections in their order; the first one has no name and may be without lines.
    pub sections: Vec<Section<'a>>,
    /// How new lines end where no neighbour tells.
    pub ending: Ending,
    terminated: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl<'a> Document<'a> {
    /// Takes any bytes apart.
    #[must_use]
    pub fn parse(source: &'a [u8]) -> Self {
        let mark = match source.starts_with(BYTE_ORDER_MARK) {
            true => BYTE_ORDER_MARK,
            false => b"",
        };
        let mut document = Self {
            mark,
            sections: vec![Section::default()],
            ending: Ending::Lf,
            terminated: true,
        };
        let mut rest = &source[mark.len()..];
        let mut reader = Reader::default();
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let (text, ending, next) = split_line(rest);
            rest = next;
            document.terminated = ending.is_some();
            document.ending = ending.unwrap_or(document.ending);
            let (kind, name) = reader.classify(text);
            let line = Line {
                text: Text::Source(text),
                kind,
                ending,
                number,
            };
            if name.is_some() {
                document.sections.push(Section {
                    name,
                    lines: Vec::new(),
                });
            }
            if let Some(section) = document.sections.last_mut() {
                section.lines.push(line);
            }
        }
        document
    }

    /// Whether there is no line in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sections.iter().all(|section| section.lines.is_empty())
    }

    /// The bytes.
    #[must_use]
    pub fn render(&self) -> Zeroizing<Vec<u8>> {
        let lines = || self.sections.iter().flat_map(|section| &section.lines);
        let size: usize = lines().map(|line| line.text().len() + 2).sum();
        // Room for all of it at once: a vector that grows leaves copies of secrets behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.mark.len() + size));
        bytes.extend_from_slice(self.mark);
        let mut pending: &[u8] = b"";
        for line in lines() {
            bytes.extend_from_slice(pending);
            bytes.extend_from_slice(line.text());
            pending = line.ending.unwrap_or(self.ending).bytes();
        }
        if self.terminated {
            bytes.extend_from_slice(pending);
        }
        bytes
    }
}

fn split_line(source: &[u8]) -> (&[u8], Option<Ending>, &[u8]) {
    let Some(at) = source.iter().position(|b| matches!(b, b'\n' | b'\r')) else {
        return (source, None, b"");
    };
    let (ending, length) = match &source[at..] {
        [b'\r', b'\n', ..] => (Ending::CrLf, 2),
        [b'\r', ..] => (Ending::Cr, 1),
        _ => (Ending::Lf, 1),
    };
    (&source[..at], Some(ending), &source[at + length..])
}

/// What reading a line needs to know of the lines above.
#[derive(Default)]
struct Reader {
    in_section: bool,
    after_key: bool,
    indent: usize,
}

impl Reader {
    fn classify(&mut self, text: &[u8]) -> (Kind, Option<Vec<u8>>) {
        let range = white::trimmed(text, 0..text.len());
        let content = &text[range.clone()];
        match content.first() {
            None => return (Kind::Blank, None),
            Some(b'#' | b';') => return (Kind::Comment, None),
            Some(_) => {}
        }
        let indent = white::indent(text);
        if self.in_section && self.after_key && indent > self.indent {
            return (Kind::Continuation, None);
        }
        self.indent = indent;
        if let Some(name) = header(content) {
            self.in_section = true;
            self.after_key = false;
            return (Kind::Header, Some(name.to_vec()));
        }
        let sign = content.iter().position(|b| matches!(b, b'=' | b':'));
        match sign {
            Some(sign) if sign > 0 => {
                self.after_key = true;
                let sign = range.start + sign;
                let kind = Kind::Key {
                    key: white::trimmed(text, range.start..sign),
                    value: white::trimmed(text, sign + 1..range.end),
                };
                (kind, None)
            }
            // What follows a key without a name belongs to none; other nonsense is passed over.
            Some(_) => {
                self.after_key = false;
                (Kind::Other, None)
            }
            None => (Kind::Other, None),
        }
    }
}

/// What stands between the brackets of a header, which ends at the last one of its line.
fn header(content: &[u8]) -> Option<&[u8]> {
    let inner = content.strip_prefix(b"[")?;
    let close = inner.iter().rposition(|b| *b == b']')?;
    (close > 0).then(|| &inner[..close])
}

#[cfg(test)]
#[path = "ini_tests.rs"]
mod tests;
