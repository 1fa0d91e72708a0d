//! `"%s has %d".format([…])`, as the extension `strings` of the specification has it.

use std::fmt::Write as _;

use crate::calendar;
use crate::convert::double_text;
use crate::span::seconds_text;
use crate::value::Value;

/// Digits behind the point that can be asked for.
const PRECISION: usize = 30;

/// The text with the values in place of its clauses.
pub(crate) fn format(text: &str, values: &[Value<'_>]) -> Result<String, String> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let mut precision = None;
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(after.len());
            let number: usize = after[..digits].parse().unwrap_or(usize::MAX);
            if number > PRECISION {
                return Err(format!("`%.` needs a number up to {PRECISION} after it"));
            }
            precision = Some(number);
            rest = &after[digits..];
        }
        let Some(clause) = rest.chars().next() else {
            return Err("`%` stands at the end; write `%%` for a percent sign".into());
        };
        rest = &rest[clause.len_utf8()..];
        let value = values
            .next()
            .ok_or_else(|| format!("there is no value for `%{clause}`"))?;
        one(&mut out, clause, precision, value)?;
    }
    out.push_str(rest);
    Ok(out)
}

fn one(
    out: &mut String,
    clause: char,
    precision: Option<usize>,
    value: &Value<'_>,
) -> Result<(), String> {
    let wrong = || Err(format!("`%{clause}` cannot show {}", value.kind()));
    let unusual = match value {
        Value::Double(number) if !number.is_finite() => Some(double_text(*number)),
        _ => None,
    };
    // Writing to a text never fails.
    let _ = match (clause, value) {
        ('s', value) => {
            out.push_str(&plain(value)?);
            Ok(())
        }
        ('d' | 'f' | 'e', Value::Double(_)) if unusual.is_some() => {
            out.push_str(&unusual.unwrap_or_default());
            Ok(())
        }
        ('d' | 'o' | 'x' | 'X' | 'b', Value::Int(number)) => {
            if *number < 0 {
                out.push('-');
            }
            whole(out, clause, number.unsigned_abs())
        }
        ('d' | 'o' | 'x' | 'X' | 'b', Value::Uint(number)) => whole(out, clause, *number),
        ('d', Value::Double(number)) => write!(out, "{}", double_text(*number)),
        ('b', Value::Bool(truth)) => write!(out, "{}", u8::from(*truth)),
        ('x' | 'X', Value::Text(text)) => hex(out, clause, text.as_bytes()),
        ('x' | 'X', Value::Bytes(bytes)) => hex(out, clause, bytes),
        ('f' | 'e', Value::Int(_) | Value::Uint(_) | Value::Double(_)) => {
            let number = double(value);
            let precision = precision.unwrap_or(6);
            match clause {
                'f' => write!(out, "{number:.precision$}"),
                _ => {
                    let text = format!("{number:.precision$e}");
                    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                    let sign = if exponent.starts_with('-') { '-' } else { '+' };
                    let exponent = exponent.trim_start_matches('-');
                    write!(out, "{mantissa}e{sign}{exponent:0>2}")
                }
            }
        }
        ('d' | 'o' | 'x' | 'X' | 'b' | 'f' | 'e', _) => return wrong(),
        _ => {
            return Err(format!(
                "there is no clause `%{clause}`; there are %s, %d, %f, %e, %b, %o, %x and %X"
            ));
        }
    };
    Ok(())
}

fn whole(out: &mut String, clause: char, number: u64) -> std::fmt::Result {
    match clause {
        'o' => write!(out, "{number:o}"),
        'x' => write!(out, "{number:x}"),
        'X' => write!(out, "{number:X}"),
        'b' => write!(out, "{number:b}"),
        _ => write!(out, "{number}"),
    }
}

fn hex(out: &mut String, clause: char, bytes: &[u8]) -> std::fmt::Result {
    bytes.iter().try_for_each(|byte| match clause {
        'X' => write!(out, "{byte:02X}"),
        _ => write!(out, "{byte:02x}"),
    })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "the nearest number is asked for"
)]
fn double(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(number) => *number as f64,
        Value::Uint(number) => *number as f64,
        Value::Double(number) => *number,
        _ => f64::NAN,
    }
}

/// As `%s` shows it.
fn plain(value: &Value<'_>) -> Result<String, String> {
    Ok(match value {
        Value::Null => "null".into(),
        Value::Double(number) => double_text(*number),
        Value::Moment(at) => calendar::full_text(at.nanos),
        Value::Span(span) => seconds_text(span.nanos),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Type(_) => value.shown(),
        Value::Object(_) => return Err(format!("`%s` cannot show {}", value.kind())),
        _ => {
            let Some(items) = value.elements() else {
                return Err(format!("`%s` cannot show {}", value.kind()));
            };
            if value.type_name() == "list" {
                let shown: Result<Vec<String>, String> = items.iter().map(plain).collect();
                return Ok(format!("[{}]", shown?.join(", ")));
            }
            let mut pairs = Vec::new();
            for key in items.iter() {
                let value = value.under(key).unwrap_or(Value::Null);
                pairs.push((plain(key)?, plain(&value)?));
            }
            pairs.sort();
            let pairs = pairs.iter().map(|(key, value)| format!("{key}: {value}"));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    })
}
