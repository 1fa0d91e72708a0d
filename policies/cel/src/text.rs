//! What texts can do beside what the core of CEL has: the extension `strings` of the specification.
//! Places are counted in characters.

use std::rc::Rc;

use crate::ast::Function;
use crate::format::format;
use crate::value::Value;

type Answer<'a> = Result<Value<'a>, String>;

/// Works out a function of texts; none where the arguments are of another kind.
pub(crate) fn call<'a>(function: Function, values: &[Value<'a>]) -> Option<Answer<'a>> {
    let text = |place: usize| match values.get(place) {
        Some(Value::Text(text)) => Some(text.as_ref()),
        _ => None,
    };
    let number = |place: usize| match values.get(place) {
        None => Some(None),
        Some(Value::Int(number)) => Some(Some(*number)),
        Some(_) => None,
    };
    if function == Function::Join {
        let by = if values.len() == 1 { "" } else { text(1)? };
        let items = values.first()?.elements()?;
        if !matches!(
            values.first(),
            Some(Value::List(_) | Value::Json(serde_json::Value::Array(_)))
        ) {
            return None;
        }
        let mut texts = Vec::with_capacity(items.len());
        for item in items.iter() {
            let Value::Text(item) = item else {
                return Some(Err(format!("`join` joins texts, and not {}", item.kind())));
            };
            texts.push(item.as_ref());
        }
        return Some(Ok(Value::owned(texts.join(by))));
    }
    let of = text(0)?;
    Some(match function {
        Function::CharAt => char_at(of, number(1)??),
        Function::IndexOf => index_of(of, text(1)?, number(2)?),
        Function::LastIndexOf => last_index_of(of, text(1)?, number(2)?),
        Function::Replace => {
            let (old, new) = (text(1)?, text(2)?);
            let count = number(3)?.unwrap_or(-1);
            Ok(Value::owned(match usize::try_from(count) {
                Ok(count) => of.replacen(old, new, count),
                Err(_) => of.replace(old, new),
            }))
        }
        Function::Reverse => Ok(Value::owned(of.chars().rev().collect())),
        Function::Split => Ok(split(of, text(1)?, number(2)?)),
        Function::Substring => {
            let characters: Vec<char> = of.chars().collect();
            let from = number(1)??;
            let to = number(2)?.unwrap_or(signed(characters.len()));
            substring(&characters, from, to)
        }
        Function::Trim => Ok(Value::owned(of.trim().to_owned())),
        Function::Quote => Ok(Value::owned(quoted(of))),
        Function::Format => {
            let items = match values.get(1)? {
                Value::List(items) => Rc::clone(items),
                _ => return None,
            };
            format(of, &items).map(Value::owned)
        }
        _ => return None,
    })
}

/// How many characters at most come of it beside those that are there, where that may be many.
pub(crate) fn weight(function: Function, values: &[Value<'_>]) -> usize {
    let length = |place: usize| match values.get(place) {
        Some(Value::Text(text)) => text.len(),
        _ => 0,
    };
    match (function, values.first(), values.get(1)) {
        (Function::Replace, Some(Value::Text(of)), Some(Value::Text(old))) => {
            of.matches(old.as_ref()).count().saturating_mul(length(2))
        }
        (Function::Join, Some(Value::List(items)), _) => items.len().saturating_mul(length(1)),
        _ => 0,
    }
}

fn beyond<'a>(place: i64) -> Answer<'a> {
    Err(format!("the text has no position {place}"))
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn char_at(of: &str, place: i64) -> Answer<'static> {
    let Ok(at) = usize::try_from(place) else {
        return beyond(place);
    };
    match of.chars().nth(at) {
        Some(found) => Ok(Value::owned(found.to_string())),
        None if at == of.chars().count() => Ok(Value::text("")),
        None => beyond(place),
    }
}

/// Where each character begins, and the end.
fn places(of: &str) -> Vec<usize> {
    let begins = of.char_indices().map(|(at, _)| at);
    begins.chain([of.len()]).collect()
}

fn index_of(of: &str, part: &str, from: Option<i64>) -> Answer<'static> {
    let places = places(of);
    let first = from.unwrap_or(0);
    let Some(begin) = usize::try_from(first).ok().and_then(|at| places.get(at)) else {
        return beyond(first);
    };
    let found = of[*begin..].find(part).map(|at| begin + at);
    Ok(Value::Int(found.map_or(-1, |at| {
        signed(places.partition_point(|place| *place < at))
    })))
}

fn last_index_of(of: &str, part: &str, up_to: Option<i64>) -> Answer<'static> {
    let places = places(of);
    let last = up_to.unwrap_or(signed(places.len() - 1));
    let Ok(most) = usize::try_from(last) else {
        return beyond(last);
    };
    if most >= places.len() {
        return beyond(last);
    }
    let begins = (0..=most)
        .rev()
        .find(|place| of[places[*place]..].starts_with(part));
    Ok(Value::Int(begins.map_or(-1, signed)))
}

fn split(of: &str, by: &str, limit: Option<i64>) -> Value<'static> {
    let owned = |part: &str| Value::owned(part.to_owned());
    let parts: Vec<Value<'static>> = match limit.map(usize::try_from) {
        Some(Ok(0)) => Vec::new(),
        Some(Ok(count)) if by.is_empty() => {
            let places = places(of);
            let single = (0..places.len() - 1).take(count - 1);
            let mut parts: Vec<_> = single
                .map(|at| owned(&of[places[at]..places[at + 1]]))
                .collect();
            if let Some(rest) = places.get(count - 1).map(|at| &of[*at..])
                && !rest.is_empty()
            {
                parts.push(owned(rest));
            }
            parts
        }
        Some(Ok(count)) => of.splitn(count, by).map(owned).collect(),
        _ if by.is_empty() => of.chars().map(|c| Value::owned(c.to_string())).collect(),
        _ => of.split(by).map(owned).collect(),
    };
    Value::list(parts)
}

fn substring(characters: &[char], from: i64, to: i64) -> Answer<'static> {
    let within = |place: i64| {
        usize::try_from(place)
            .ok()
            .filter(|place| *place <= characters.len())
    };
    let Some(begin) = within(from) else {
        return beyond(from);
    };
    let Some(end) = within(to) else {
        return beyond(to);
    };
    match characters.get(begin..end) {
        Some(part) => Ok(Value::owned(part.iter().collect())),
        None => Err(format!("a part of a text cannot go from {from} to {to}")),
    }
}

fn quoted(of: &str) -> String {
    let mut text = String::from("\"");
    for c in of.chars() {
        match c {
            '\u{7}' => text.push_str("\\a"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{b}' => text.push_str("\\v"),
            '\\' | '"' => {
                text.push('\\');
                text.push(c);
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}
