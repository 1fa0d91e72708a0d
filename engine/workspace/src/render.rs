//! JSON values as text in the style of their neighbours.

use serde_json::{Map, Value};

use crate::write::ordered;

/// How a place of the file is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// The end of a line and the indentation of the place; empty where all stands on one line.
    pub(crate) line: String,
    /// One more step of indentation.
    pub(crate) step: String,
    /// What stands between a key and its value.
    pub(crate) colon: String,
    /// What stands after a comma on one line.
    pub(crate) gap: String,
}

impl Style {
    /// All on one line, as serde_json has it.
    pub(crate) fn compact() -> Self {
        Self {
            line: String::new(),
            step: String::new(),
            colon: ":".to_owned(),
            gap: String::new(),
        }
    }

    /// The style one level further in.
    fn inner(&self) -> Self {
        let mut inner = self.clone();
        if !self.line.is_empty() {
            inner.line += &self.step;
        }
        inner
    }
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The text of a value that begins at a place of this style.
pub(crate) fn value(value: &Value, style: &Style) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => object(members, style),
        Value::Array(elements) if !elements.is_empty() => {
            let inner = style.inner();
            let parts = elements.iter().map(|element| self::value(element, &inner));
            wrapped('[', parts.collect(), ']', style)
        }
        plain => plain.to_string(),
    }
}

/// The text of an object that begins at a place of this style.
pub(crate) fn object(members: &Map<String, Value>, style: &Style) -> String {
    let inner = style.inner();
    let parts = ordered(members)
        .into_iter()
        .map(|(name, member)| format!("{}{}{}", quoted(name), style.colon, value(member, &inner)));
    wrapped('{', parts.collect(), '}', style)
}

/// Parts between brackets, one on a line where the style has lines.
pub(crate) fn wrapped(open: char, parts: Vec<String>, close: char, style: &Style) -> String {
    if style.line.is_empty() {
        let comma = format!(",{}", style.gap);
        return format!("{open}{}{close}", parts.join(&comma));
    }
    let inner = style.inner().line;
    let comma = format!(",{inner}");
    format!("{open}{inner}{}{}{close}", parts.join(&comma), style.line)
}
