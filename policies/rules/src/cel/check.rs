//! Whether an expression makes sense, before anybody works it out: names, types, words.

use dayfly_policy_sdk::{closest, parse_duration};

use super::Mistake;
use super::ast::{Expr, FORMS, Function, Kind, Macro, Operator};
use super::wall;

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    /// Anything: it is known only when it is there.
    Any,
    Null,
    Bool,
    Int,
    Double,
    Text,
    /// A text that is one of these words; the first says what they are.
    Word(&'static str, &'static [&'static str]),
    Moment,
    Span,
    List(Box<Type>),
    Map(Box<Type>),
    /// A map of texts.
    Labels,
    Session,
    Event,
    State,
}

/// A field of the session or of an event.
pub(crate) type Field = (&'static str, Type);

/// What an expression may name.
pub(crate) struct Scope<'a> {
    pub(crate) session: &'a [Field],
    /// None: there is no event.
    pub(crate) event: Option<&'a [Field]>,
}

impl Type {
    /// With its article.
    pub(crate) fn name(&self) -> &'static str {
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
            Self::Map(_) | Self::Labels => "a map",
            Self::Session => "the session",
            Self::Event => "the event",
            Self::State => "what is remembered",
        }
    }

    const fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Word(..) | Self::Any)
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Double)
    }

    /// Whether values of the two can be one and the same, or be compared.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (a, b) if a.is_text() && b.is_text() => true,
            (a, b) if a.is_number() && b.is_number() => true,
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) => a.meets(b),
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
pub(crate) fn check(expr: &Expr, scope: &Scope<'_>) -> Result<Type, Mistake> {
    let mut checker = Checker {
        scope,
        bound: Vec::new(),
    };
    checker.of(expr)
}

