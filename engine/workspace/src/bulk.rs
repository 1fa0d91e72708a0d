//! Many edits of one list at once, for the price of one: see [`crate::splice`] for what an edit
//! leaves alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::render::{self, Style};
use crate::splice::{List, SpliceError, element_style, top};
use crate::tree::{self, Edit, Object};
use crate::write::ordered;

/// Adds entries to a list, in the style of its neighbours. Their ids must be new to it.
///
/// # Errors
/// [`SpliceError`] where the text is not fit for it, or an id is missing or taken.
pub fn add_all(
    text: &str,
    list: List,
    entries: &[Map<String, Value>],
) -> Result<String, SpliceError> {
    let (field, key) = (list.field(), list.key());
    if entries.is_empty() {
        return Ok(text.to_owned());
    }
    let top = top(text, list)?;
    let there = top.get(field).map(|(_, span)| span);
    let parts = match &there {
        Some(span) => tree::elements(text, span.clone()).ok_or(SpliceError::Shape { field })?,
        None => Vec::new(),
    };
    let mut known: BTreeSet<String> = parts
        .iter()
        .filter_map(|part| id(text, part, key))
        .collect();
    for entry in entries {
        let Some(Value::String(id)) = entry.get(key) else {
            return Err(SpliceError::NoId { field, key });
        };
        if !known.insert(id.clone()) {
            let id = id.clone();
            return Err(SpliceError::Taken { field, id });
        }
    }
    let array = || Value::Array(entries.iter().cloned().map(Value::Object).collect());
    let place = top.members.iter().rposition(|m| m.name == field);
    let last = top.members.len().saturating_sub(1);
    let outer = top.style(place.unwrap_or(last), &Style::compact());
    let Some(span) = there else {
        let array = render::value(&array(), &outer);
        return Ok(tree::apply(text, top.set(&[(field, Some(array))], &[])));
    };
    let edit = match parts.last() {
        None => Edit {
            range: span,
            text: render::value(&array(), &outer),
        },
        Some(last) => {
            let space = tree::space_before(text, last.start);
            let style = element_style(text, last, space, &outer);
            let new = entries
                .iter()
                .map(|entry| format!(",{space}{}", render::object(entry, &style)));
            Edit {
                range: last.end..last.end,
                text: new.collect(),
            }
        }
    };
    Ok(tree::apply(text, vec![edit]))
}

/// Changes fields of entries, by their ids: each field is set to its value, and removed where that
/// is `null`. Others stay, and entries that are not there are left out.
///
/// # Errors
/// [`SpliceError`] where the text is not fit for it.
pub fn update_all(
    text: &str,
    list: List,
    changes: &BTreeMap<&str, Map<String, Value>>,
) -> Result<String, SpliceError> {
    let field = list.field();
    if changes.is_empty() {
        return Ok(text.to_owned());
    }
    let Some((_, span)) = top(text, list)?.get(field) else {
        return Ok(text.to_owned());
    };
    let parts = tree::elements(text, span).ok_or(SpliceError::Shape { field })?;
    let mut edits = Vec::new();
    for part in &parts {
        let Some(change) = id(text, part, list.key()).and_then(|id| changes.get(id.as_str()))
        else {
            continue;
        };
        let object = Object::at(text, part.clone()).ok_or(SpliceError::Shape { field })?;
        let last = object.members.len().saturating_sub(1);
        let style = object.style(last, &Style::compact());
        let differs = |name: &str, value: &Value| {
            let there = object
                .get(name)
                .map(|(raw, _)| serde_json::from_str(raw).ok());
            there != Some(Some(value.clone()))
        };
        let set: Vec<(&str, Option<String>)> = ordered(change)
            .into_iter()
            .filter(|(name, value)| differs(name, value))
            .map(|(name, value)| {
                let text = (!value.is_null()).then(|| render::value(value, &style));
                (name, text)
            })
            .collect();
        edits.extend(object.set(&set, &[]));
    }
    Ok(tree::apply(text, edits))
}

