//! Working an expression out.
//!
//! Beside the answer there is the moment at which time alone may change it: values that go with
//! the clock carry how fast they go, so that each comparison knows when it turns. What fails makes
//! no answer, and `&&` and `||` do without a part that fails where the other decides, as CEL has it.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

use dayfly_policy_sdk::{parse_duration, wildcard};

use super::ast::{Expr, Function, Kind, Macro, Operator};
use super::value::{Moving, Value};
use super::wall;

/// What an expression is asked about.
pub(crate) trait Scene<'a> {
    /// The moment of the call, milliseconds.
    fn now(&self) -> i64;
    /// A field of the session; none where it is absent.
    fn session(&self, field: &str) -> Option<Value<'a>>;
    /// A field of the event.
    fn event(&self, field: &str) -> Option<Value<'a>>;
    /// What is remembered.
    fn state(&self, key: &str) -> Option<Value<'a>>;
}

/// Works expressions out, and notes when an answer may change.
pub(crate) struct Worker<'s, 'a> {
    scene: &'s dyn Scene<'a>,
    /// The earliest moment at which time alone may change what was answered.
    turns_at: Cell<Option<i64>>,
}

/// What macros bind.
struct Bound<'v, 'a> {
    name: &'a str,
    value: Value<'a>,
    outer: Option<&'v Bound<'v, 'a>>,
}

type Answer<'a> = Result<Value<'a>, String>;

impl<'s, 'a> Worker<'s, 'a> {
    pub(crate) fn new(scene: &'s dyn Scene<'a>) -> Self {
        Self {
            scene,
            turns_at: Cell::new(None),
        }
    }

    /// When time alone may change what was answered so far, milliseconds.
    pub(crate) fn turns_at(&self) -> Option<u64> {
        self.turns_at.get().map(i64::unsigned_abs)
    }

    /// The answer, or why there is none.
    pub(crate) fn value(&self, expr: &'a Expr) -> Answer<'a> {
        self.work(expr, None)
    }

    /// Whether a condition holds.
    pub(crate) fn holds(&self, expr: &'a Expr) -> Result<bool, String> {
        match self.value(expr)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(format!(
                "it comes to {}, and not to true or false",
                other.kind()
            )),
        }
    }

    fn turns(&self, at: i64) {
        if at > self.scene.now() && self.turns_at.get().is_none_or(|known| at < known) {
            self.turns_at.set(Some(at));
        }
    }

