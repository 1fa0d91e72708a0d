//! Sections, keys and values: what botocore's `raw_config_parse` makes of a file.
//!
//! Source: botocore, `configloader.py`; `CPython` 3.11, `configparser.RawConfigParser`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use zeroize::Zeroizing;

use crate::fault::{Fault, Faults, What};
use crate::ini::{Document, Kind, Line};
use crate::white;

/// The section that all others inherit from.
const DEFAULTS: &[u8] = b"DEFAULT";

/// A section as botocore has it.
#[derive(Clone, Debug)]
pub struct Section {
    /// What stands between the brackets, blanks and quotes included.
    pub name: String,
    /// The line of its header, from 1.
    pub line: usize,
    /// Its keys in small letters, and those of `[DEFAULT]`.
    pub keys: BTreeMap<String, Key>,
}

/// A key of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its line, from 1.
    pub line: usize,
    /// Its value.
    pub value: Value,
    /// Whether it stands in `[DEFAULT]` and not in the section itself.
    pub inherited: bool,
}

/// The value of a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A text; one that goes on in further lines has line breaks in it.
    Text(Zeroizing<String>),
    /// Keys of their own, as below `s3 =`.
    Nested(BTreeMap<String, Zeroizing<String>>),
}

// Values may be secrets.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Section {
    /// The value of a key, given in small letters; none where it is none or has keys of its own.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.keys.get(key)?.text()
    }
}

impl Key {
    /// The value, where it is a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Nested(_) => None,
        }
    }
}

/// All sections in the order of the file, without `[DEFAULT]`, whose keys are in each of them.
///
/// # Errors
/// What botocore refuses, and a NUL.
pub fn raw(source: &[u8]) -> Result<Vec<Section>, Faults> {
    if let Some(fault) = encoding(source) {
        return Err(Faults(fault, Vec::new()));
    }
    let document = Document::parse(source);
    let mut reading = Reading::default();
    for section in &document.sections {
        reading.enter(section.name.as_deref(), section.lines.first());
        for line in &section.lines {
            reading.line(line);
        }
    }
    reading.end()
}

/// What keeps the bytes from being a text that clients read.
fn encoding(source: &[u8]) -> Option<Fault> {
    let first = |what| {
        Some(Fault {
            line: 1,
            byte: 1,
            what,
        })
    };
    match source {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, 0xff, ..] => return first(What::Wide),
        [0xef, 0xbb, 0xbf, ..] => return first(What::ByteOrderMark),
        _ => {}
    }
    let (at, what) = match std::str::from_utf8(source) {
        Err(error) => {
            let at = error.valid_up_to();
            (at, What::NotUtf8(*source.get(at)?))
        }
        Ok(_) => (source.iter().position(|b| *b == 0)?, What::Nul),
    };
    let above = source.get(..at)?;
    let document = Document::parse(above);
    let lines = document.sections.iter().flat_map(|section| &section.lines);
    let (line, byte) = match lines.last() {
        None => (1, 1),
        Some(line) if line.ending.is_some() => (line.number + 1, 1),
        Some(line) => (line.number, line.text().len() + 1),
    };
    Some(Fault { line, byte, what })
}

/// A value in its lines.
struct Pending {
    line: usize,
    parts: Vec<(usize, Zeroizing<String>)>,
}

#[derive(Default)]
struct Frame {
    name: String,
    line: usize,
    keys: BTreeMap<String, Pending>,
}

/// Which section lines go into.
#[derive(Clone, Copy, Default)]
enum Place {
    #[default]
    None,
    Defaults,
    /// A section; one that the file has twice goes on here.
    Section(usize),
}

#[derive(Default)]
struct Reading {
    faults: Vec<Fault>,
    sections: Vec<Frame>,
    places: HashMap<String, usize>,
    defaults: Frame,
    place: Place,
    key: Option<String>,
    unplaced: bool,
}

impl Reading {
    fn fault(&mut self, line: &Line<'_>, what: What) {
        let byte = white::trimmed(line.text(), 0..line.text().len()).start + 1;
        self.faults.push(Fault {
            line: line.number,
            byte,
            what,
        });
    }

    fn enter(&mut self, name: Option<&[u8]>, header: Option<&Line<'_>>) {
        let (Some(name), Some(header)) = (name, header) else {
            return;
        };
        self.key = None;
        if name == DEFAULTS {
            self.place = Place::Defaults;
            return;
        }
        let name = String::from_utf8_lossy(name).into_owned();
        if let Some(at) = self.places.get(&name).copied() {
            let first = self.sections.get(at).map_or(0, |section| section.line);
            self.fault(header, What::SectionTwice { name, first });
            self.place = Place::Section(at);
            return;
        }
        let at = self.sections.len();
        self.places.insert(name.clone(), at);
        self.sections.push(Frame {
            name,
            line: header.number,
            keys: BTreeMap::new(),
        });
        self.place = Place::Section(at);
    }

