//! Sums, differences, products and the like of two values.

use std::borrow::Cow;

use crate::ast::Operator;
use crate::value::{Moving, Value};

/// What an operation comes to, or why it fails.
type Answer<'a> = Result<Value<'a>, String>;

/// The operation on two whole numbers of one type; none where the result is too large.
macro_rules! checked {
    ($operator:expr, $a:expr, $b:expr) => {
        match $operator {
            Add => $a.checked_add($b),
            Subtract => $a.checked_sub($b),
            Multiply => $a.checked_mul($b),
            Divide => $a.checked_div($b),
            Remainder => $a.checked_rem($b),
            _ => return None,
        }
    };
}

pub(crate) fn negative(value: Value<'_>) -> Answer<'_> {
    match value {
        Value::Int(number) => number
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| "the number is too large".into()),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Span(span) => Ok(Value::Span(Moving {
            nanos: -span.nanos,
            slope: -span.slope,
        })),
        other => Err(format!(
            "`-` needs a number or a span, and this is {}",
            other.kind()
        )),
    }
}

/// None where there is no such operation.
pub(crate) fn arithmetic<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Option<Answer<'a>> {
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    use Value::{Bytes, Double, Int, List, Moment, Span, Text, Uint};
    let large = || "the result is too large for a number".to_owned();
    Some(match (operator, left, right) {
        (Divide | Remainder, Int(_), Int(0)) | (Divide | Remainder, Uint(_), Uint(0)) => {
            Err("the expression divides by zero".into())
        }
        (_, Int(a), Int(b)) => checked!(operator, *a, *b).map(Int).ok_or_else(large),
        (_, Uint(a), Uint(b)) => checked!(operator, *a, *b).map(Uint).ok_or_else(large),
        (_, Double(a), Double(b)) => Ok(Double(match operator {
            Add => a + b,
            Subtract => a - b,
            Multiply => a * b,
            Divide => a / b,
            _ => return None,
        })),
        (Add, Text(a), Text(b)) => Ok(Value::owned(format!("{a}{b}"))),
        (Add, Bytes(a), Bytes(b)) => Ok(Bytes(Cow::Owned([a.as_ref(), b.as_ref()].concat()))),
        (Add, List(a), List(b)) => Ok(Value::list(a.iter().chain(b.iter()).cloned().collect())),
        (Add, Moment(a), Span(b)) | (Add, Span(b), Moment(a)) => {
            moved(a, b, false, crate::calendar::in_range).map(Moment)
        }
        (Subtract, Moment(a), Span(b)) => moved(a, b, true, crate::calendar::in_range).map(Moment),
        (Add, Span(a), Span(b)) => moved(a, b, false, crate::span::in_range).map(Span),
        (Subtract, Moment(a), Moment(b)) | (Subtract, Span(a), Span(b)) => {
            moved(a, b, true, crate::span::in_range).map(Span)
        }
        _ => return None,
    })
}

/// The sum or the difference, where it lies within what there is.
fn moved(
    a: &Moving,
    b: &Moving,
    minus: bool,
    within: fn(i128) -> Option<i128>,
) -> Result<Moving, String> {
    let (nanos, slope) = match minus {
        true => (a.nanos - b.nanos, a.slope - b.slope),
        false => (a.nanos + b.nanos, a.slope + b.slope),
    };
    within(nanos)
        .map(|nanos| Moving { nanos, slope })
        .ok_or_else(|| "the result is outside the calendar".into())
}
