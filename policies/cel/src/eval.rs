//! Working an expression out.
//!
//! Beside the answer there is the moment at which time alone may change it: values that go with
//! the clock carry how fast they go, so that each comparison knows when it turns. What fails makes
//! no answer, and `&&` and `||` do without a part that fails where the other decides, as CEL has it.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;

use regex_lite::Regex;

use crate::arithmetic::{arithmetic, negative};
use crate::ast::{Expr, Kind, Macro, Operator, TYPES};
use crate::calendar::Zones;
use crate::no_answer::NoAnswer;
use crate::span::MILLI;
use crate::value::Value;

/// What all expressions of one worker may do together: steps, and characters that come of it. An
/// expression of the greatest length can nest loops over all labels of a session without end.
const WORK: u32 = 100_000;

/// What an expression is asked about.
pub trait Scene<'a> {
    /// The moment of the call, in milliseconds; what is asked of the clock is rounded up to them.
    fn now(&self) -> i64;
    /// A variable; none where there is none.
    fn variable(&self, name: &str) -> Option<Value<'a>>;
    /// A field of an object, by the object's name; none where it is absent.
    fn field(&self, object: &'static str, field: &str) -> Option<Value<'a>>;
    /// Whether `has` is true of a field that is there: a scene may have texts that stand for absent ones.
    fn counts(&self, _object: &'static str, _value: &Value<'a>) -> bool {
        true
    }
    /// The whole of an object that is a map; none where it has fields only.
    fn whole(&self, _object: &'static str) -> Option<Value<'a>> {
        None
    }
}

/// Works expressions out, and notes when an answer may change.
pub struct Worker<'s, 'a> {
    scene: &'s dyn Scene<'a>,
    /// The earliest moment at which time alone may change what was answered.
    turns_at: Cell<Option<i64>>,
    /// What is left of [`WORK`].
    left: Cell<u32>,
    pub(crate) zones: Zones,
    pub(crate) patterns: RefCell<Vec<(String, Rc<Regex>)>>,
}

/// What macros bind.
pub(crate) struct Bound<'v, 'a> {
    name: &'a str,
    value: Value<'a>,
    outer: Option<&'v Bound<'v, 'a>>,
}

pub(crate) type Answer<'a> = Result<Value<'a>, NoAnswer>;

impl<'s, 'a> Worker<'s, 'a> {
    /// One that asks this scene.
    pub fn new(scene: &'s dyn Scene<'a>) -> Self {
        Self {
            scene,
            turns_at: Cell::new(None),
            left: Cell::new(WORK),
            zones: Zones::default(),
            patterns: RefCell::default(),
        }
    }

    /// When time alone may change what was answered so far, milliseconds.
    #[must_use]
    pub fn turns_at(&self) -> Option<u64> {
        self.turns_at.get().map(i64::unsigned_abs)
    }

    /// The answer.
    ///
    /// # Errors
    /// Why there is none.
    pub fn value(&self, expr: &'a Expr) -> Result<Value<'a>, NoAnswer> {
        let value = self.work(expr, None)?;
        Ok(self.settled(value))
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// Why it does neither.
    pub fn holds(&self, expr: &'a Expr) -> Result<bool, NoAnswer> {
        match self.value(expr)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(NoAnswer::Failed(format!(
                "the expression gives {}, not true or false",
                other.kind()
            ))),
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.scene.now()
    }

    /// Notes that time alone may change the answer then, in milliseconds.
    pub(crate) fn turns(&self, at: i64) {
        if at > self.scene.now() && self.turns_at.get().is_none_or(|known| at < known) {
            self.turns_at.set(Some(at));
        }
    }

    /// Counts what was done.
    pub(crate) fn spend(&self, amount: usize) -> Result<(), String> {
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        match self.left.get().checked_sub(amount) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                Err("the expression takes too long to evaluate; make it simpler".into())
            }
        }
    }

    /// The whole of an object that is a map, where more than a field of it is asked for.
    fn settled(&self, value: Value<'a>) -> Value<'a> {
        match value {
            Value::Object(object) => self.scene.whole(object).unwrap_or(value),
            value => value,
        }
    }

    fn whole(&self, expr: &'a Expr, bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        let value = self.work(expr, bound)?;
        Ok(self.settled(value))
    }

    pub(crate) fn work(&self, expr: &'a Expr, bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        self.spend(1)?;
        match &expr.kind {
            Kind::Null => Ok(Value::Null),
            Kind::Bool(truth) => Ok(Value::Bool(*truth)),
            Kind::Int(number) => Ok(Value::Int(*number)),
            Kind::Uint(number) => Ok(Value::Uint(*number)),
            Kind::Double(number) => Ok(Value::Double(*number)),
            Kind::Text(text) => Ok(Value::text(text)),
            Kind::Bytes(bytes) => Ok(Value::Bytes(Cow::Borrowed(bytes))),
            Kind::Type(name) => Ok(Value::Type(name)),
            Kind::Name(name) => self.name(name, bound),
            Kind::Field(of, field) => {
                let of = self.work(of, bound)?;
                self.field(&of, &Value::text(field))
                    .ok_or_else(|| no(field))
            }
            Kind::Has(of, field) => self.has(of, field, bound),
            Kind::Index(of, index) => self.index(of, index, bound),
            Kind::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.whole(argument, bound)?);
                }
                self.call(*function, values)
            }
            Kind::NoCall(why, _) => Err(NoAnswer::Failed(why.clone())),
            Kind::Not(of) => match self.work(of, bound)? {
                Value::Bool(truth) => Ok(Value::Bool(!truth)),
                other => Err(no_truth("`!`", &other)),
            },
            Kind::Negative(of) => Ok(negative(self.work(of, bound)?)?),
            Kind::Binary(operator, left, right) => {
                let left = self.whole(left, bound)?;
                match operator {
                    Operator::In => self.contained(&left, self.work(right, bound)?),
                    _ => self.binary(*operator, &left, &self.whole(right, bound)?),
                }
            }
            Kind::And(all) => self.either(all, bound, false),
            Kind::Or(all) => self.either(all, bound, true),
            Kind::If(condition, yes, no) => match self.work(condition, bound)? {
                Value::Bool(true) => self.work(yes, bound),
                Value::Bool(false) => self.work(no, bound),
                other => Err(no_truth("the condition before `?`", &other)),
            },
            Kind::List(items) => {
                let items = items.iter().map(|item| self.whole(item, bound));
                self.weighed(Value::list(items.collect::<Result<_, _>>()?))
            }
            Kind::Map(pairs) => self.map(pairs, bound),
            Kind::Each {
                what,
                range,
                variable,
                body,
            } => self.each(*what, range, variable, body, bound),
        }
    }

    fn has(&self, of: &'a Expr, field: &'a str, bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        let of = self.work(of, bound)?;
        let found = self.field(&of, &Value::text(field));
        Ok(Value::Bool(match (&of, found) {
            (Value::Object(object), Some(value)) => self.scene.counts(object, &value),
            (_, found) => found.is_some(),
        }))
    }

    fn name(&self, name: &'a str, bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        let mut next = bound;
        while let Some(here) = next {
            if here.name == name {
                self.spend(weight(&here.value))?;
                return Ok(here.value.clone());
            }
            next = here.outer;
        }
        let kind = || TYPES.into_iter().find(|known| *known == name);
        self.scene
            .variable(name)
            .or_else(|| kind().map(Value::Type))
            .ok_or_else(|| no(name))
    }

    fn field(&self, of: &Value<'a>, key: &Value<'_>) -> Option<Value<'a>> {
        match (of, key) {
            (Value::Object(object), Value::Text(field)) => self.scene.field(object, field),
            (map, key) => map.under(key),
        }
    }

    fn map(&self, pairs: &'a [(Expr, Expr)], bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        let mut all: Vec<(Value<'a>, Value<'a>)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = self.work(key, bound)?;
            if !matches!(
                key,
                Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Text(_)
            ) {
                return Err(format!("{} cannot be a key of a map", key.kind()).into());
            }
            if all.iter().any(|(known, _)| known.same(&key)) {
                return Err(format!("the map has the key `{}` twice", key.shown()).into());
            }
            all.push((key, self.whole(value, bound)?));
        }
        self.weighed(Value::Map(Rc::new(all)))
    }

    /// Counts what came of a step.
    pub(crate) fn weighed(&self, value: Value<'a>) -> Answer<'a> {
        self.spend(weight(&value))?;
        Ok(value)
    }

    fn index(&self, of: &'a Expr, index: &'a Expr, bound: Option<&Bound<'_, 'a>>) -> Answer<'a> {
        let (of, index) = (self.work(of, bound)?, self.work(index, bound)?);
        if let Some(found) = self.field(&of, &index) {
            return Ok(found);
        }
        let items = match &of {
            Value::List(_) | Value::Json(serde_json::Value::Array(_)) => of.elements(),
            _ => None,
        };
        if let (Some(items), true) = (items, index.is_number()) {
            let found = (0_i64..)
                .zip(items.iter())
                .find(|(place, _)| index.same(&Value::Int(*place)));
            if let Some((_, found)) = found {
                return Ok(found.clone());
            }
        }
        Err(no(&index.shown()))
    }

    /// `&&` and `||`: `decides` is the answer that needs no other part.
    fn either(&self, all: &'a [Expr], bound: Option<&Bound<'_, 'a>>, decides: bool) -> Answer<'a> {
        let mut trouble = None;
        for part in all {
            match self.work(part, bound) {
                Ok(Value::Bool(truth)) if truth == decides => return Ok(Value::Bool(decides)),
                Ok(Value::Bool(_)) => {}
                Ok(other) => {
                    trouble.get_or_insert_with(|| no_condition(&other));
                }
                Err(why) => {
                    trouble.get_or_insert(why);
                }
            }
        }
        match trouble {
            Some(why) => Err(why),
            None => Ok(Value::Bool(!decides)),
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
        let range = self.whole(range, outer)?;
        let Some(items) = range.elements() else {
            return Err(format!("{} has no elements", range.kind()).into());
        };
        let mut kept = Vec::new();
        let mut trouble = None;
        for item in items.iter() {
            self.spend(weight(item))?;
            let bound = Bound {
                name: variable,
                value: item.clone(),
                outer,
            };
            let answer = self.work(body, Some(&bound));
            if what == Macro::Map {
                kept.push(self.settled(answer?));
                continue;
            }
            match (answer, what) {
                (Ok(Value::Bool(false)), Macro::All) => return Ok(Value::Bool(false)),
                (Ok(Value::Bool(true)), Macro::Exists) => return Ok(Value::Bool(true)),
                (Ok(Value::Bool(true)), _) => kept.push(item.clone()),
                (Ok(Value::Bool(false)), _) => {}
                (Ok(other), _) => trouble = Some(no_condition(&other)),
                (Err(why), _) => trouble = Some(why),
            }
            if trouble.is_some() && !matches!(what, Macro::All | Macro::Exists) {
                break;
            }
        }
        match (trouble, what) {
            (Some(why), _) => Err(why),
            (None, Macro::All) => Ok(Value::Bool(true)),
            (None, Macro::Exists) => Ok(Value::Bool(false)),
            (None, Macro::ExistsOne) => Ok(Value::Bool(kept.len() == 1)),
            (None, Macro::Filter | Macro::Map) => self.weighed(Value::list(kept)),
        }
    }

    fn contained(&self, left: &Value<'a>, right: Value<'a>) -> Answer<'a> {
        if let (Value::Object(object), Value::Text(key)) = (&right, left) {
            return Ok(Value::Bool(self.scene.field(object, key).is_some()));
        }
        let right = self.settled(right);
        let Some(items) = right.elements() else {
            return Err(format!("`in` looks into {}", right.kind()).into());
        };
        self.spend(weight(&right))?;
        Ok(Value::Bool(items.iter().any(|item| item.same(left))))
    }

    fn binary(&self, operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Answer<'a> {
        let wrong = || {
            let (sign, left, right) = (operator.sign(), left.kind(), right.kind());
            Err(format!("`{sign}` cannot combine {left} with {right}"))
        };
        let truth = match operator {
            Operator::Equal | Operator::Unequal => {
                self.watch(operator, left, right);
                self.spend(weight(left).min(weight(right)))?;
                left.same(right) == (operator == Operator::Equal)
            }
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                self.watch(operator, left, right);
                let Some(order) = left.order(right) else {
                    return Ok(wrong()?);
                };
                match (operator, order) {
                    (_, None) => false,
                    (Operator::Less, Some(order)) => order == Ordering::Less,
                    (Operator::LessEqual, Some(order)) => order != Ordering::Greater,
                    (Operator::Greater, Some(order)) => order == Ordering::Greater,
                    (_, Some(order)) => order != Ordering::Less,
                }
            }
            _ => {
                self.spend(weight(left).saturating_add(weight(right)))?;
                return Ok(arithmetic(operator, left, right).unwrap_or_else(wrong)?);
            }
        };
        Ok(Value::Bool(truth))
    }

    /// Notes when the clock will have turned the comparison of these two.
    pub(crate) fn watch(&self, operator: Operator, left: &Value<'_>, right: &Value<'_>) {
        let ((Value::Moment(a), Value::Moment(b)) | (Value::Span(a), Value::Span(b))) =
            (left, right)
        else {
            return;
        };
        let speed = i128::from(a.slope) - i128::from(b.slope);
        if speed == 0 {
            return;
        }
        // As if the distance always grew from below zero.
        let distance = a
            .nanos
            .saturating_sub(b.nanos)
            .saturating_mul(speed.signum());
        let each = speed.abs() * MILLI;
        // In how many milliseconds it has arrived at zero, and has passed it.
        let arrives = (distance < 0).then(|| (-distance + each - 1).div_euclid(each).max(1));
        let passes = (distance <= 0).then(|| (-distance).div_euclid(each) + 1);
        let rises = speed > 0;
        let wait = match operator {
            Operator::Less | Operator::GreaterEqual if rises => arrives,
            Operator::LessEqual | Operator::Greater if !rises => arrives,
            Operator::Less | Operator::GreaterEqual | Operator::LessEqual | Operator::Greater => {
                passes
            }
            _ => arrives.or(passes),
        };
        if let Some(wait) = wait.and_then(|wait| i64::try_from(wait).ok()) {
            self.turns(self.scene.now().saturating_add(wait));
        }
    }
}

fn no_truth(what: &str, found: &Value<'_>) -> NoAnswer {
    let why = format!("{what} needs true or false, and this is {}", found.kind());
    NoAnswer::Failed(why)
}

fn no_condition(found: &Value<'_>) -> NoAnswer {
    NoAnswer::Failed(format!("{} is not a condition", found.kind()))
}

fn no(name: &str) -> NoAnswer {
    NoAnswer::Absent(name.to_owned())
}

/// How much there is of a value: characters, and elements with what lies within them. Nothing heavier
/// than [`WORK`] comes about, so that weighing ends soon.
pub(crate) fn weight(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(|item| 1 + weight(item)).sum(),
        Value::Map(pairs) => pairs
            .iter()
            .map(|(key, value)| 1 + weight(key) + weight(value))
            .sum(),
        _ => 0,
    }
}
