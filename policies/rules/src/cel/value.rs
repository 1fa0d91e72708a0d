//! What expressions come to.

use std::borrow::Cow;
use std::cmp::Ordering;

use dayfly_policy_sdk::{Attribute, moment_text, span_text};
use serde_json::Value as Json;

/// Something measured in milliseconds that may go with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moving {
    /// At the moment of the call.
    pub(crate) millis: i64,
    /// How much it changes while a millisecond passes: 0 for what stands still, 1 for `now`.
    pub(crate) slope: i64,
}

impl Moving {
    pub(crate) const fn still(millis: i64) -> Self {
        Self { millis, slope: 0 }
    }
}

/// What an expression comes to. Borrows from the expression and from what it is asked about.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Moment(Moving),
    Span(Moving),
    List(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// Labels of a session.
    Labels(&'a [Attribute]),
    /// A list or an object of JSON.
    Json(&'a Json),
    Session,
    Event,
    State,
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// The value of some JSON.
    pub(crate) fn json(json: &'a Json) -> Self {
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
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a whole number",
            Self::Double(_) => "a number with a point",
            Self::Text(_) => "a text",
            Self::Moment(_) => "a moment",
            Self::Span(_) => "a span of time",
            Self::List(_) | Self::Json(Json::Array(_)) => "a list",
            Self::Map(_) | Self::Labels(_) | Self::Json(_) => "a map",
            Self::Session => "the session",
            Self::Event => "the event",
            Self::State => "the state",
        }
    }

    /// The values of a list, or the keys of a map; none where it is neither.
    pub(crate) fn elements(self) -> Option<Vec<Value<'a>>> {
        match self {
            Self::List(items) => Some(items),
            Self::Map(pairs) => Some(pairs.into_iter().map(|(key, _)| key).collect()),
            Self::Labels(labels) => Some(labels.iter().map(|l| Value::text(&l.key)).collect()),
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
            Self::List(items) => Some(items.len()),
            Self::Map(pairs) => Some(pairs.len()),
            Self::Labels(labels) => Some(labels.len()),
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
            (Self::Labels(labels), Value::Text(key)) => labels
                .iter()
                .find(|label| label.key == **key)
                .map(|label| Value::text(&label.value)),
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
            (Self::Moment(a), Value::Moment(b)) | (Self::Span(a), Value::Span(b)) => {
                a.millis == b.millis
            }
            (Self::Int(_) | Self::Double(_), Value::Int(_) | Value::Double(_)) => {
                self.order(other) == Some(Ordering::Equal)
            }
            _ => match (self.clone().elements(), other.clone().elements()) {
                (Some(a), Some(b)) if self.is_map() == other.is_map() && a.len() == b.len() => {
                    if self.is_map() {
                        a.iter()
                            .all(|key| match (self.under(key), other.under(key)) {
                                (Some(a), Some(b)) => a.same(&b),
                                _ => false,
                            })
                    } else {
                        a.iter().zip(&b).all(|(a, b)| a.same(b))
                    }
                }
                _ => false,
            },
        }
    }

    fn is_map(&self) -> bool {
        matches!(
            self,
            Self::Map(_) | Self::Labels(_) | Self::Json(Json::Object(_))
        )
    }

    /// Which of two values is the greater; none where they cannot be compared.
    #[allow(
        clippy::cast_precision_loss,
        reason = "numbers beyond 2^53 compare as their nearest float"
    )]
    pub(crate) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Self::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Self::Int(a), Value::Double(b)) => (*a as f64).partial_cmp(b),
            (Self::Double(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Self::Text(a), Value::Text(b)) => Some(a.as_ref().cmp(b.as_ref())),
            (Self::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Self::Moment(a), Value::Moment(b)) | (Self::Span(a), Value::Span(b)) => {
                Some(a.millis.cmp(&b.millis))
            }
            _ => None,
        }
    }

    /// For a person, in a sentence.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Moment(at) => moment_text(at.millis.unsigned_abs()),
            Self::Span(span) => {
                let minus = if span.millis < 0 { "-" } else { "" };
                format!("{minus}{}", span_text(span.millis.unsigned_abs()))
            }
            Self::Json(json) => json.to_string(),
            Self::Labels(labels) => {
                let pairs = labels.iter().map(|l| format!("{}={}", l.key, l.value));
                pairs.collect::<Vec<_>>().join(", ")
            }
            Self::List(items) => {
                let shown: Vec<String> = items.iter().map(Value::shown).collect();
                shown.join(", ")
            }
            Self::Map(_) | Self::Session | Self::Event | Self::State => self.kind().into(),
        }
    }

    /// As JSON, to be remembered; none for what cannot be.
    pub(crate) fn to_json(&self) -> Option<Json> {
        Some(match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Int(number) => Json::from(*number),
            Self::Double(number) => Json::from(*number),
            Self::Text(text) => Json::String(text.to_string()),
            Self::Json(json) => (*json).clone(),
            Self::List(items) => {
                Json::Array(items.iter().map(Value::to_json).collect::<Option<_>>()?)
            }
            // A moment is remembered as what `timestamp` reads.
            Self::Moment(at) => Json::String(moment_text(at.millis.unsigned_abs())),
            _ => return None,
        })
    }
}
