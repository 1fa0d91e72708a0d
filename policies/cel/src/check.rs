//! Whether an expression makes sense, before anybody works it out: names, types, words.

use crate::Mistake;
use crate::ast::{Expr, FORMS, Form, Function, Kind, Macro, Operator, Sort, TYPES};
use crate::suggestion::closest;
use crate::{calendar, functions, span};

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Anything: it is known only when it is there.
    Any,
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A whole number.
    Int,
    /// A whole number without a sign.
    Uint,
    /// A number with a point.
    Double,
    /// A text.
    Text,
    /// A text that is one of these words; the first says what they are.
    Word(&'static str, &'static [&'static str]),
    /// Bytes.
    Bytes,
    /// A moment.
    Moment,
    /// A span of time.
    Span,
    /// The type of something.
    Type,
    /// A list of these.
    List(Box<Type>),
    /// A map: keys and values.
    Map(Box<Type>, Box<Type>),
    /// Something with fields of its own, by its name.
    Object(&'static str),
}

/// The name of a field or variable, and what it is.
pub type Field = (&'static str, Type);

/// What an expression may name.
pub struct Scope<'a> {
    /// Variables.
    pub variables: &'a [Field],
    /// The fields of each object.
    pub objects: &'a [(&'static str, &'a [Field])],
    /// What to say of a name that is none.
    pub missing: &'a dyn Fn(&str) -> String,
    /// What to say of the fields of an object that has none.
    pub no_fields: &'static str,
    /// Whether this, or a field of it, goes with the clock: then nobody may ask for its seconds.
    pub moves: &'a dyn Fn(&str, Option<&str>) -> bool,
}

impl Type {
    /// With its article.
    #[must_use]
    pub fn name(&self) -> String {
        if let Self::Object(name) = self {
            return format!("the {name}");
        }
        self.plain_name().into()
    }

    const fn plain_name(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a number with a point",
            Self::Text | Self::Word(..) => "a text",
            Self::Moment => "a moment",
            Self::Span => "a span of time",
            Self::List(_) => "a list",
            Self::Map(..) | Self::Object(_) => "a map",
            Self::Uint => "a whole number without a sign",
            Self::Bytes => "bytes",
            Self::Type => "a type",
        }
    }

    const fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Word(..) | Self::Any)
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether values of the two can be one and the same, or be compared.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (a, b) if a.is_text() && b.is_text() => true,
            (a, b) if a.is_number() && b.is_number() => true,
            (Self::List(a), Self::List(b)) => a.meets(b),
            (Self::Map(a, x), Self::Map(b, y)) => a.meets(b) && x.meets(y),
            (a, b) => a == b,
        }
    }

    /// The type of both, where there is one.
    fn joined(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (a, b) if a.is_text() && b.is_text() && a != Self::Any && b != Self::Any => Self::Text,
            _ => Self::Any,
        }
    }
}

/// What the expression comes to.
///
/// # Errors
/// It names what there is not, or asks something of what cannot answer.
pub fn check(expr: &Expr, scope: &Scope<'_>) -> Result<Type, Mistake> {
    let mut checker = Checker {
        scope,
        bound: Vec::new(),
    };
    checker.of(expr)
}

/// Refuses an expression that does not come to true or false.
///
/// # Errors
/// As [`check`], or it comes to something else.
pub fn condition(expr: &Expr, scope: &Scope<'_>) -> Result<(), Mistake> {
    match check(expr, scope)? {
        Type::Bool | Type::Any => Ok(()),
        other => {
            let hint = match other {
                Type::Text | Type::Word(..) => "; compare it: `== \"…\"`",
                Type::Int | Type::Double => "; compare it: `> 0`",
                Type::Span => "; compare it: `> duration(\"30m\")`",
                Type::Moment => "; compare it: `< now`",
                _ => "; compare it",
            };
            let message = format!(
                "it comes to {}, and has to come to true or false{hint}",
                other.name()
            );
            Err(Mistake::new(expr.at, message))
        }
    }
}

struct Checker<'a> {
    scope: &'a Scope<'a>,
    bound: Vec<(String, Type)>,
}

