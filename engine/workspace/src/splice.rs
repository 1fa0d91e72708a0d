//! Edits of the file's text that touch nothing but what is to change: order, indentation,
//! unknown fields and the way numbers are written stay byte for byte. Pure, text to text.

use std::collections::BTreeMap;
use std::ops::Range;

use dayfly_core::session::SessionId;
use serde_json::{Map, Value};

use crate::method::SEED;
use crate::read;
use crate::render::{self, Style};
use crate::tree::{self, Edit, Object};
use crate::workspace::Workspace;
use crate::write::{ordered, projected};
use dayfly_core::input::PersistedStatus;

pub use crate::bulk::{add_all, remove_all, update_all};

/// A list of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `sessions`; its entries are known by `sessionId`, those of the others by `id`.
    Sessions,
    /// `profiles`.
    Profiles,
    /// `idpUrls`.
    IdpUrls,
    /// `awsSsoIntegrations`.
    AwsSsoIntegrations,
    /// `azureIntegrations`.
    AzureIntegrations,
}

impl List {
    /// The field of the top level.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Profiles => "profiles",
            Self::IdpUrls => "idpUrls",
            Self::AwsSsoIntegrations => "awsSsoIntegrations",
            Self::AzureIntegrations => "azureIntegrations",
        }
    }

    /// The field that its entries are known by.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sessions => "sessionId",
            _ => "id",
        }
    }
}

/// Why a text could not be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// The text is not a JSON object, or the list in it is not an array.
    #[error(
        "Dayfly cannot edit `{field}`: the file does not have a JSON object with an array there"
    )]
    Shape {
        /// The list.
        field: &'static str,
    },
    /// The object to add has no id.
    #[error("the new entry of `{field}` has no `{key}`")]
    NoId {
        /// The list.
        field: &'static str,
        /// The missing field.
        key: &'static str,
    },
    /// An entry with that id is there already.
    #[error("`{field}` already has an entry \"{id}\"")]
    Taken {
        /// The list.
        field: &'static str,
        /// The id.
        id: String,
    },
    /// No entry has that id.
    #[error("`{field}` has no entry \"{id}\"")]
    Missing {
        /// The list.
        field: &'static str,
        /// The id.
        id: String,
    },
    /// Several entries have that id, so that it is not clear which one is meant.
    #[error("`{field}` has several entries \"{id}\"; edit the file by hand")]
    Several {
        /// The list.
        field: &'static str,
        /// The id.
        id: String,
    },
}

/// A text with the states of sessions written into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projected {
    /// The new text; none where it would be the old one.
    pub text: Option<String>,
    /// Sessions that the text has not.
    pub missing: Vec<SessionId>,
}

/// Writes states of sessions into the text of a Workspace. A field that already says the same in
/// other words (a number for `status`, another time zone) stays as it is. Where an id stands
/// twice, its first session is taken.
#[must_use]
pub fn project(workspace: &Workspace, wanted: &BTreeMap<SessionId, PersistedStatus>) -> Projected {
    let mut open: BTreeMap<&SessionId, &PersistedStatus> = wanted.iter().collect();
    let mut edits = Vec::new();
    for element in &workspace.elements {
        if open.is_empty() {
            break;
        }
        let Some(state) = element.id.as_ref().and_then(|id| open.remove(id)) else {
            continue;
        };
        let raw = workspace.raw(element);
        if let Some(object) = Object::at(raw, 0..raw.len()) {
            let shifted = |edit: Edit| Edit {
                range: edit.range.start + element.span.start..edit.range.end + element.span.start,
                text: edit.text,
            };
            edits.extend(project_one(&object, state).into_iter().map(shifted));
        }
    }
    Projected {
        text: (!edits.is_empty()).then(|| tree::apply(workspace.source(), edits)),
        missing: open.into_keys().cloned().collect(),
    }
}

fn project_one(object: &Object<'_>, state: &PersistedStatus) -> Vec<Edit> {
    let now = read::projection(object.text);
    let mut changes = Vec::new();
    for (name, text) in projected(state) {
        let there = object.get(name).map(|(raw, _)| raw);
        let same = match name {
            "status" => now.is_some_and(|(status, _, _)| status == Some(state.status)),
            "startDateTime" => now.is_some_and(|(_, start, _)| start == state.start),
            _ => now.is_some_and(|(_, _, expiration)| expiration == state.expiration),
        };
        // Nothing, `null`, and a moment that cannot be read all read as none; only the last is
        // in the way.
        let is_nothing = there.is_none_or(|raw| raw == "null");
        if (same && (text.is_some() || is_nothing)) || (text.is_none() && is_nothing) {
            continue;
        }
        changes.push((name, text.as_deref().map(render::quoted)));
    }
    object.set(&changes, &SEED)
}

/// Adds an entry to a list, in the style of its neighbours. The list is made where it is missing.
///
/// # Errors
/// [`SpliceError`] where the text is not fit for it, or the id is missing or taken.
pub fn add(text: &str, list: List, entry: &Map<String, Value>) -> Result<String, SpliceError> {
    let field = list.field();
    let Some(Value::String(id)) = entry.get(list.key()) else {
        let key = list.key();
        return Err(SpliceError::NoId { field, key });
    };
    let top = top(text, list)?;
    let Some((_, span)) = top.get(field) else {
        let place = top.members.len().saturating_sub(1);
        let style = top.style(place, &Style::compact());
        let array = Value::Array(vec![Value::Object(entry.clone())]);
        let array = render::value(&array, &style);
        return Ok(tree::apply(text, top.set(&[(field, Some(array))], &[])));
    };
    let parts = tree::elements(text, span.clone()).ok_or(SpliceError::Shape { field })?;
    if parts.iter().any(|part| has_id(text, part, list, id)) {
        let id = id.clone();
        return Err(SpliceError::Taken { field, id });
    }
    let place = top.members.iter().rposition(|m| m.name == field);
    let outer = top.style(place.unwrap_or(0), &Style::compact());
    let edit = match parts.last() {
        None => Edit {
            text: render::value(&Value::Array(vec![Value::Object(entry.clone())]), &outer),
            range: span,
        },
        Some(last) => {
            let space = tree::space_before(text, last.start);
            let style = element_style(text, last, space, &outer);
            Edit {
                range: last.end..last.end,
                text: format!(",{space}{}", render::object(entry, &style)),
            }
        }
    };
    Ok(tree::apply(text, vec![edit]))
}

