//! Sentences with expressions in braces: `idle for {session.idle}`.

use crate::Mistake;
use crate::ast::Expr;
use crate::eval::Worker;
use crate::parser::parse;

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words as they stand there.
    Text(String),
    /// An expression, and where it begins in the sentence, in bytes.
    Value(usize, Expr),
}

/// Reads a sentence. `{{` and `}}` stand for braces.
///
/// # Errors
/// A brace is not closed, or what stands in braces is no expression.
pub fn sentence(text: &str) -> Result<Vec<Part>, Mistake> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(place) = rest.find(['{', '}']) {
        let at = text.len() - rest.len() + place;
        plain.push_str(&rest[..place]);
        let brace = &rest[place..=place];
        rest = &rest[place + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            plain.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(Mistake::new(
                at,
                "nothing is open that this `}` closes; write `}}` for a brace",
            ));
        }
        let Some(end) = rest.find('}') else {
            return Err(Mistake::new(
                at,
                "the brace that opens here is not closed; write `{{` for a brace",
            ));
        };
        let expr = parse(&rest[..end]).map_err(|mistake| Mistake {
            at: at + 1 + mistake.at,
            ..mistake
        })?;
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Value(at + 1, expr));
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

/// The sentence, with a question mark for what cannot be told.
#[must_use]
pub fn say<'a>(parts: &'a [Part], worker: &Worker<'_, 'a>) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Value(_, expr) => match worker.value(expr) {
                Ok(value) => text.push_str(&value.shown()),
                Err(_) => text.push('?'),
            },
        }
    }
    text
}
