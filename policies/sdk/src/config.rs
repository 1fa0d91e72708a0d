//! Reading a configuration: JSON in which every key is known and every error names its key.

use serde_json::{Map, Value};

use crate::closest;
use crate::duration::parse_duration;

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is no JSON.
    #[error("the configuration is not JSON: {message}")]
    NotJson {
        /// What the parser says.
        message: String,
    },
    /// A key that the policy does not know.
    #[error("`{key}` is not a key of this policy; {advice}")]
    UnknownKey {
        /// The key, with the path to it.
        key: String,
        /// What may be meant, or which keys there are.
        advice: String,
    },
    /// A key that has to be there.
    #[error("`{key}` is missing: {purpose}")]
    Missing {
        /// The key, with the path to it.
        key: String,
        /// What it is for, with an example.
        purpose: String,
    },
    /// A value that the key cannot take.
    #[error("`{key}`: {message}")]
    Wrong {
        /// The key, with the path to it.
        key: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// An expression that makes no sense.
    #[error("`{key}`, column {column}: {message}")]
    Expression {
        /// The key whose value the expression is.
        key: String,
        /// Where in the value, in characters from 1.
        column: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// A mistake in a part of the configuration that has a name.
    #[error("{place}, {error}")]
    Within {
        /// The part: `rule 2 (stop-idle)`.
        place: String,
        /// The mistake.
        error: Box<ConfigError>,
    },
    /// More than one mistake.
    #[error("{}", several(.0))]
    Several(Vec<ConfigError>),
}

/// All mistakes in one line; a text that long is hard to read, so no more than some.
fn several(errors: &[ConfigError]) -> String {
    const SHOWN: usize = 8;
    let mut text = errors
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ");
    if errors.len() > SHOWN {
        text.push_str(&format!("; and {} more", errors.len() - SHOWN));
    }
    text
}

/// A JSON object with known keys.
#[derive(Clone, Debug, Default)]
pub struct Object {
    path: String,
    fields: Map<String, Value>,
}

impl Object {
    /// Reads the configuration. An empty text and `null` are an empty object.
    ///
    /// # Errors
    /// It is no JSON object, or has a key that is not in `known`.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, ConfigError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_str(text) {
            Ok(Value::Null) => Ok(Self::default()),
            Ok(Value::Object(fields)) => Self {
                path: String::new(),
                fields,
            }
            .checked(known),
            Ok(other) => Err(ConfigError::Wrong {
                key: "config".into(),
                message: format!("must be an object, not {}", kind(&other)),
            }),
            Err(error) => Err(ConfigError::NotJson {
                message: error.to_string(),
            }),
        }
    }

    /// The same, where it has no key but the known ones.
    ///
    /// # Errors
    /// It has another key.
    pub fn checked(self, known: &[&str]) -> Result<Self, ConfigError> {
        let Some(key) = self
            .fields
            .keys()
            .find(|key| !known.contains(&key.as_str()))
        else {
            return Ok(self);
        };
        let advice = match closest(key, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its keys are {}", list(known.iter().copied())),
        };
        Err(ConfigError::UnknownKey {
            key: self.path_of(key),
            advice,
        })
    }

    fn path_of(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// Whether the key is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }

    /// An error about the value of a key.
    #[must_use]
    pub fn wrong(&self, key: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::Wrong {
            key: self.path_of(key),
            message: message.into(),
        }
    }

    /// An error about the absence of a key, with what the key is for.
    #[must_use]
    pub fn missing(&self, key: &str, purpose: &str) -> ConfigError {
        ConfigError::Missing {
            key: self.path_of(key),
            purpose: purpose.into(),
        }
    }

    fn mismatch(&self, key: &str, wanted: &str, found: &Value) -> ConfigError {
        self.wrong(key, format!("must be {wanted}, not {}", kind(found)))
    }

    /// The object under a key, empty where the key is absent.
    ///
    /// # Errors
    /// The value is no object, or has a key that is not in `known`.
    pub fn object(&self, key: &str, known: &[&str]) -> Result<Self, ConfigError> {
        let path = format!("{}.", self.path_of(key));
        match self.value(key) {
            None => Ok(Self {
                path,
                fields: Map::new(),
            }),
            Some(Value::Object(fields)) => Self {
                path,
                fields: fields.clone(),
            }
            .checked(known),
            Some(other) => Err(self.mismatch(key, "an object", other)),
        }
    }

    /// The objects of a list under a key; none where the key is absent. Their errors name only the
    /// keys within: say with [`ConfigError::Within`] which of them it is.
    ///
    /// # Errors
    /// The value is no list of objects.
    pub fn objects(&self, key: &str) -> Result<Vec<Self>, ConfigError> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| match item {
                    Value::Object(fields) => Ok(Self {
                        path: String::new(),
                        fields: fields.clone(),
                    }),
                    other => Err(self.mismatch(&format!("{key}[{index}]"), "an object", other)),
                })
                .collect(),
            Some(other) => Err(self.mismatch(key, "a list of objects", other)),
        }
    }

    /// The keys and texts of an object under a key; none where it is absent.
    ///
    /// # Errors
    /// The value is no object of texts.
    pub fn pairs(&self, key: &str) -> Result<Vec<(String, String)>, ConfigError> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Object(fields)) => fields
                .iter()
                .map(|(name, value)| match value {
                    Value::String(text) => Ok((name.clone(), text.clone())),
                    other => Err(self.mismatch(&format!("{key}.{name}"), "a text", other)),
                })
                .collect(),
            Some(other) => Err(self.mismatch(key, "an object of texts", other)),
        }
    }

    /// The whole number under a key, within bounds.
    ///
    /// # Errors
    /// The value is not a whole number, or lies outside.
    pub fn count(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Number(number)) => match number.as_u64() {
                Some(count) if (least..=most).contains(&count) => Ok(Some(count)),
                _ => Err(self.wrong(
                    key,
                    format!("must be a whole number from {least} to {most}, not {number}"),
                )),
            },
            Some(other) => Err(self.mismatch(key, "a whole number", other)),
        }
    }

    /// The text under a key.
    ///
    /// # Errors
    /// The value is not a text, or an empty one.
    pub fn text(&self, key: &str) -> Result<Option<&str>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => {
                Err(self.wrong(key, "is empty; leave the key out instead"))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.mismatch(key, "a text", other)),
        }
    }

    /// The texts of a list under a key, each with the path to it; none where the key is absent.
    ///
    /// # Errors
    /// The value is no list, or holds something that is not a text or an empty one.
    pub fn texts(&self, key: &str) -> Result<Vec<(String, &str)>, ConfigError> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    let place = format!("{key}[{index}]");
                    match item {
                        Value::String(text) if !text.trim().is_empty() => {
                            Ok((place, text.as_str()))
                        }
                        Value::String(_) => Err(self.wrong(&place, "is empty")),
                        other => Err(self.mismatch(&place, "a text", other)),
                    }
                })
                .collect(),
            Some(other) => Err(self.mismatch(key, "a list of texts", other)),
        }
    }

    /// As [`Object::texts`], where one text may stand for a list of one.
    ///
    /// # Errors
    /// The value is neither a text nor a list of texts.
    pub fn text_or_texts(&self, key: &str) -> Result<Vec<(String, &str)>, ConfigError> {
        match self.value(key) {
            Some(Value::String(_)) => Ok(self
                .text(key)?
                .into_iter()
                .map(|text| (key.to_string(), text))
                .collect()),
            Some(Value::Array(_)) | None => self.texts(key),
            Some(other) => Err(self.mismatch(key, "a text or a list of texts", other)),
        }
    }

    /// The truth value under a key.
    ///
    /// # Errors
    /// The value is neither `true` nor `false`.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.mismatch(key, "`true` or `false`", other)),
        }
    }

    /// The share under a key: a number between 0 and a limit below 1, given in percent.
    ///
    /// # Errors
    /// The value is not a number, or lies outside.
    pub fn share(&self, key: &str, percent: u8) -> Result<Option<f64>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Number(number)) => match number.as_f64() {
                Some(share) if (0.0..=f64::from(percent) / 100.0).contains(&share) => {
                    Ok(Some(share))
                }
                // Whole percents, since the code that prints any float is larger than most rules.
                _ => Err(self.wrong(
                    key,
                    format!("must be between 0 and 0.{percent:02}, not {number}"),
                )),
            },
            Some(other) => Err(self.mismatch(key, "a number", other)),
        }
    }

    /// The span of time under a key, in milliseconds: a text such as `20m`, or whole seconds.
    ///
    /// # Errors
    /// The value is no span.
    pub fn duration(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => parse_duration(text)
                .map(Some)
                .map_err(|message| self.wrong(key, message)),
            Some(Value::Number(number)) => {
                let millis = number
                    .as_u64()
                    .and_then(|seconds| seconds.checked_mul(1_000));
                millis.map(Some).ok_or_else(|| {
                    self.wrong(
                        key,
                        format!("must be whole seconds, 0 or more, not {number}"),
                    )
                })
            }
            Some(other) => Err(self.mismatch(key, "a duration such as `20m`, or seconds", other)),
        }
    }
}