/// Takes entries out of a list, by their ids; those that are not there are left out.
///
/// # Errors
/// [`SpliceError`] where the text is not fit for it.
pub fn remove_all(text: &str, list: List, ids: &BTreeSet<&str>) -> Result<String, SpliceError> {
    let field = list.field();
    let Some((_, span)) = top(text, list)?.get(field) else {
        return Ok(text.to_owned());
    };
    let parts = tree::elements(text, span.clone()).ok_or(SpliceError::Shape { field })?;
    let stays: Vec<bool> = parts
        .iter()
        .map(|part| id(text, part, list.key()).is_none_or(|id| !ids.contains(id.as_str())))
        .collect();
    if stays.iter().all(|stays| *stays) {
        return Ok(text.to_owned());
    }
    if !stays.contains(&true) {
        let edit = Edit {
            range: span.start + 1..span.end - 1,
            text: String::new(),
        };
        return Ok(tree::apply(text, vec![edit]));
    }
    Ok(tree::apply(text, tree::removals(&parts, &stays)))
}

fn id(text: &str, part: &std::ops::Range<usize>, key: &str) -> Option<String> {
    let object = Object::at(text, part.clone())?;
    let (raw, _) = object.get(key)?;
    serde_json::from_str(raw).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice;

    const TEXT: &str = "{\n    \"sessions\": [\n        {\"sessionId\": \"a\", \"mine\": 1.50},\n        \
        {\"sessionId\": \"b\"},\n        {\n            \"sessionId\": \"c\",\n            \
        \"sessionName\": \"see\"\n        }\n    ],\n    \"other\": [1,2]\n}\n";

    fn object(id: &str) -> Map<String, Value> {
        Map::from_iter([
            ("sessionId".to_owned(), Value::from(id)),
            ("sessionName".to_owned(), Value::from(id)),
        ])
    }

    #[test]
    fn many_at_once_are_as_one_after_the_other() {
        for text in [
            TEXT,
            "{\"sessions\": []}",
            "{}",
            "{\n  \"sessions\": []\n}\n",
        ] {
            let new = [object("x"), object("y"), object("z")];
            let mut one_by_one = text.to_owned();
            for entry in &new {
                one_by_one = splice::add(&one_by_one, List::Sessions, entry).unwrap();
            }
            assert_eq!(add_all(text, List::Sessions, &new).unwrap(), one_by_one);
        }
        let change = object("q");
        let changes = BTreeMap::from([("a", change.clone()), ("c", change), ("gone", object("g"))]);
        let mut one_by_one = TEXT.to_owned();
        for id in ["a", "c"] {
            let mut change = changes[id].clone();
            change.insert("sessionId".to_owned(), Value::from(id));
            one_by_one = splice::update(&one_by_one, List::Sessions, id, &change).unwrap();
        }
        let all: BTreeMap<&str, Map<String, Value>> = changes
            .into_iter()
            .map(|(id, mut change)| {
                change.insert("sessionId".to_owned(), Value::from(id));
                (id, change)
            })
            .collect();
        assert_eq!(update_all(TEXT, List::Sessions, &all).unwrap(), one_by_one);
        for ids in [
            &["a"][..],
            &["b", "c"],
            &["a", "c"],
            &["a", "b", "c"],
            &["no"],
            &[],
        ] {
            let mut one_by_one = TEXT.to_owned();
            for id in ids.iter().filter(|id| **id != "no") {
                one_by_one = splice::remove(&one_by_one, List::Sessions, id).unwrap();
            }
            let ids = ids.iter().copied().collect();
            assert_eq!(remove_all(TEXT, List::Sessions, &ids).unwrap(), one_by_one);
        }
    }

    #[test]
    fn an_id_that_is_taken_is_refused_before_anything_is_added() {
        for ids in [["n", "a"], ["n", "n"]] {
            let new = ids.map(object);
            assert!(matches!(
                add_all(TEXT, List::Sessions, &new),
                Err(SpliceError::Taken { .. })
            ));
        }
    }
}