    fn work(&self, expr: &'a Expr, bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        match &expr.kind {
            Kind::Null => Ok(Value::Null),
            Kind::Bool(truth) => Ok(Value::Bool(*truth)),
            Kind::Int(number) => Ok(Value::Int(*number)),
            Kind::Double(number) => Ok(Value::Double(*number)),
            Kind::Text(text) => Ok(Value::text(text)),
            Kind::Name(name) => self.name(name, bound),
            Kind::Field(of, field) => {
                let of = self.work(of, bound)?;
                self.field(&of, field)
                    .ok_or_else(|| format!("there is no `{field}`"))
            }
            Kind::Has(of, field) => {
                let of = self.work(of, bound)?;
                // A text that is absent reads as an empty one.
                let there = self.field(&of, field).is_some_and(
                    |value| !matches!((&of, &value), (Value::Session, Value::Text(t)) if t.is_empty()),
                );
                Ok(Value::Bool(there))
            }
            Kind::Index(of, index) => self.index(of, index, bound),
            Kind::Call(function, arguments) => self.call(*function, arguments, bound),
            Kind::Not(of) => match self.work(of, bound)? {
                Value::Bool(truth) => Ok(Value::Bool(!truth)),
                other => Err(format!("`!` is asked of {}", other.kind())),
            },
            Kind::Negative(of) => negative(self.work(of, bound)?),
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.work(left, bound)?, self.work(right, bound)?);
                self.binary(*operator, left, right)
            }
            Kind::And(left, right) => self.either(left, right, bound, false),
            Kind::Or(left, right) => self.either(left, right, bound, true),
            Kind::If(condition, yes, no) => match self.work(condition, bound)? {
                Value::Bool(true) => self.work(yes, bound),
                Value::Bool(false) => self.work(no, bound),
                other => Err(format!("a choice rests on {}", other.kind())),
            },
            Kind::List(items) => {
                let items = items.iter().map(|item| self.work(item, bound));
                Ok(Value::List(items.collect::<Result<_, _>>()?))
            }
            Kind::Map(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| Ok((self.work(key, bound)?, self.work(value, bound)?)));
                Ok(Value::Map(pairs.collect::<Result<_, String>>()?))
            }
            Kind::Each {
                what,
                range,
                variable,
                body,
            } => self.each(*what, range, variable, body, bound),
        }
    }

    fn name(&self, name: &str, bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        let mut next = bound;
        while let Some(here) = next {
            if here.name == name {
                return Ok(here.value.clone());
            }
            next = here.outer;
        }
        match name {
            "session" => Ok(Value::Session),
            "event" => Ok(Value::Event),
            "state" => Ok(Value::State),
            "now" => Ok(Value::Moment(Moving {
                millis: self.scene.now(),
                slope: 1,
            })),
            _ => Err(format!("there is no `{name}`")),
        }
    }

    fn field(&self, of: &Value<'a>, field: &'a str) -> Option<Value<'a>> {
        match of {
            Value::Session => self.scene.session(field),
            Value::Event => self.scene.event(field),
            Value::State => self.scene.state(field),
            map => map.under(&Value::text(field)),
        }
    }

    fn index(&self, of: &'a Expr, index: &'a Expr, bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        let (of, index) = (self.work(of, bound)?, self.work(index, bound)?);
        if let (Value::State, Value::Text(key)) = (&of, &index) {
            return self
                .scene
                .state(key)
                .ok_or_else(|| format!("nothing is remembered as `{key}`"));
        }
        if let Some(found) = of.under(&index) {
            return Ok(found);
        }
        let shown = index.shown();
        if let (Value::Int(place), Some(mut items)) = (&index, of.elements()) {
            let place = usize::try_from(*place).unwrap_or(usize::MAX);
            if place < items.len() {
                return Ok(items.swap_remove(place));
            }
        }
        Err(format!("there is no `{shown}`"))
    }

    /// `&&` and `||`: `decides` is the answer that needs no second part.
    fn either(
        &self,
        left: &'a Expr,
        right: &'a Expr,
        bound: Option<&Bound<'_, 'a>>,
        decides: bool,
    ) -> Answer<'a> {
        let truth = |answer: Answer<'a>| match answer? {
            Value::Bool(truth) => Ok(truth),
            other => Err(format!("{} is no condition", other.kind())),
        };
        let first = truth(self.work(left, bound));
        if first == Ok(decides) {
            return Ok(Value::Bool(decides));
        }
        match (first, truth(self.work(right, bound))) {
            (_, Ok(second)) if second == decides => Ok(Value::Bool(decides)),
            (Ok(_), Ok(_)) => Ok(Value::Bool(!decides)),
            (Err(why), _) | (_, Err(why)) => Err(why),
        }
    }

    fn each(
        &self,
        what: Macro,
        range: &'a Expr,
        variable: &'a str,
        body: &'a Expr,
        outer: Option<&Bound<'_, 'a>>,
    ) -> Answer<'a> {
        let range = self.work(range, outer)?;
        let kind = range.kind();
        let Some(items) = range.elements() else {
            return Err(format!("{kind} has no elements"));
        };
        let mut kept = Vec::new();
        let mut trouble = None;
        for item in items {
            let bound = Bound {
                name: variable,
                value: item.clone(),
                outer,
            };
            let answer = self.work(body, Some(&bound));
            if what == Macro::Map {
                kept.push(answer?);
                continue;
            }
            match (answer, what) {
                (Ok(Value::Bool(false)), Macro::All) => return Ok(Value::Bool(false)),
                (Ok(Value::Bool(true)), Macro::Exists) => return Ok(Value::Bool(true)),
                (Ok(Value::Bool(true)), _) => kept.push(item),
                (Ok(Value::Bool(false)), _) => {}
                (Ok(other), _) => return Err(format!("{} is no condition", other.kind())),
                (Err(why), Macro::All | Macro::Exists) => trouble = Some(why),
                (Err(why), _) => return Err(why),
            }
        }
        match (trouble, what) {
            (Some(why), _) => Err(why),
            (None, Macro::All) => Ok(Value::Bool(true)),
            (None, Macro::Exists) => Ok(Value::Bool(false)),
            (None, Macro::ExistsOne) => Ok(Value::Bool(kept.len() == 1)),
            (None, Macro::Filter | Macro::Map) => Ok(Value::List(kept)),
        }
    }

    fn binary(&self, operator: Operator, left: Value<'a>, right: Value<'a>) -> Answer<'a> {
        let wrong = |left: &Value<'_>, right: &Value<'_>| {
            let sign = operator.sign();
            Err(format!(
                "`{sign}` between {} and {}",
                left.kind(),
                right.kind()
            ))
        };
        let truth = match operator {
            Operator::Equal | Operator::Unequal => {
                self.watch(operator, &left, &right);
                left.same(&right) == (operator == Operator::Equal)
            }
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                self.watch(operator, &left, &right);
                let Some(order) = left.order(&right) else {
                    return wrong(&left, &right);
                };
                match operator {
                    Operator::Less => order == Ordering::Less,
                    Operator::LessEqual => order != Ordering::Greater,
                    Operator::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                }
            }
            Operator::In => match right {
                Value::Labels(_) | Value::Map(_) => right.under(&left).is_some(),
                Value::Json(json) if json.is_object() => right.under(&left).is_some(),
                Value::State => {
                    matches!(&left, Value::Text(key) if self.scene.state(key).is_some())
                }
                right => match right.clone().elements() {
                    Some(items) => items.iter().any(|item| item.same(&left)),
                    None => return wrong(&left, &right),
                },
            },
            _ => {
                return arithmetic(operator, &left, &right).unwrap_or_else(|| wrong(&left, &right));
            }
        };
        Ok(Value::Bool(truth))
    }

    /// Notes when the clock will have turned the comparison of these two.
    fn watch(&self, operator: Operator, left: &Value<'_>, right: &Value<'_>) {
        let ((Value::Moment(a), Value::Moment(b)) | (Value::Span(a), Value::Span(b))) =
            (left, right)
        else {
            return;
        };
        let speed = a.slope - b.slope;
        if speed == 0 {
            return;
        }
        // As if the distance always grew from below zero.
        let distance = a
            .millis
            .saturating_sub(b.millis)
            .saturating_mul(speed.signum());
        let speed = speed.abs();
        // When it has arrived at zero, and when it has passed it.
        let arrives = (distance < 0).then(|| (-distance).div_euclid(speed).max(1));
        let passes = (distance <= 0).then(|| (-distance).div_euclid(speed) + 1);
        let rises = a.slope > b.slope;
        let wait = match operator {
            Operator::Less | Operator::GreaterEqual if rises => arrives,
            Operator::LessEqual | Operator::Greater if !rises => arrives,
            Operator::Less | Operator::GreaterEqual | Operator::LessEqual | Operator::Greater => {
                passes
            }
            _ => arrives.or(passes),
        };
        if let Some(wait) = wait {
            self.turns(self.scene.now().saturating_add(wait));
        }
    }

    fn call(
        &self,
        function: Function,
        arguments: &'a [Expr],
        bound: Option<&Bound<'_, 'a>>,
    ) -> Answer<'a> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.work(argument, bound)?);
        }
        let wrong = || {
            let kinds: Vec<&str> = values.iter().map(Value::kind).collect();
            Err(format!("a function is called with {}", kinds.join(" and ")))
        };
        let two_texts = match &values[..] {
            [Value::Text(a), Value::Text(b)] => Some((a.as_ref(), b.as_ref())),
            _ => None,
        };
        match (function, &values[..]) {
            (Function::Size, [of]) => match of.size() {
                Some(size) => Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX))),
                None => wrong(),
            },
            (Function::Contains, _) => match two_texts {
                Some((text, part)) => Ok(Value::Bool(text.contains(part))),
                None => wrong(),
            },
            (Function::StartsWith, _) => match two_texts {
                Some((text, part)) => Ok(Value::Bool(text.starts_with(part))),
                None => wrong(),
            },
            (Function::EndsWith, _) => match two_texts {
                Some((text, part)) => Ok(Value::Bool(text.ends_with(part))),
                None => wrong(),
            },
            (Function::Like, _) => match two_texts {
                Some((text, pattern)) => Ok(Value::Bool(wildcard(pattern, text))),
                None => wrong(),
            },
            (Function::LowerAscii, [Value::Text(text)]) => {
                Ok(Value::Text(Cow::Owned(text.to_ascii_lowercase())))
            }
            (Function::UpperAscii, [Value::Text(text)]) => {
                Ok(Value::Text(Cow::Owned(text.to_ascii_uppercase())))
            }
            (Function::Duration, [Value::Span(_)]) | (Function::Timestamp, [Value::Moment(_)]) => {
                Ok(values.swap_remove(0))
            }
            (Function::Duration, [Value::Text(text)]) => {
                let millis = parse_duration(text)?;
                Ok(Value::Span(Moving::still(
                    i64::try_from(millis).unwrap_or(i64::MAX),
                )))
            }
            (Function::Timestamp, [Value::Text(text)]) => {
                Ok(Value::Moment(Moving::still(wall::moment(text)?)))
            }
            (Function::Timestamp, [Value::Int(seconds)]) => {
                Ok(Value::Moment(Moving::still(seconds.saturating_mul(1_000))))
            }
            (Function::ToInt, [value]) => to_int(value),
            (Function::ToDouble, [value]) => to_double(value),
            (Function::ToText, [value]) => Ok(Value::Text(Cow::Owned(value.shown()))),
            (Function::Least | Function::Greatest, _) => {
                let wanted = match function {
                    Function::Least => Ordering::Less,
                    _ => Ordering::Greater,
                };
                let mut best = values[0].clone();
                for value in &values[1..] {
                    self.watch(Operator::Equal, value, &best);
                    match value.order(&best) {
                        Some(order) if order == wanted => best = value.clone(),
                        Some(_) => {}
                        None => return wrong(),
                    }
                }
                Ok(best)
            }
            (_, [Value::Moment(at)]) => self.on_the_wall(function, *at, None),
            (_, [Value::Moment(at), Value::Text(zone)]) => {
                self.on_the_wall(function, *at, Some(zone))
            }
            // Of a span, its whole hours or minutes.
            (Function::Hours, [Value::Span(span)]) => Ok(self.whole(*span, 3_600_000)),
            (Function::Minutes, [Value::Span(span)]) => Ok(self.whole(*span, 60_000)),
            _ => wrong(),
        }
    }

    fn whole(&self, span: Moving, unit: i64) -> Value<'a> {
        if span.slope != 0 {
            let rest = span.millis.rem_euclid(unit);
            let time = if span.slope > 0 {
                unit - rest
            } else {
                rest + 1
            };
            self.turns(self.scene.now().saturating_add(time));
        }
        Value::Int(span.millis / unit)
    }

    fn on_the_wall(&self, function: Function, at: Moving, zone: Option<&str>) -> Answer<'a> {
        let local = wall::wall(at.millis, zone)?;
        if at.slope == 1 {
            let ahead = at.millis.saturating_sub(self.scene.now());
            self.turns(wall::changes(&local, function).saturating_sub(ahead));
        }
        Ok(match function {
            Function::TimeOfDay => Value::Span(Moving {
                millis: wall::time_of_day(&local),
                slope: at.slope,
            }),
            field => Value::Int(wall::field(&local, field)),
        })
    }
}