impl Checker<'_> {
    fn of(&mut self, expr: &Expr) -> Result<Type, Mistake> {
        Ok(match &expr.kind {
            Kind::Null => Type::Null,
            Kind::Bool(_) => Type::Bool,
            Kind::Int(_) => Type::Int,
            Kind::Uint(_) => Type::Uint,
            Kind::Double(_) => Type::Double,
            Kind::Text(_) => Type::Text,
            Kind::Bytes(_) => Type::Bytes,
            Kind::Type(_) => Type::Type,
            Kind::Name(name) => self.name(name, expr.at)?,
            Kind::Field(of, field) | Kind::Has(of, field) => {
                let of = self.of(of)?;
                let field = self.field(&of, field, expr.at)?;
                match expr.kind {
                    Kind::Has(..) => Type::Bool,
                    _ => field,
                }
            }
            Kind::Index(of, index) => {
                let (of, key) = (self.of(of)?, self.of(index)?);
                match of {
                    Type::List(item) if key.meets(&Type::Int) => *item,
                    Type::Map(known, value) if key.meets(&known) => *value,
                    Type::Any => Type::Any,
                    Type::List(_) | Type::Map(..) => {
                        let message = format!("{} is no place in {}", key.name(), of.name());
                        return Err(Mistake::new(index.at, message));
                    }
                    other => {
                        let message = format!(
                            "`[…]` is asked of {}; only lists and maps have elements",
                            other.name()
                        );
                        return Err(Mistake::new(expr.at, message));
                    }
                }
            }
            Kind::Call(function, arguments) => self.call(*function, arguments, expr.at)?,
            Kind::Not(of) => {
                self.truth(of, "`!`")?;
                Type::Bool
            }
            Kind::Negative(of) => match self.of(of)? {
                found @ (Type::Int | Type::Double | Type::Span | Type::Any) => found,
                other => {
                    let message = format!(
                        "`-` is asked of {}; only numbers and spans have a sign",
                        other.name()
                    );
                    return Err(Mistake::new(expr.at, message));
                }
            },
            Kind::NoCall(message, _) => return Err(Mistake::new(expr.at, message.clone())),
            Kind::And(all) => {
                for part in all {
                    self.truth(part, "`&&`")?;
                }
                Type::Bool
            }
            Kind::Or(all) => {
                for part in all {
                    self.truth(part, "`||`")?;
                }
                Type::Bool
            }
            Kind::If(condition, yes, no) => {
                self.truth(condition, "`?`")?;
                let (yes, no) = (self.of(yes)?, self.of(no)?);
                yes.joined(no)
            }
            Kind::List(items) => Type::List(Box::new(self.joined(items.iter())?)),
            Kind::Map(pairs) => Type::Map(
                Box::new(self.joined(pairs.iter().map(|(key, _)| key))?),
                Box::new(self.joined(pairs.iter().map(|(_, value)| value))?),
            ),
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, expr.at)?,
            Kind::Each {
                what,
                range,
                variable,
                body,
            } => {
                let item = match self.of(range)? {
                    Type::List(item) => *item,
                    Type::Map(key, _) => *key,
                    Type::Any => Type::Any,
                    other => {
                        let message =
                            format!("{} has no elements; only lists and maps have", other.name());
                        return Err(Mistake::new(range.at, message));
                    }
                };
                self.bound.push((variable.clone(), item.clone()));
                let answer = match what {
                    Macro::Map => self.of(body),
                    _ => self.truth(body, "this").map(|()| Type::Bool),
                };
                self.bound.pop();
                match (what, answer?) {
                    (Macro::Map, to) => Type::List(Box::new(to)),
                    (Macro::Filter, _) => Type::List(Box::new(item)),
                    _ => Type::Bool,
                }
            }
        })
    }

    /// The type of all of these; anything where there are none.
    fn joined<'e>(&mut self, all: impl Iterator<Item = &'e Expr>) -> Result<Type, Mistake> {
        let mut joined: Option<Type> = None;
        for expr in all {
            let next = self.of(expr)?;
            joined = Some(match joined {
                Some(joined) => joined.joined(next),
                None => next,
            });
        }
        Ok(joined.unwrap_or(Type::Any))
    }

    /// Refuses what is no condition.
    fn truth(&mut self, expr: &Expr, who: &str) -> Result<(), Mistake> {
        match self.of(expr)? {
            Type::Bool | Type::Any => Ok(()),
            other => {
                let message = format!(
                    "{who} needs true or false here, and this is {}; compare it with something",
                    other.name()
                );
                Err(Mistake::new(expr.at, message))
            }
        }
    }

    fn name(&self, name: &str, at: usize) -> Result<Type, Mistake> {
        if let Some((_, bound)) = self.bound.iter().rev().find(|(known, _)| known == name) {
            return Ok(bound.clone());
        }
        let known = self
            .scope
            .variables
            .iter()
            .find(|(known, _)| *known == name);
        match known {
            Some((_, known)) => Ok(known.clone()),
            None if TYPES.contains(&name) => Ok(Type::Type),
            None => Err(Mistake::new(at, (self.scope.missing)(name))),
        }
    }

    fn field(&self, of: &Type, field: &str, at: usize) -> Result<Type, Mistake> {
        let (owner, fields) = match of {
            Type::Object(name) => {
                let mut known = self.scope.objects.iter();
                let fields = known.find(|(known, _)| known == name);
                (*name, fields.map_or(&[][..], |(_, fields)| *fields))
            }
            Type::Map(_, value) => return Ok((**value).clone()),
            Type::Any => return Ok(Type::Any),
            other => {
                let message = format!(
                    "`.{field}` is asked of {}, which has no fields",
                    other.name()
                );
                return Err(Mistake::new(at, message));
            }
        };
        if let Some((_, found)) = fields.iter().find(|(name, _)| *name == field) {
            return Ok(found.clone());
        }
        if fields.is_empty() {
            let message = format!("there is no `{owner}.{field}`; {}", self.scope.no_fields);
            return Err(Mistake::new(at, message));
        }
        let advice = match closest(field, fields.iter().map(|(name, _)| *name)) {
            Some(meant) => format!("did you mean `{owner}.{meant}`?"),
            None => {
                let known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                format!("its fields are {}", known.join(", "))
            }
        };
        Err(Mistake::new(
            at,
            format!("there is no `{owner}.{field}`; {advice}"),
        ))
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        at: usize,
    ) -> Result<Type, Mistake> {
        let (a, b) = (self.of(left)?, self.of(right)?);
        let sign = operator.sign();
        match operator {
            Operator::Equal | Operator::Unequal => {
                if !a.meets(&b) && a != Type::Null && b != Type::Null {
                    return Err(Mistake::new(at, apart(sign, &a, &b)));
                }
                word(&a, right)?;
                word(&b, left)?;
                Ok(Type::Bool)
            }
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                let ordered = |t: &Type| {
                    !matches!(
                        t,
                        Type::List(_) | Type::Map(..) | Type::Null | Type::Type | Type::Object(_)
                    )
                };
                if !a.meets(&b) || !ordered(&a) || !ordered(&b) {
                    return Err(Mistake::new(at, apart(sign, &a, &b)));
                }
                Ok(Type::Bool)
            }
            Operator::In => {
                match &b {
                    Type::List(item) if !a.meets(item) => {
                        let message =
                            format!("`in` looks for {} in a list of {}", a.name(), plural(item));
                        return Err(Mistake::new(at, message));
                    }
                    Type::List(_) | Type::Map(..) | Type::Any => {}
                    other => {
                        let message = format!(
                            "`in` looks into {}; write a list: `in [\"a\", \"b\"]`",
                            other.name()
                        );
                        return Err(Mistake::new(right.at, message));
                    }
                }
                if let Kind::List(items) = &right.kind {
                    for item in items {
                        word(&a, item)?;
                    }
                }
                Ok(Type::Bool)
            }
            _ => sum(operator, &a, &b).ok_or_else(|| {
                let hint = match (&a, &b) {
                    (Type::Moment | Type::Span, Type::Int)
                    | (Type::Int, Type::Moment | Type::Span) => {
                        "; write the span as `duration(\"30m\")`"
                    }
                    (Type::Int, Type::Double) | (Type::Double, Type::Int) => {
                        "; write both with a point, or `double(…)`"
                    }
                    (a, b) if a.is_text() || b.is_text() => {
                        "; write `string(…)` to join it to a text"
                    }
                    _ => "",
                };
                Mistake::new(
                    at,
                    format!(
                        "there is no `{sign}` between {} and {}{hint}",
                        a.name(),
                        b.name()
                    ),
                )
            }),
        }
    }

    fn call(&mut self, function: Function, arguments: &[Expr], at: usize) -> Result<Type, Mistake> {
        let mut types = Vec::with_capacity(arguments.len());
        for argument in arguments {
            types.push(self.of(argument)?);
        }
        let Some(form) = FORMS.iter().find(|form| form.function == function) else {
            return Ok(Type::Any);
        };
        let call = Called {
            form,
            arguments,
            types: &types,
            at,
        };
        call.literals()?;
        for (place, (sort, found)) in form.takes.iter().zip(&types).enumerate() {
            if !sort.takes(found) {
                return Err(call.refused(place, sort.name()));
            }
        }
        if matches!(function, Function::Seconds | Function::Milliseconds)
            && arguments
                .iter()
                .any(|argument| argument.mentions(self.scope.moves))
        {
            let message = format!(
                "`{}` of what goes with the clock would be asked again each second; compare with \
                 `duration(\"90s\")`",
                form.name
            );
            return Err(Mistake::new(at, message));
        }
        call.answer()
    }
}