/// Refuses an expression that does not come to true or false.
pub(crate) fn condition(expr: &Expr, scope: &Scope<'_>) -> Result<(), Mistake> {
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
            Kind::Double(_) => Type::Double,
            Kind::Text(_) => Type::Text,
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
                    Type::Map(value) if key.meets(&Type::Text) => *value,
                    Type::Labels if key.meets(&Type::Text) => Type::Text,
                    Type::State | Type::Any => Type::Any,
                    Type::List(_) | Type::Map(_) | Type::Labels => {
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
            Kind::And(left, right) => {
                self.truth(left, "`&&`")?;
                self.truth(right, "`&&`")?;
                Type::Bool
            }
            Kind::Or(left, right) => {
                self.truth(left, "`||`")?;
                self.truth(right, "`||`")?;
                Type::Bool
            }
            Kind::If(condition, yes, no) => {
                self.truth(condition, "`?`")?;
                let (yes, no) = (self.of(yes)?, self.of(no)?);
                yes.joined(no)
            }
            Kind::List(items) => {
                let mut all: Option<Type> = None;
                for item in items {
                    let next = self.of(item)?;
                    all = Some(match all {
                        Some(all) => all.joined(next),
                        None => next,
                    });
                }
                Type::List(Box::new(all.unwrap_or(Type::Any)))
            }
            Kind::Map(pairs) => {
                let mut all: Option<Type> = None;
                for (key, value) in pairs {
                    self.of(key)?;
                    let next = self.of(value)?;
                    all = Some(match all {
                        Some(all) => all.joined(next),
                        None => next,
                    });
                }
                Type::Map(Box::new(all.unwrap_or(Type::Any)))
            }
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, expr.at)?,
            Kind::Each {
                what,
                range,
                variable,
                body,
            } => {
                let item = match self.of(range)? {
                    Type::List(item) => *item,
                    Type::Map(_) | Type::Labels => Type::Text,
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
        match (name, self.scope.event) {
            ("session", _) => return Ok(Type::Session),
            ("state", _) => return Ok(Type::State),
            ("now", _) => return Ok(Type::Moment),
            ("event", Some(_)) => return Ok(Type::Event),
            ("event", None) => {
                let message =
                    "there is no event in a rule that always counts; give the rule a `when`";
                return Err(Mistake::new(at, message));
            }
            _ => {}
        }
        let of_session = self.scope.session.iter().map(|(name, _)| *name);
        let roots = ["session", "event", "state", "now"];
        let quoted = format!("there is no `{name}`; a text needs quotes: \"{name}\"");
        let message = match (name, closest(name, roots), closest(name, of_session)) {
            ("time" | "today", ..) => format!("there is no `{name}`; did you mean `now`?"),
            ("active" | "inactive" | "pending" | "production", ..) => quoted,
            (_, _, Some(field)) if field == name => {
                format!("there is no `{name}`; did you mean `session.{name}`?")
            }
            (_, Some(root), _) => format!("there is no `{name}`; did you mean `{root}`?"),
            (_, None, Some(field)) => {
                format!("there is no `{name}`; did you mean `session.{field}`?")
            }
            (_, None, None) => format!(
                "there is no `{name}`; there are `session`, `event`, `state` and `now`, and a text needs quotes: \"{name}\""
            ),
        };
        Err(Mistake::new(at, message))
    }

    fn field(&self, of: &Type, field: &str, at: usize) -> Result<Type, Mistake> {
        let (owner, fields) = match of {
            Type::Session => ("session", self.scope.session),
            Type::Event => ("event", self.scope.event.unwrap_or(&[])),
            Type::Map(value) => return Ok((**value).clone()),
            Type::Labels => return Ok(Type::Text),
            Type::State | Type::Any => return Ok(Type::Any),
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
            let message =
                format!("there is no `{owner}.{field}`; an event is about no session here");
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
                        Type::List(_)
                            | Type::Map(_)
                            | Type::Labels
                            | Type::Null
                            | Type::Session
                            | Type::Event
                            | Type::State
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
                    Type::List(_) | Type::Map(_) | Type::Labels | Type::State | Type::Any => {}
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
        let name = FORMS
            .iter()
            .find(|form| form.function == function)
            .map_or("", |form| form.name);
        let refuse = |place: usize, wanted: &str| {
            let (at, found) = match (arguments.get(place), types.get(place)) {
                (Some(argument), Some(found)) => (argument.at, found.name()),
                _ => (at, "nothing"),
            };
            let asked = if place == 0 && FORMS.iter().any(|f| f.function == function && f.method) {
                "is asked of"
            } else {
                "takes"
            };
            Err(Mistake::new(
                at,
                format!("`{name}` {asked} {wanted}, and this is {found}"),
            ))
        };
        let literal = |place: usize| match arguments.get(place).map(|a| (&a.kind, a.at)) {
            Some((Kind::Text(text), at)) => Some((text.as_str(), at)),
            _ => None,
        };
        let any = |place: usize| types.get(place) == Some(&Type::Any);
        match function {
            Function::Size => match types.first() {
                Some(
                    Type::Text
                    | Type::Word(..)
                    | Type::List(_)
                    | Type::Map(_)
                    | Type::Labels
                    | Type::Any,
                ) => Ok(Type::Int),
                _ => refuse(0, "a text, a list or a map"),
            },
            Function::Contains | Function::StartsWith | Function::EndsWith | Function::Like => {
                let wrong = types.iter().position(|t| !t.is_text());
                match wrong {
                    Some(place) => refuse(place, "a text"),
                    None => Ok(Type::Bool),
                }
            }
            Function::LowerAscii | Function::UpperAscii => match &types[..] {
                [of] if of.is_text() => Ok(Type::Text),
                _ => refuse(0, "a text"),
            },
            Function::Duration => {
                if let Some((text, at)) = literal(0) {
                    parse_duration(text).map_err(|message| Mistake::new(at, message))?;
                }
                match types.first() {
                    Some(Type::Text | Type::Word(..) | Type::Any | Type::Span) => Ok(Type::Span),
                    _ => refuse(0, "a text such as \"30m\""),
                }
            }
            Function::Timestamp => {
                if let Some((text, at)) = literal(0) {
                    wall::moment(text).map_err(|message| Mistake::new(at, message))?;
                }
                match types.first() {
                    Some(Type::Text | Type::Word(..) | Type::Any | Type::Int | Type::Moment) => {
                        Ok(Type::Moment)
                    }
                    _ => refuse(0, "a text such as \"2026-12-24T18:00:00Z\""),
                }
            }
            Function::ToInt | Function::ToDouble => match types.first() {
                Some(Type::Int | Type::Double | Type::Text | Type::Any | Type::Moment) => {
                    Ok(match function {
                        Function::ToInt => Type::Int,
                        _ => Type::Double,
                    })
                }
                _ => refuse(0, "a number or a text"),
            },
            Function::ToText => Ok(Type::Text),
            Function::Least | Function::Greatest => {
                let mut all = types.first().cloned().unwrap_or(Type::Any);
                for (place, next) in types.iter().enumerate().skip(1) {
                    if !all.meets(next) {
                        return refuse(place, all.name());
                    }
                    all = all.joined(next.clone());
                }
                Ok(all)
            }
            _ => {
                if let Some((zone, at)) = literal(1) {
                    wall::wall(0, Some(zone)).map_err(|message| Mistake::new(at, message))?;
                }
                if types.get(1).is_some_and(|zone| !zone.is_text()) {
                    return refuse(1, "the name of a time zone");
                }
                let of_span =
                    matches!(function, Function::Hours | Function::Minutes) && types.len() == 1;
                match types.first() {
                    Some(Type::Moment) => {}
                    Some(Type::Span) if of_span => {}
                    _ if any(0) => {}
                    _ => return refuse(0, "a moment such as `now`"),
                }
                Ok(match function {
                    Function::TimeOfDay => Type::Span,
                    _ => Type::Int,
                })
            }
        }
    }
}

/// The type of an arithmetic operation; none where there is no such operation.
fn sum(operator: Operator, a: &Type, b: &Type) -> Option<Type> {
    use Operator::{Add, Remainder, Subtract};
    Some(match (operator, a, b) {
        (_, Type::Any, _) | (_, _, Type::Any) => Type::Any,
        (_, Type::Int, Type::Int) => Type::Int,
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
        Type::Int | Type::Double => "numbers",
        Type::Text | Type::Word(..) => "texts",
        Type::Moment => "moments",
        Type::Span => "spans of time",
        _ => "something else",
    }
}