    fn keys(&mut self) -> Option<&mut BTreeMap<String, Pending>> {
        match self.place {
            Place::None => None,
            Place::Defaults => Some(&mut self.defaults.keys),
            Place::Section(at) => self.sections.get_mut(at).map(|section| &mut section.keys),
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        match &line.kind {
            Kind::Header | Kind::Comment => {}
            Kind::Blank => self.go_on(line.number, ""),
            Kind::Continuation => {
                let text = String::from_utf8_lossy(line.content());
                self.go_on(line.number, white::trim(&text));
            }
            Kind::Key { .. } | Kind::Other if matches!(self.place, Place::None) => {
                if !std::mem::replace(&mut self.unplaced, true) {
                    self.fault(line, What::NoSection);
                }
            }
            Kind::Other => {
                let nameless = matches!(line.content().first(), Some(b'=' | b':'));
                if nameless {
                    self.key = None;
                }
                let what = if nameless { What::NoName } else { What::NoSign };
                self.fault(line, what);
            }
            Kind::Key { .. } => self.begin(line),
        }
    }

    fn go_on(&mut self, line: usize, text: &str) {
        let Some(key) = self.key.clone() else { return };
        let pending = self.keys().and_then(|keys| keys.get_mut(&key));
        if let Some(pending) = pending {
            pending.parts.push((line, Zeroizing::new(text.to_owned())));
        }
    }

    fn begin(&mut self, line: &Line<'_>) {
        let Some((key, value)) = line.pair() else {
            return;
        };
        let key = String::from_utf8_lossy(key).to_lowercase();
        let value = Zeroizing::new(String::from_utf8_lossy(value).into_owned());
        self.key = Some(key.clone());
        let Some(keys) = self.keys() else { return };
        if let Some(before) = keys.get(&key) {
            let first = before.line;
            let key = is_shown(&key).then_some(key);
            self.fault(line, What::KeyTwice { key, first });
            return;
        }
        let pending = Pending {
            line: line.number,
            parts: vec![(line.number, value)],
        };
        keys.insert(key, pending);
    }

    fn end(mut self) -> Result<Vec<Section>, Faults> {
        let mut found = Vec::with_capacity(self.sections.len());
        for frame in &self.sections {
            let mut keys = BTreeMap::new();
            let inherited = self.defaults.keys.iter().map(|pair| (pair, true));
            let own = frame.keys.iter().map(|pair| (pair, false));
            // Its own keys come later, and stand over the inherited ones.
            for ((name, pending), inherited) in inherited.chain(own) {
                if inherited && frame.keys.contains_key(name) {
                    continue;
                }
                match pending.value() {
                    Ok(value) => {
                        let line = pending.line;
                        keys.insert(
                            name.clone(),
                            Key {
                                line,
                                value,
                                inherited,
                            },
                        );
                    }
                    Err(fault) if self.faults.contains(&fault) => {}
                    Err(fault) => self.faults.push(fault),
                }
            }
            found.push(Section {
                name: frame.name.clone(),
                line: frame.line,
                keys,
            });
        }
        match Faults::of(self.faults) {
            Some(faults) => Err(faults),
            None => Ok(found),
        }
    }
}

impl Pending {
    fn value(&self) -> Result<Value, Fault> {
        let size = self.parts.iter().map(|(_, text)| text.len() + 1).sum();
        // Room for all of it at once: a text that grows leaves copies of secrets behind.
        let mut whole = Zeroizing::new(String::with_capacity(size));
        for (at, (_, text)) in self.parts.iter().enumerate() {
            if at > 0 {
                whole.push('\n');
            }
            whole.push_str(text);
        }
        let length = white::trimmed_end(&whole).len();
        whole.truncate(length);
        if whole.starts_with('\n') {
            return self.nested().map(Value::Nested);
        }
        Ok(Value::Text(whole))
    }

    /// Keys of their own; the lines are cut as Python's `splitlines` cuts them.
    fn nested(&self) -> Result<BTreeMap<String, Zeroizing<String>>, Fault> {
        let breaks = |c: char| {
            matches!(
                c,
                '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
            )
        };
        let mut found = BTreeMap::new();
        for (number, part) in &self.parts {
            for line in part.split(breaks) {
                let line = white::trim(line);
                if line.is_empty() {
                    continue;
                }
                let Some((key, value)) = line.split_once('=') else {
                    return Err(Fault {
                        line: *number,
                        byte: 1,
                        what: What::NestedNoSign,
                    });
                };
                let value = Zeroizing::new(white::trim(value).to_owned());
                found.insert(white::trim(key).to_owned(), value);
            }
        }
        Ok(found)
    }
}

/// Whether a key is a word, and not a secret that stands in its place.
fn is_shown(key: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    key.bytes().all(word) && (key.len() <= 12 || (key.contains('_') && key.len() <= 40))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
