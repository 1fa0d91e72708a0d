//! What functions come to.

use std::cmp::Ordering;
use std::rc::Rc;

use regex_lite::{Regex, RegexBuilder};

use crate::ast::{Function, Operator};
use crate::calendar;
use crate::convert::convert;
use crate::eval::{Answer, Worker, weight};
use crate::span::MILLI;
use crate::text;
use crate::value::{Moving, Value};
use crate::wildcard::wildcard;

/// Bytes that a compiled pattern may take.
const PATTERN: usize = 64 << 10;

/// A regular expression, where it is one. What stands in brackets is matched in time that grows with
/// the text and the pattern only, since the engine does not go back.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(PATTERN)
        .build()
        .map_err(|error| format!("`{text}` is not a regular expression: {error}"))
}

/// Refuses a pattern that is meant for more than `like` can do: `*` is all that it knows.
pub(crate) fn wildcards(pattern: &str) -> Result<(), String> {
    match pattern.find(['[', '?', '^', '$', '\\', '|', '{']) {
        Some(at) => {
            let found = pattern[at..].chars().next().unwrap_or('[');
            Err(format!(
                "`like` knows only `*` and takes `{found}` literally; write `matches(\"…\")` for a regular expression, or `== \"…\"` and `contains` for the character itself"
            ))
        }
        None => Ok(()),
    }
}

impl<'a> Worker<'_, 'a> {
    /// What a function comes to for these arguments.
    pub(crate) fn call(&self, function: Function, mut values: Vec<Value<'a>>) -> Answer<'a> {
        self.spend(values.iter().map(weight).sum())?;
        let answer = match (function, &values[..]) {
            (Function::Dyn, [_]) => return Ok(values.swap_remove(0)),
            (Function::TypeOf, [of]) => Ok(Value::Type(of.type_name())),
            (Function::Size, [of]) => match of.size() {
                Some(size) => Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX))),
                None => Err(wrong(&values).into()),
            },
            (_, [Value::Text(text), Value::Text(part)]) if is_test(function) => {
                Ok(Value::Bool(self.test(function, text, part)?))
            }
            (Function::LowerAscii, [Value::Text(text)]) => {
                Ok(Value::owned(text.to_ascii_lowercase()))
            }
            (Function::UpperAscii, [Value::Text(text)]) => {
                Ok(Value::owned(text.to_ascii_uppercase()))
            }
            (
                Function::Duration
                | Function::Timestamp
                | Function::ToBool
                | Function::ToInt
                | Function::ToUint
                | Function::ToDouble
                | Function::ToText
                | Function::ToBytes,
                [value],
            ) => Ok(convert(function, value)?),
            (Function::Least | Function::Greatest, _) => self.best(function, &values),
            (_, [Value::Moment(at)]) if function.is_of_calendar() => {
                self.on_the_wall(function, *at, None)
            }
            (_, [Value::Moment(at), Value::Text(zone)]) if function.is_of_calendar() => {
                self.on_the_wall(function, *at, Some(zone))
            }
            (Function::Hours, [Value::Span(span)]) => Ok(self.whole_units(*span, 3_600_000)),
            (Function::Minutes, [Value::Span(span)]) => Ok(self.whole_units(*span, 60_000)),
            (Function::Seconds, [Value::Span(span)]) => Ok(self.whole_units(*span, 1_000)),
            // Of a span, the part of its last second.
            (Function::Milliseconds, [Value::Span(span)]) => Ok(match self.whole_units(*span, 1) {
                Value::Int(millis) => Value::Int(millis % 1_000),
                other => other,
            }),
            _ => {
                self.spend(text::weight(function, &values))?;
                Ok(text::call(function, &values).unwrap_or_else(|| Err(wrong(&values)))?)
            }
        }?;
        self.weighed(answer)
    }

    fn test(&self, function: Function, text: &str, part: &str) -> Result<bool, String> {
        Ok(match function {
            Function::Contains => text.contains(part),
            Function::StartsWith => text.starts_with(part),
            Function::EndsWith => text.ends_with(part),
            Function::Like => wildcard(part, text),
            _ => {
                // Each step through the text may look at each part of the pattern.
                self.spend(text.len().saturating_mul(part.len()) / 16)?;
                self.pattern(part)?.is_match(text)
            }
        })
    }

    /// A regular expression, compiled once.
    fn pattern(&self, text: &str) -> Result<Rc<Regex>, String> {
        let mut patterns = self.patterns.borrow_mut();
        if let Some((_, known)) = patterns.iter().find(|(known, _)| known == text) {
            return Ok(Rc::clone(known));
        }
        let compiled = Rc::new(pattern(text)?);
        patterns.push((text.to_owned(), Rc::clone(&compiled)));
        Ok(compiled)
    }

    fn best(&self, function: Function, values: &[Value<'a>]) -> Answer<'a> {
        let wanted = match function {
            Function::Least => Ordering::Less,
            _ => Ordering::Greater,
        };
        let mut best = values[0].clone();
        for value in &values[1..] {
            self.watch(Operator::Equal, value, &best);
            match value.order(&best) {
                Some(order) if order == Some(wanted) => best = value.clone(),
                Some(_) => {}
                None => return Err(wrong(values).into()),
            }
        }
        Ok(best)
    }

    /// A span in whole units of so many milliseconds.
    fn whole_units(&self, span: Moving, unit: i64) -> Value<'a> {
        let unit = i128::from(unit);
        if span.slope != 0 {
            let millis = span.nanos.div_euclid(MILLI);
            let rest = millis.rem_euclid(unit);
            let wait = if span.slope > 0 {
                unit - rest
            } else {
                rest + 1
            };
            let wait = i64::try_from(wait).unwrap_or(i64::MAX);
            self.turns(self.now().saturating_add(wait));
        }
        Value::Int(i64::try_from(span.nanos / (unit * MILLI)).unwrap_or(i64::MAX))
    }

    fn on_the_wall(&self, function: Function, at: Moving, zone: Option<&str>) -> Answer<'a> {
        let local = self.zones.wall(at.nanos, zone)?;
        if at.slope == 1 {
            let ahead = at.nanos - i128::from(self.now()) * MILLI;
            let changes = calendar::changes(&local, function) - ahead;
            let changes = (changes + MILLI - 1).div_euclid(MILLI);
            self.turns(i64::try_from(changes).unwrap_or(i64::MAX));
        }
        Ok(match function {
            Function::TimeOfDay => Value::Span(Moving {
                nanos: calendar::time_of_day(&local),
                slope: at.slope,
            }),
            field => Value::Int(calendar::field(&local, field)),
        })
    }
}

const fn is_test(function: Function) -> bool {
    matches!(
        function,
        Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::Matches
            | Function::Like
    )
}

fn wrong(values: &[Value<'_>]) -> String {
    let kinds: Vec<&str> = values.iter().map(Value::kind).collect();
    format!("a function is called with {}", kinds.join(" and "))
}
