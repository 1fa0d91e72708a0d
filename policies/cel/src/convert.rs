//! From one type to another: `int(…)`, `string(…)` and the like.

use std::borrow::Cow;

use crate::ast::Function;
use crate::calendar;
use crate::span::{self, SECOND};
use crate::value::{Moving, Value};

type Answer<'a> = Result<Value<'a>, String>;

/// The value as another type.
pub(crate) fn convert<'a>(to: Function, value: &Value<'a>) -> Answer<'a> {
    let converted = match to {
        Function::ToBool => to_bool(value),
        Function::ToInt => to_int(value).map(Value::Int),
        Function::ToUint => to_uint(value).map(Value::Uint),
        Function::ToDouble => to_double(value).map(Value::Double),
        Function::ToText => to_text(value).map(Value::Text),
        Function::ToBytes => match value {
            Value::Bytes(_) => Some(value.clone()),
            Value::Text(text) => Some(Value::Bytes(Cow::Owned(text.as_bytes().to_vec()))),
            _ => None,
        },
        Function::Duration => return to_span(value),
        _ => return to_moment(value),
    };
    let kind = match to {
        Function::ToBool => "truth value",
        Function::ToInt | Function::ToUint => "whole number",
        Function::ToDouble => "number",
        Function::ToText => "text",
        _ => "text of bytes",
    };
    converted.ok_or_else(|| match value {
        Value::Text(text) => format!("`{text}` is not a {kind}"),
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => {
            format!("{} is out of range for a {kind}", value.shown())
        }
        _ => format!("{} is not a {kind}", value.kind()),
    })
}

fn to_bool<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    Some(Value::Bool(match value {
        Value::Bool(truth) => *truth,
        Value::Text(text) => match text.as_ref() {
            "1" | "t" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "false" | "FALSE" | "False" => false,
            _ => return None,
        },
        _ => return None,
    }))
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "checked before: the number lies within"
)]
fn to_int(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Uint(number) => i64::try_from(*number).ok(),
        // Both ends are excluded, since the nearest numbers with a point lie beyond.
        Value::Double(number) if *number > -TWO_63 && *number < TWO_63 => {
            Some(number.trunc() as i64)
        }
        Value::Text(text) => text.trim().parse().ok(),
        Value::Moment(at) => i64::try_from(at.nanos.div_euclid(SECOND)).ok(),
        _ => None,
    }
}

const TWO_63: f64 = 9_223_372_036_854_775_808.0;

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked before: the number lies within"
)]
fn to_uint(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Uint(number) => Some(*number),
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::Double(number) if *number >= 0.0 && *number < TWO_63 * 2.0 => {
            Some(number.trunc() as u64)
        }
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "the nearest number is asked for"
)]
fn to_double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn to_text<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    Some(match value {
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => Cow::Owned(String::from_utf8(bytes.to_vec()).ok()?),
        Value::Bool(truth) => Cow::Owned(truth.to_string()),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Uint(number) => Cow::Owned(number.to_string()),
        Value::Double(number) => Cow::Owned(double_text(*number)),
        Value::Moment(at) => Cow::Owned(calendar::full_text(at.nanos)),
        Value::Span(span) => Cow::Owned(span::seconds_text(span.nanos)),
        _ => return None,
    })
}

/// The shortest text that reads as the number; with an exponent where it is very large or small.
pub(crate) fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number < 0.0 {
            "-Infinity"
        } else {
            "Infinity"
        }
        .into();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..21).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

fn to_span<'a>(value: &Value<'a>) -> Answer<'a> {
    match value {
        Value::Span(_) => Ok(value.clone()),
        Value::Text(text) => span::parse(text).map(|nanos| Value::Span(Moving::still(nanos))),
        other => Err(format!("{} is not a span of time", other.kind())),
    }
}

fn to_moment<'a>(value: &Value<'a>) -> Answer<'a> {
    let nanos = match value {
        Value::Moment(_) => return Ok(value.clone()),
        Value::Text(text) => calendar::moment(text)?,
        Value::Int(seconds) => calendar::in_range(i128::from(*seconds) * SECOND)
            .ok_or("the moment is outside the calendar")?,
        other => return Err(format!("{} is not a moment", other.kind())),
    };
    Ok(Value::Moment(Moving::still(nanos)))
}