/// Takes an entry out of a list.
///
/// # Errors
/// [`SpliceError`] where the text is not fit for it, or the entry is not there once.
pub fn remove(text: &str, list: List, id: &str) -> Result<String, SpliceError> {
    let (parts, place, span) = find(text, list, id)?;
    if parts.len() == 1 {
        let range = span.start + 1..span.end - 1;
        let text_of = String::new();
        return Ok(tree::apply(
            text,
            vec![Edit {
                range,
                text: text_of,
            }],
        ));
    }
    let stays: Vec<bool> = (0..parts.len()).map(|p| p != place).collect();
    Ok(tree::apply(text, tree::removals(&parts, &stays)))
}

/// Changes fields of an entry: each field of `changes` is set to its value, and removed where that
/// is `null`. Others stay.
///
/// # Errors
/// [`SpliceError`] where the text is not fit for it, or the entry is not there once.
pub fn update(
    text: &str,
    list: List,
    id: &str,
    changes: &Map<String, Value>,
) -> Result<String, SpliceError> {
    let (parts, place, _) = find(text, list, id)?;
    let field = list.field();
    let object = Object::at(text, parts[place].clone()).ok_or(SpliceError::Shape { field })?;
    let last = object.members.len().saturating_sub(1);
    let style = object.style(last, &Style::compact());
    let same = |name: &str, value: &Value| {
        let there = object
            .get(name)
            .map(|(raw, _)| serde_json::from_str(raw).ok());
        there == Some(Some(value.clone()))
    };
    let changes: Vec<(&str, Option<String>)> = ordered(changes)
        .into_iter()
        .filter(|(name, value)| !same(name, value))
        .map(|(name, value)| {
            (
                name,
                (!value.is_null()).then(|| render::value(value, &style)),
            )
        })
        .collect();
    Ok(tree::apply(text, object.set(&changes, &[])))
}

/// Puts another object in the place of an entry.
///
/// # Errors
/// [`SpliceError`] where the text is not fit for it, the entry is not there once, or the new one
/// has no id or one that is taken.
pub fn replace(
    text: &str,
    list: List,
    id: &str,
    entry: &Map<String, Value>,
) -> Result<String, SpliceError> {
    let (parts, place, _) = find(text, list, id)?;
    let (field, key) = (list.field(), list.key());
    let Some(Value::String(new)) = entry.get(key) else {
        return Err(SpliceError::NoId { field, key });
    };
    if new != id && parts.iter().any(|part| has_id(text, part, list, new)) {
        let id = new.clone();
        return Err(SpliceError::Taken { field, id });
    }
    let part = &parts[place];
    let space = tree::space_before(text, part.start);
    let style = element_style(text, part, space, &Style::compact());
    let edit = Edit {
        range: part.clone(),
        text: render::object(entry, &style),
    };
    Ok(tree::apply(text, vec![edit]))
}

/// The object of the top level.
pub(crate) fn top(text: &str, list: List) -> Result<Object<'_>, SpliceError> {
    let body = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let start = text.len() - body.len();
    let end = start + body.trim_ascii_end().len();
    let field = list.field();
    Object::at(text, start..end).ok_or(SpliceError::Shape { field })
}

type Found = (Vec<Range<usize>>, usize, Range<usize>);

/// Where the entries of a list stand, which of them has the id, and where the list stands.
fn find(text: &str, list: List, id: &str) -> Result<Found, SpliceError> {
    let field = list.field();
    let missing = || SpliceError::Missing {
        field,
        id: id.to_owned(),
    };
    let (_, span) = top(text, list)?.get(field).ok_or_else(missing)?;
    let parts = tree::elements(text, span.clone()).ok_or(SpliceError::Shape { field })?;
    let fits = |place: &usize| has_id(text, &parts[*place], list, id);
    let places: Vec<usize> = (0..parts.len()).filter(fits).collect();
    match places.as_slice() {
        [] => Err(missing()),
        [place] => Ok((parts, *place, span)),
        _ => Err(SpliceError::Several {
            field,
            id: id.to_owned(),
        }),
    }
}

fn has_id(text: &str, part: &Range<usize>, list: List, id: &str) -> bool {
    let there = Object::at(text, part.clone()).and_then(|object| object.get(list.key()));
    there.is_some_and(|(raw, _)| serde_json::from_str::<String>(raw).is_ok_and(|t| t == id))
}

/// The style of a new object that stands like the one at `part`.
pub(crate) fn element_style(text: &str, part: &Range<usize>, space: &str, outer: &Style) -> Style {
    let Some(object) = Object::at(text, part.clone()).filter(|o| !o.members.is_empty()) else {
        return outer.clone();
    };
    let elsewhere = Style {
        line: space.to_owned(),
        ..outer.clone()
    };
    let members = object.style(object.members.len() - 1, &elsewhere);
    if members.line.is_empty() {
        return members;
    }
    Style {
        line: if space.contains('\n') {
            space.to_owned()
        } else {
            tree::space_before(text, part.end - 1).to_owned()
        },
        ..members
    }
}
