//! What the two sides of an operator may be.

use crate::Mistake;
use crate::ast::{Expr, Kind, Operator};
use crate::suggestion::closest;
use crate::types::Type;

/// The type of an arithmetic operation; none where there is no such operation.
pub(crate) fn sum(operator: Operator, a: &Type, b: &Type) -> Option<Type> {
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
pub(crate) fn word(of: &Type, literal: &Expr) -> Result<(), Mistake> {
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
        format!("\"{text}\" is not a {what}; {advice}"),
    ))
}

pub(crate) fn apart(sign: &str, a: &Type, b: &Type) -> String {
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
        "`{sign}` compares {} with {}, which are never equal{hint}",
        a.name(),
        b.name()
    )
}

/// The mistake of an arithmetic operation that there is not.
pub(crate) fn no_sum(at: usize, sign: &str, a: &Type, b: &Type) -> Mistake {
    let hint = match (a, b) {
        (Type::Moment | Type::Span, Type::Int) | (Type::Int, Type::Moment | Type::Span) => {
            "; write the span as `duration(\"30m\")`"
        }
        (Type::Int, Type::Double) | (Type::Double, Type::Int) => {
            "; write both with a point, or `double(…)`"
        }
        (a, b) if a.is_text() || b.is_text() => "; write `string(…)` to join it to a text",
        _ => "",
    };
    let (a, b) = (a.name(), b.name());
    Mistake::new(
        at,
        format!("there is no `{sign}` between {a} and {b}{hint}"),
    )
}