impl Sort {
    fn takes(self, found: &Type) -> bool {
        match (self, found) {
            (Self::Any, _) | (_, Type::Any) => true,
            (Self::Text, found) => found.is_text(),
            (Self::Int, found) => *found == Type::Int,
            (Self::Bool, found) => *found == Type::Bool,
            (Self::List, Type::List(_)) => true,
            (Self::Texts, Type::List(item)) => item.is_text(),
            _ => false,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Bool => "true or false",
            Self::Text => "a text",
            Self::Int => "a whole number",
            Self::List => "a list",
            Self::Texts => "a list of texts",
        }
    }
}

/// A call with the types of its arguments.
struct Called<'c> {
    form: &'c Form,
    arguments: &'c [Expr],
    types: &'c [Type],
    at: usize,
}

impl Called<'_> {
    fn refused(&self, place: usize, wanted: &str) -> Mistake {
        let (at, found) = match (self.arguments.get(place), self.types.get(place)) {
            (Some(argument), Some(found)) => (argument.at, found.name()),
            _ => (self.at, "nothing".into()),
        };
        let asked = match place == 0 && self.form.method {
            true => "is asked of",
            false => "takes",
        };
        let name = self.form.name;
        Mistake::new(
            at,
            format!("`{name}` {asked} {wanted}, and this is {found}"),
        )
    }

    /// Refuses texts that can be read already, and mean nothing.
    fn literals(&self) -> Result<(), Mistake> {
        let literal = |place: usize| match self.arguments.get(place).map(|a| (&a.kind, a.at)) {
            Some((Kind::Text(text), at)) => Some((text.as_str(), at)),
            _ => None,
        };
        let first = literal(0);
        let second = literal(1);
        let wrong = |at: usize| move |message: String| Mistake::new(at, message);
        match (self.form.function, first, second) {
            (Function::Duration, Some((text, at)), _) => {
                span::parse(text).map(|_| ()).map_err(wrong(at))
            }
            (Function::Timestamp, Some((text, at)), _) => {
                calendar::moment(text).map(|_| ()).map_err(wrong(at))
            }
            (Function::Matches, _, Some((pattern, at))) => {
                functions::pattern(pattern).map(|_| ()).map_err(wrong(at))
            }
            (Function::Like, _, Some((pattern, at))) => {
                functions::wildcards(pattern).map_err(wrong(at))
            }
            (function, _, Some((zone, at))) if is_of_calendar(function) => {
                calendar::zone_of(zone).map(|_| ()).map_err(wrong(at))
            }
            _ => Ok(()),
        }
    }

    /// What it comes to, where that depends on what it is given.
    fn answer(&self) -> Result<Type, Mistake> {
        let first = self.types.first().unwrap_or(&Type::Any);
        let one_of = |fits: bool, wanted: &str, answer: Type| match fits || *first == Type::Any {
            true => Ok(answer),
            false => Err(self.refused(0, wanted)),
        };
        let textual = first.is_text();
        match self.form.function {
            Function::Size => {
                let sized = matches!(first, Type::List(_) | Type::Map(..) | Type::Bytes);
                one_of(textual || sized, "a text, a list or a map", Type::Int)
            }
            Function::Duration => {
                let fits = textual || *first == Type::Span;
                one_of(fits, "a text such as \"30m\"", Type::Span)
            }
            Function::Timestamp => {
                let fits = textual || matches!(first, Type::Int | Type::Moment);
                let wanted = "a text such as \"2026-12-24T18:00:00Z\"";
                one_of(fits, wanted, Type::Moment)
            }
            Function::ToInt => {
                let fits = textual || first.is_number() || *first == Type::Moment;
                one_of(fits, "a number or a text", Type::Int)
            }
            Function::ToUint => {
                let fits = textual || first.is_number();
                one_of(fits, "a number or a text", Type::Uint)
            }
            Function::ToDouble => {
                let fits = textual || first.is_number();
                one_of(fits, "a number or a text", Type::Double)
            }
            Function::ToBool => {
                let fits = textual || *first == Type::Bool;
                one_of(fits, "a text such as \"true\"", Type::Bool)
            }
            Function::ToBytes => {
                let fits = textual || *first == Type::Bytes;
                one_of(fits, "a text", Type::Bytes)
            }
            Function::ToText => {
                let nested = matches!(
                    first,
                    Type::List(_) | Type::Map(..) | Type::Object(_) | Type::Null | Type::Type
                );
                one_of(!nested, "a number, a moment, a span or a text", Type::Text)
            }
            Function::TypeOf => Ok(Type::Type),
            Function::Least | Function::Greatest => {
                let mut all = first.clone();
                for (place, next) in self.types.iter().enumerate().skip(1) {
                    if !all.meets(next) {
                        return Err(self.refused(place, &all.name()));
                    }
                    all = all.joined(next.clone());
                }
                Ok(all)
            }
            function if is_of_calendar(function) => {
                let of_span = *first == Type::Span
                    && self.types.len() == 1
                    && matches!(
                        function,
                        Function::Hours
                            | Function::Minutes
                            | Function::Seconds
                            | Function::Milliseconds
                    );
                let answer = match function {
                    Function::TimeOfDay => Type::Span,
                    _ => Type::Int,
                };
                let fits = *first == Type::Moment || of_span;
                one_of(fits, "a moment such as `now`", answer)
            }
            _ => Ok(match self.form.gives {
                Sort::Any | Sort::List => Type::Any,
                Sort::Bool => Type::Bool,
                Sort::Text => Type::Text,
                Sort::Int => Type::Int,
                Sort::Texts => Type::List(Box::new(Type::Text)),
            }),
        }
    }
}