fn negative(value: Value<'_>) -> Answer<'_> {
    match value {
        Value::Int(number) => number
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| "the number is too large".into()),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Span(span) => Ok(Value::Span(Moving {
            millis: span.millis.saturating_neg(),
            slope: -span.slope,
        })),
        other => Err(format!("`-` is asked of {}", other.kind())),
    }
}

/// None where there is no such operation.
fn arithmetic<'a>(operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Option<Answer<'a>> {
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    let large = || "the result is too large for a number".to_owned();
    let moved = |a: &Moving, b: &Moving, minus: bool| {
        let millis = match minus {
            true => a.millis.checked_sub(b.millis),
            false => a.millis.checked_add(b.millis),
        };
        let slope = if minus {
            a.slope - b.slope
        } else {
            a.slope + b.slope
        };
        millis
            .map(|millis| Moving { millis, slope })
            .ok_or_else(large)
    };
    Some(match (operator, left, right) {
        (Divide | Remainder, Value::Int(_), Value::Int(0)) => Err("it divides by zero".into()),
        (_, Value::Int(a), Value::Int(b)) => {
            let result = match operator {
                Add => a.checked_add(*b),
                Subtract => a.checked_sub(*b),
                Multiply => a.checked_mul(*b),
                Divide => a.checked_div(*b),
                Remainder => a.checked_rem(*b),
                _ => return None,
            };
            result.map(Value::Int).ok_or_else(large)
        }
        (_, Value::Double(a), Value::Double(b)) => Ok(Value::Double(match operator {
            Add => a + b,
            Subtract => a - b,
            Multiply => a * b,
            Divide => a / b,
            _ => return None,
        })),
        (Add, Value::Text(a), Value::Text(b)) => Ok(Value::Text(Cow::Owned(format!("{a}{b}")))),
        (Add, Value::List(a), Value::List(b)) => {
            Ok(Value::List(a.iter().chain(b).cloned().collect()))
        }
        (Add, Value::Moment(a), Value::Span(b)) | (Add, Value::Span(b), Value::Moment(a)) => {
            moved(a, b, false).map(Value::Moment)
        }
        (Add, Value::Span(a), Value::Span(b)) => moved(a, b, false).map(Value::Span),
        (Subtract, Value::Moment(a), Value::Moment(b)) => moved(a, b, true).map(Value::Span),
        (Subtract, Value::Moment(a), Value::Span(b)) => moved(a, b, true).map(Value::Moment),
        (Subtract, Value::Span(a), Value::Span(b)) => moved(a, b, true).map(Value::Span),
        _ => return None,
    })
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "checked before: the float lies within the numbers"
)]
fn to_int<'a>(value: &Value<'_>) -> Answer<'a> {
    let number = match value {
        Value::Int(number) => Some(*number),
        Value::Double(number) if number.abs() < 9e18 => Some(number.trunc() as i64),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Moment(at) => Some(at.millis.div_euclid(1_000)),
        _ => None,
    };
    number
        .map(Value::Int)
        .ok_or_else(|| format!("{} is no whole number", value.kind()))
}

#[allow(clippy::cast_precision_loss, reason = "the nearest float is asked for")]
fn to_double<'a>(value: &Value<'_>) -> Answer<'a> {
    let number = match value {
        Value::Int(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .map(Value::Double)
        .ok_or_else(|| format!("{} is no number", value.kind()))
}
