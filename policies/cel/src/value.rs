//! What expressions come to.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::ast::{DURATION, TIMESTAMP};
use crate::calendar::moment_text;
use crate::span::span_text;

/// Something measured in nanoseconds that may go with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moving {
    /// At the moment of the call.
    pub nanos: i128,
    /// How much it changes while a nanosecond passes: 0 for what stands still, 1 for `now`.
    pub slope: i64,
}

impl Moving {
    /// What does not go with the clock.
    #[must_use]
    pub const fn still(nanos: i128) -> Self {
        Self { nanos, slope: 0 }
    }
}

/// What an expression comes to. Borrows from the expression and from what it is asked about.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number without a sign.
    Uint(u64),
    /// A number with a point.
    Double(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A moment.
    Moment(Moving),
    /// A span of time.
    Span(Moving),
    /// A list.
    List(Rc<Vec<Value<'a>>>),
    /// A map: keys and values.
    Map(Rc<Vec<(Value<'a>, Value<'a>)>>),
    /// A type.
    Type(&'static str),
    /// A list or an object of JSON.
    Json(&'a Json),
    /// Something whose fields the scene knows.
    Object(&'static str),
}

impl<'a> Value<'a> {
    /// A text that is borrowed.
    #[must_use]
    pub const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A text of its own.
    #[must_use]
    pub const fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(items))
    }

    /// The value of some JSON.
    #[must_use]
    pub fn json(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => match number.as_i64() {
                Some(int) => Self::Int(int),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::text(text),
            Json::Array(_) | Json::Object(_) => Self::Json(json),
        }
    }

    /// What sort of value it is, with its article.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a whole number",
            Self::Uint(_) => "a whole number without a sign",
            Self::Double(_) => "a number with a point",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Moment(_) => "a moment",
            Self::Span(_) => "a span of time",
            Self::List(_) | Self::Json(Json::Array(_)) => "a list",
            Self::Map(_) | Self::Json(_) => "a map",
            Self::Type(_) => "a type",
            Self::Object(_) => "an object",
        }
    }

    /// Its type, as the specification calls it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Moment(_) => TIMESTAMP,
            Self::Span(_) => DURATION,
            Self::List(_) | Self::Json(Json::Array(_)) => "list",
            Self::Map(_) | Self::Json(_) | Self::Object(_) => "map",
            Self::Type(_) => "type",
        }
    }

    /// The values of a list, or the keys of a map; none where it is neither.
    pub(crate) fn elements(&self) -> Option<Cow<'_, [Value<'a>]>> {
        match self {
            Self::List(items) => Some(Cow::Borrowed(items.as_slice())),
            Self::Map(pairs) => Some(pairs.iter().map(|(key, _)| key.clone()).collect()),
            Self::Json(Json::Array(items)) => Some(items.iter().map(Value::json).collect()),
            Self::Json(Json::Object(fields)) => {
                Some(fields.keys().map(|k| Value::text(k)).collect())
            }
            _ => None,
        }
    }

    /// How many characters, elements or keys there are.
    pub(crate) fn size(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::Bytes(bytes) => Some(bytes.len()),
            Self::List(items) => Some(items.len()),
            Self::Map(pairs) => Some(pairs.len()),
            Self::Json(Json::Array(items)) => Some(items.len()),
            Self::Json(Json::Object(fields)) => Some(fields.len()),
            _ => None,
        }
    }

    /// What a map holds under a key; none where it holds nothing, or is no map.
    pub(crate) fn under(&self, key: &Value<'_>) -> Option<Value<'a>> {
        match (self, key) {
            (Self::Map(pairs), key) => pairs
                .iter()
                .find(|(known, _)| known.same(key))
                .map(|(_, value)| value.clone()),
            (Self::Json(Json::Object(fields)), Value::Text(key)) => {
                fields.get(key.as_ref()).map(Value::json)
            }
            _ => None,
        }
    }

    /// Whether two values are one and the same. Numbers are compared by what they are worth.
    pub(crate) fn same(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(a), Value::Bool(b)) => a == b,
            (Self::Text(a), Value::Text(b)) => a == b,
            (Self::Bytes(a), Value::Bytes(b)) => a == b,
            (Self::Type(a), Value::Type(b)) => a == b,
            (Self::Moment(a), Value::Moment(b)) | (Self::Span(a), Value::Span(b)) => {
                a.nanos == b.nanos
            }
            _ if self.is_number() => numbers(self, other) == Some(Some(Ordering::Equal)),
            _ => match (self.elements(), other.elements()) {
                (Some(a), Some(b)) if self.is_map() == other.is_map() && a.len() == b.len() => {
                    if self.is_map() {
                        a.iter()
                            .all(|key| match (self.under(key), other.under(key)) {
                                (Some(a), Some(b)) => a.same(&b),
                                _ => false,
                            })
                    } else {
                        a.iter().zip(b.iter()).all(|(a, b)| a.same(b))
                    }
                }
                _ => false,
            },
        }
    }

    pub(crate) const fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Uint(_) | Self::Double(_))
    }

    const fn is_map(&self) -> bool {
        matches!(self, Self::Map(_) | Self::Json(Json::Object(_)))
    }

    /// Which of two values is the greater: none where they cannot be compared, and none within
    /// where one of them is not a number at all.
    pub(crate) fn order(&self, other: &Value<'_>) -> Option<Option<Ordering>> {
        Some(Some(match (self, other) {
            (Self::Text(a), Value::Text(b)) => a.as_ref().cmp(b.as_ref()),
            (Self::Bytes(a), Value::Bytes(b)) => a.as_ref().cmp(b.as_ref()),
            (Self::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Self::Moment(a), Value::Moment(b)) | (Self::Span(a), Value::Span(b)) => {
                a.nanos.cmp(&b.nanos)
            }
            _ => return numbers(self, other),
        }))
    }

    /// For a person, in a sentence.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Uint(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Type(name) => (*name).into(),
            Self::Moment(at) => moment_text(at.nanos),
            Self::Span(span) => span_text(span.nanos),
            Self::Json(json) => json.to_string(),
            Self::List(items) => {
                let shown: Vec<String> = items.iter().map(Value::shown).collect();
                shown.join(", ")
            }
            Self::Map(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| format!("{}={}", key.shown(), value.shown()));
                pairs.collect::<Vec<_>>().join(", ")
            }
            Self::Object(name) => format!("the {name}"),
        }
    }

    /// As JSON, to be remembered; none for what cannot be.
    #[must_use]
    pub fn to_json(&self) -> Option<Json> {
        Some(match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Int(number) => Json::from(*number),
            Self::Uint(number) => Json::from(*number),
            Self::Double(number) => Json::from(*number),
            Self::Text(text) => Json::String(text.to_string()),
            Self::Json(json) => (*json).clone(),
            Self::List(items) => {
                Json::Array(items.iter().map(Value::to_json).collect::<Option<_>>()?)
            }
            // A moment is remembered as what `timestamp` reads.
            Self::Moment(at) => Json::String(moment_text(at.nanos)),
            _ => return None,
        })
    }
}

/// Which of two numbers is the greater; none where they are not both numbers.
#[allow(
    clippy::cast_precision_loss,
    reason = "the specification compares beside a number with a point as the nearest such number"
)]
fn numbers(a: &Value<'_>, b: &Value<'_>) -> Option<Option<Ordering>> {
    use Value::{Double, Int, Uint};
    Some(match (a, b) {
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Uint(a), Uint(b)) => Some(a.cmp(b)),
        (Int(a), Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Uint(a), Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Double(a), Double(b)) => a.partial_cmp(b),
        (Int(a), Double(b)) => (*a as f64).partial_cmp(b),
        (Uint(a), Double(b)) => (*a as f64).partial_cmp(b),
        (Double(a), Int(b)) => a.partial_cmp(&(*b as f64)),
        (Double(a), Uint(b)) => a.partial_cmp(&(*b as f64)),
        _ => return None,
    })
}