/// What sort of JSON value it is, with its article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Words for a sentence: `` `a`, `b`, `c` ``.
pub(crate) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for word in words {
        let comma = if text.is_empty() { "" } else { ", " };
        text.push_str(comma);
        text.push('`');
        text.push_str(word);
        text.push('`');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["before", "share", "on", "names", "inner"];

    fn object(text: &str) -> Object {
        Object::parse(text, KNOWN).unwrap()
    }

    #[test]
    fn nothing_is_an_empty_configuration() {
        for text in ["", "  ", "null", "{}"] {
            assert_eq!(object(text).duration("before"), Ok(None), "{text}");
        }
    }

    #[test]
    fn every_error_names_its_key() {
        let inner = |text| object(text).object("inner", &["types"]).map(|_| ());
        let errors = [
            (
                Object::parse("[]", KNOWN).map(|_| ()),
                "`config`: must be an object, not a list",
            ),
            (
                Object::parse(r#"{"befor":1}"#, KNOWN).map(|_| ()),
                "`befor` is not a key of this policy; did you mean `before`?",
            ),
            (
                Object::parse(r#"{"zebra":1}"#, KNOWN).map(|_| ()),
                "`zebra` is not a key of this policy; its keys are `before`, `share`, `on`, `names`, `inner`",
            ),
            (
                inner(r#"{"inner":{"tpyes":[]}}"#),
                "`inner.tpyes` is not a key of this policy; did you mean `types`?",
            ),
            (
                inner(r#"{"inner":3}"#),
                "`inner`: must be an object, not a number",
            ),
            (
                object(r#"{"before":-1}"#).duration("before").map(|_| ()),
                "`before`: must be whole seconds, 0 or more, not -1",
            ),
            (
                object(r#"{"share":1.5}"#).share("share", 90).map(|_| ()),
                "`share`: must be between 0 and 0.90, not 1.5",
            ),
            (
                object(r#"{"names":["a",4]}"#).texts("names").map(|_| ()),
                "`names[1]`: must be a text, not a number",
            ),
            (
                object(r#"{"before":null}"#).duration("before").map(|_| ()),
                "`before`: must be a duration such as `20m`, or seconds, not null",
            ),
            (
                object(r#"{"names":[""]}"#).texts("names").map(|_| ()),
                "`names[0]`: is empty",
            ),
            (
                object(r#"{"on":"yes"}"#).flag("on").map(|_| ()),
                "`on`: must be `true` or `false`, not a text",
            ),
        ];
        for (result, expected) in errors {
            assert_eq!(result.unwrap_err().to_string(), expected);
        }
        let broken = Object::parse("{", KNOWN).unwrap_err().to_string();
        assert!(
            broken.starts_with("the configuration is not JSON: "),
            "{broken}"
        );
    }
}