/// Whether a function asks a moment what a clock or a calendar shows of it.
pub(crate) const fn is_of_calendar(function: Function) -> bool {
    matches!(
        function,
        Function::FullYear
            | Function::Month
            | Function::DayOfMonth
            | Function::Date
            | Function::DayOfWeek
            | Function::DayOfYear
            | Function::Hours
            | Function::Minutes
            | Function::Seconds
            | Function::Milliseconds
            | Function::TimeOfDay
    )
}

/// The type of an arithmetic operation; none where there is no such operation.
fn sum(operator: Operator, a: &Type, b: &Type) -> Option<Type> {
    use Operator::{Add, Remainder, Subtract};
    Some(match (operator, a, b) {
        (_, Type::Any, _) | (_, _, Type::Any) => Type::Any,
        (_, Type::Int, Type::Int) => Type::Int,
        (_, Type::Uint, Type::Uint) => Type::Uint,
        (Add, Type::Bytes, Type::Bytes) => Type::Bytes,
        (operator, Type::Double, Type::Double) if operator != Remainder => Type::Double,
        (Add, a, b) if a.is_text() && b.is_text() => Type::Text,
        (Add, Type::List(a), Type::List(b)) => {
            Type::List(Box::new((**a).clone().joined((**b).clone())))
        }
        (Add | Subtract, Type::Span, Type::Span) | (Subtract, Type::Moment, Type::Moment) => {
            Type::Span
        }
        (Add | Subtract, Type::Moment, Type::Span) | (Add, Type::Span, Type::Moment) => {
            Type::Moment
        }
        _ => return None,
    })
}

