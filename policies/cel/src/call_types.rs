//! What a function takes, and what a call comes to.

use crate::Mistake;
use crate::ast::{Expr, Form, Function, Kind, Sort};
use crate::types::Type;
use crate::{calendar, functions, span};

impl Sort {
    pub(crate) fn takes(self, found: &Type) -> bool {
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

    pub(crate) const fn name(self) -> &'static str {
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
pub(crate) struct Called<'c> {
    pub(crate) form: &'c Form,
    pub(crate) arguments: &'c [Expr],
    pub(crate) types: &'c [Type],
    pub(crate) at: usize,
}

impl Called<'_> {
    pub(crate) fn refused(&self, place: usize, wanted: &str) -> Mistake {
        let (at, found) = match (self.arguments.get(place), self.types.get(place)) {
            (Some(argument), Some(found)) => (argument.at, found.name()),
            _ => (self.at, "nothing".into()),
        };
        let asked = match place == 0 && self.form.method {
            true => "works on",
            false => "takes",
        };
        let name = self.form.name;
        Mistake::new(
            at,
            format!("`{name}` {asked} {wanted}, and this is {found}"),
        )
    }

    /// Refuses texts that can be read already, and mean nothing.
    pub(crate) fn literals(&self) -> Result<(), Mistake> {
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
            (function, _, Some((zone, at))) if function.is_of_calendar() => {
                calendar::zone_of(zone).map(|_| ()).map_err(wrong(at))
            }
            _ => Ok(()),
        }
    }

    /// What it comes to, where that depends on what it is given.
    pub(crate) fn answer(&self) -> Result<Type, Mistake> {
        let first = self.types.first().unwrap_or(&Type::Any);
        if let Some((fits, wanted, answer)) = conversion(self.form.function, first) {
            return self.if_it(fits, wanted, answer);
        }
        match self.form.function {
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
            function if function.is_of_calendar() => self.of_calendar(function, first),
            _ => Ok(match self.form.gives {
                Sort::Any | Sort::List => Type::Any,
                Sort::Bool => Type::Bool,
                Sort::Text => Type::Text,
                Sort::Int => Type::Int,
                Sort::Texts => Type::List(Box::new(Type::Text)),
            }),
        }
    }

    /// The answer, if the first argument fits; what is known only when it is there may fit.
    fn if_it(&self, fits: bool, wanted: &str, answer: Type) -> Result<Type, Mistake> {
        match fits || self.types.first().is_none_or(|first| *first == Type::Any) {
            true => Ok(answer),
            false => Err(self.refused(0, wanted)),
        }
    }

    fn of_calendar(&self, function: Function, first: &Type) -> Result<Type, Mistake> {
        let of_span = *first == Type::Span
            && self.types.len() == 1
            && matches!(
                function,
                Function::Hours | Function::Minutes | Function::Seconds | Function::Milliseconds
            );
        let answer = match function {
            Function::TimeOfDay => Type::Span,
            _ => Type::Int,
        };
        let fits = *first == Type::Moment || of_span;
        self.if_it(fits, "a moment such as `now`", answer)
    }
}

/// Whether a function of one argument takes this, what it wants, and what it makes of it; none for
/// functions that make no other type of their argument.
fn conversion(function: Function, first: &Type) -> Option<(bool, &'static str, Type)> {
    let textual = first.is_text();
    Some(match function {
        Function::Size => {
            let sized = matches!(first, Type::List(_) | Type::Map(..) | Type::Bytes);
            (textual || sized, "a text, a list or a map", Type::Int)
        }
        Function::Duration => {
            let fits = textual || *first == Type::Span;
            (fits, "a text such as \"30m\"", Type::Span)
        }
        Function::Timestamp => {
            let fits = textual || matches!(first, Type::Int | Type::Moment);
            let wanted = "a text such as \"2026-12-24T18:00:00Z\"";
            (fits, wanted, Type::Moment)
        }
        Function::ToInt => {
            let fits = textual || first.is_number() || *first == Type::Moment;
            (fits, "a number or a text", Type::Int)
        }
        Function::ToUint => (
            textual || first.is_number(),
            "a number or a text",
            Type::Uint,
        ),
        Function::ToDouble => (
            textual || first.is_number(),
            "a number or a text",
            Type::Double,
        ),
        Function::ToBool => {
            let fits = textual || *first == Type::Bool;
            (fits, "a text such as \"true\"", Type::Bool)
        }
        Function::ToBytes => (textual || *first == Type::Bytes, "a text", Type::Bytes),
        Function::ToText => {
            let nested = matches!(
                first,
                Type::List(_) | Type::Map(..) | Type::Object(_) | Type::Null | Type::Type
            );
            (!nested, "a number, a moment, a span or a text", Type::Text)
        }
        _ => return None,
    })
}
