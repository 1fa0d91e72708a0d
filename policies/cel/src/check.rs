//! Whether an expression makes sense, before anybody works it out: names, types, words.

use crate::Mistake;
use crate::ast::{Expr, FORMS, Function, Kind, Macro, Operator, TYPES};
use crate::call_types::Called;
use crate::operands::{apart, no_sum, sum, word};
use crate::suggestion::closest;
use crate::types::plural;

pub use crate::types::Type;

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
                "the expression gives {}, but must give true or false{hint}",
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
            Kind::Index(of, index) => self.index(of, index, expr.at)?,
            Kind::Call(function, arguments) => self.call(*function, arguments, expr.at)?,
            Kind::Not(of) => {
                self.truth(of, "`!`")?;
                Type::Bool
            }
            Kind::Negative(of) => self.negative(of, expr.at)?,
            Kind::NoCall(message, _) => return Err(Mistake::new(expr.at, message.clone())),
            Kind::And(all) => self.all_true(all, "`&&`")?,
            Kind::Or(all) => self.all_true(all, "`||`")?,
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
            } => self.each(*what, range, variable, body)?,
        })
    }

    fn index(&mut self, of: &Expr, index: &Expr, at: usize) -> Result<Type, Mistake> {
        let (of, key) = (self.of(of)?, self.of(index)?);
        match of {
            Type::List(item) if key.meets(&Type::Int) => Ok(*item),
            Type::Map(known, value) if key.meets(&known) => Ok(*value),
            Type::Any => Ok(Type::Any),
            Type::List(_) | Type::Map(..) => {
                let message = format!("{} is not an index of {}", key.name(), of.name());
                Err(Mistake::new(index.at, message))
            }
            other => {
                let message = format!("`[…]` needs a list or a map, and this is {}", other.name());
                Err(Mistake::new(at, message))
            }
        }
    }

    fn negative(&mut self, of: &Expr, at: usize) -> Result<Type, Mistake> {
        match self.of(of)? {
            found @ (Type::Int | Type::Double | Type::Span | Type::Any) => Ok(found),
            other => {
                let message = format!("`-` needs a number or a span, and this is {}", other.name());
                Err(Mistake::new(at, message))
            }
        }
    }

    fn all_true(&mut self, all: &[Expr], sign: &str) -> Result<Type, Mistake> {
        for part in all {
            self.truth(part, sign)?;
        }
        Ok(Type::Bool)
    }

    fn each(
        &mut self,
        what: Macro,
        range: &Expr,
        variable: &str,
        body: &Expr,
    ) -> Result<Type, Mistake> {
        let item = match self.of(range)? {
            Type::List(item) => *item,
            Type::Map(key, _) => *key,
            Type::Any => Type::Any,
            other => {
                let message = format!("{} has no elements; only lists and maps have", other.name());
                return Err(Mistake::new(range.at, message));
            }
        };
        self.bound.push((variable.to_owned(), item.clone()));
        let answer = match what {
            Macro::Map => self.of(body),
            _ => self.truth(body, "this").map(|()| Type::Bool),
        };
        self.bound.pop();
        Ok(match (what, answer?) {
            (Macro::Map, to) => Type::List(Box::new(to)),
            (Macro::Filter, _) => Type::List(Box::new(item)),
            _ => Type::Bool,
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

    /// Refuses what is not a condition.
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
                    "`.{field}` needs a value with fields, and this is {}",
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
            Operator::In => contained(&a, &b, right, at),
            _ => sum(operator, &a, &b).ok_or_else(|| no_sum(at, sign, &a, &b)),
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
                "`{}` of a time that runs with the clock would be evaluated again each second; compare with \
                 `duration(\"90s\")`",
                form.name
            );
            return Err(Mistake::new(at, message));
        }
        call.answer()
    }
}

/// Refuses to look for what cannot be there.
fn contained(a: &Type, b: &Type, right: &Expr, at: usize) -> Result<Type, Mistake> {
    match b {
        Type::List(item) if !a.meets(item) => {
            let message = format!("`in` looks for {} in a list of {}", a.name(), plural(item));
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
            word(a, item)?;
        }
    }
    Ok(Type::Bool)
}