/// Refuses a text that is none of the words that there are.
fn word(of: &Type, literal: &Expr) -> Result<(), Mistake> {
    let (Type::Word(what, words), Kind::Text(text)) = (of, &literal.kind) else {
        return Ok(());
    };
    if words.contains(&text.as_str()) {
        return Ok(());
    }
    let advice = match closest(text, words.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("there are {}", words.join(", ")),
    };
    Err(Mistake::new(
        literal.at,
        format!("\"{text}\" is no {what}; {advice}"),
    ))
}

fn apart(sign: &str, a: &Type, b: &Type) -> String {
    let hint = match (a, b) {
        (Type::Span, Type::Int | Type::Text) | (Type::Int | Type::Text, Type::Span) => {
            "; write the span as `duration(\"30m\")`"
        }
        (Type::Moment, Type::Text) | (Type::Text, Type::Moment) => {
            "; write the moment as `timestamp(\"2026-12-24T18:00:00Z\")`"
        }
        (Type::Moment, Type::Span) | (Type::Span, Type::Moment) => {
            "; write `now - session.started_at` for the time since"
        }
        (a, b) if a.is_text() && b.is_number() || a.is_number() && b.is_text() => {
            "; put the number in quotes, or take them away"
        }
        (Type::Bool, b) | (b, Type::Bool) if b.is_text() => "; write true and false without quotes",
        _ => "",
    };
    format!(
        "`{sign}` compares {} with {}, which are never alike{hint}",
        a.name(),
        b.name()
    )
}

fn plural(of: &Type) -> &'static str {
    match of {
        Type::Int | Type::Uint | Type::Double => "numbers",
        Type::Text | Type::Word(..) => "texts",
        Type::Moment => "moments",
        Type::Span => "spans of time",
        _ => "something else",
    }
}
