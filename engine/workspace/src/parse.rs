//! Text to Workspace.
//!
//! `sessions` is cut into the texts of its elements in one pass over the source; an element whose
//! text is the same as in the previous version is not read again, so the cost beyond that pass
//! follows what changed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use dayfly_core::delivery::Delivery;
use serde_json::value::RawValue;

use crate::check::{self, Finding};
use crate::format::{DeliveryWords, WorkspaceObject};
use crate::layers;
use crate::position::{Walk, message_of, offset_in, offset_of};
use crate::problem::{Note, Noted, Problem, Rejected};
use crate::raw::{ELEMENTS_EXPECTED, Field, TOO_MANY};
use crate::read;
use crate::references;
use crate::section::Placed;
use crate::versions_in_force::InForce;
use crate::workspace::{Element, Lists, Workspace};

/// A byte order mark, as some editors write it.
const MARK: char = '\u{feff}';

impl Workspace {
    /// Reads the text of a Workspace file.
    ///
    /// A problem of one session concerns that session alone: one that cannot be read keeps its
    /// version of `previous` in force, and is left out where there is none; one that can be read
    /// but not started has its `fault` set. An id that stands twice keeps its previous version.
    /// While some session has no readable id, no session counts as removed.
    ///
    /// A session's named profile is the `name` of the entry of `profiles` that its `profileId`
    /// refers to, or its `profileName`. Both may be there where they agree. With neither, the
    /// credentials stand under no name and are served by the session's id only.
    ///
    /// # Errors
    /// [`Rejected`] where the text as a whole cannot be used: it is not JSON, not an object, or
    /// has no array `sessions`. The caller keeps the previous version in force.
    pub fn parse(source: &str, path: &Path, previous: Option<&Self>) -> Result<Self, Rejected> {
        let body = source.strip_prefix(MARK).unwrap_or(source);
        let (object, raws) = cut(body).map_err(|mut note| {
            note.offset += source.len() - body.len();
            Rejected {
                problems: place(source, path, vec![Noted::of_file(note)]),
            }
        })?;
        let mut notes = Vec::new();
        let lists = read_lists(source, object, previous, &mut notes);
        let elements = read_elements(source, &raws, previous, &mut notes);
        let in_force = InForce::choose(source, &elements, previous, &mut notes);
        let (by_id, unique_ids) = (Arc::clone(&in_force.by_id), in_force.unique_ids);
        let entries = references::resolve(in_force, &elements, &lists, previous, &mut notes);
        Ok(Self {
            path: previous
                .filter(|old| &*old.path == path)
                .map_or_else(|| path.into(), |old| Arc::clone(&old.path)),
            source: source.into(),
            entries,
            by_id,
            unique_ids,
            elements,
            lists,
            problems: place(source, path, notes),
        })
    }
}

/// The top level, and the texts of the sessions.
fn cut(body: &str) -> Result<(WorkspaceObject<'_>, Vec<&RawValue>), Note> {
    let start = body.len() - body.trim_ascii_start().len();
    if body.trim_ascii().is_empty() {
        let note = Note::error(start, "the file is empty");
        return Err(note.hint("write at least {\"sessions\": []}"));
    }
    let rejected = |e: serde_json::Error| {
        let message = match message_of(&e) {
            text if !e.is_data() => format!("the file is not valid JSON: {text}"),
            // Nothing else is read strictly in this pass.
            text if text.contains(ELEMENTS_EXPECTED) || text.contains(TOO_MANY) => {
                format!("`sessions`: {text}")
            }
            text => text,
        };
        Note::error(offset_of(body, &e), message)
    };
    // The reader of an object takes an array for its fields in order.
    if body.as_bytes().get(start) == Some(&b'[') {
        serde_json::from_str::<&RawValue>(body).map_err(rejected)?;
        let note = Note::error(start, "the file contains an array, not an object");
        return Err(note.hint("write {\"sessions\": […]}"));
    }
    let mut object: WorkspaceObject<'_> = serde_json::from_str(body).map_err(rejected)?;
    match object.sessions.take() {
        Some(elements) => Ok((object, elements.0)),
        None => {
            let note = Note::error(start, "`sessions` is missing");
            Err(note.hint("write \"sessions\": [] if you have none"))
        }
    }
}

fn read_lists(
    source: &str,
    object: WorkspaceObject<'_>,
    previous: Option<&Workspace>,
    notes: &mut Vec<Noted>,
) -> Lists {
    fn before<T>(
        previous: Option<&Workspace>,
        list: impl Fn(&Lists) -> &Placed<T>,
    ) -> Option<(&str, &Placed<T>)> {
        previous.map(|old| (&*old.source, list(&old.lists)))
    }
    layer_version(source, object.layer_version, notes);
    let sso = object.aws_sso_integrations;
    let azure = object.azure_integrations;
    let lists = Lists {
        profiles: Placed::read(source, object.profiles, before(previous, |l| &l.profiles)),
        idp_urls: Placed::read(source, object.idp_urls, before(previous, |l| &l.idp_urls)),
        aws_sso: Placed::read(source, sso, before(previous, |l| &l.aws_sso)),
        azure: Placed::read(source, azure, before(previous, |l| &l.azure)),
        default_region: default_region(source, object.default_region, previous, notes),
        delivery: delivery(source, object.delivery, previous, notes),
    };
    let of_lists = lists
        .profiles
        .notes()
        .chain(lists.idp_urls.notes())
        .chain(lists.aws_sso.notes())
        .chain(lists.azure.notes());
    notes.extend(of_lists.map(Noted::of_file));
    lists
}

/// `defaultRegion`; the previous one where it is wrong.
fn default_region(
    source: &str,
    field: Option<Field<'_, String>>,
    previous: Option<&Workspace>,
    notes: &mut Vec<Noted>,
) -> Option<String> {
    let field = field?;
    let offset = offset_in(source, field.raw);
    let before = || previous.and_then(|old| old.lists.default_region.clone());
    let (note, region) = match field.value {
        Err(e) => {
            let message = format!("`defaultRegion`: {}", message_of(&e));
            (Note::error(offset, message), before())
        }
        Ok(name) => match check::region(&name, false) {
            None => return Some(name),
            Some(Finding::Odd(message, hint)) => (
                Note {
                    hint,
                    ..Note::warning(offset, message.replace("`region`", "`defaultRegion`"))
                },
                Some(name),
            ),
            Some(Finding::Wrong(message, hint)) => (
                Note {
                    hint,
                    ..Note::error(offset, message.replace("`region`", "`defaultRegion`"))
                },
                before(),
            ),
        },
    };
    notes.push(Noted::of_file(note));
    region
}

/// `layerVersion`: nothing goes by it here, but others could not compare it.
fn layer_version(source: &str, field: Option<Field<'_, String>>, notes: &mut Vec<Noted>) {
    let Some(field) = field else {
        return;
    };
    let problem = match field.value {
        Ok(version) => layers::version(&version).err().map(|e| e.to_string()),
        Err(e) => Some(format!("`layerVersion`: {}", message_of(&e))),
    };
    if let Some(problem) = problem {
        let note = Note::warning(offset_in(source, field.raw), problem);
        notes.push(Noted::of_file(note));
    }
}

/// `delivery`; the previous one where it is wrong.
fn delivery(
    source: &str,
    field: Option<Field<'_, DeliveryWords>>,
    previous: Option<&Workspace>,
    notes: &mut Vec<Noted>,
) -> Option<Delivery> {
    let field = field?;
    match field.value {
        Ok(words) => Some(words.0),
        Err(e) => {
            let message = format!("`delivery`: {}", message_of(&e));
            let note = Note::error(offset_in(source, field.raw), message);
            notes.push(Noted::of_file(note));
            previous.and_then(|old| old.lists.delivery.clone())
        }
    }
}

/// Reads each element, or takes what the previous version read from the same text.
fn read_elements(
    source: &str,
    raws: &[&RawValue],
    previous: Option<&Workspace>,
    notes: &mut Vec<Noted>,
) -> Vec<Element> {
    let old = previous.map_or(&[][..], |p| &p.elements);
    let text = |element: &Element| previous.map_or("", |p| p.raw(element));
    let same = |(a, b): &(&Element, &&RawValue)| text(a) == b.get();
    let head = old.iter().zip(raws).take_while(same).count();
    let rest = (old.len().min(raws.len())) - head;
    let tail = old
        .iter()
        .rev()
        .zip(raws.iter().rev())
        .take(rest)
        .take_while(same)
        .count();
    // What was moved about between the unchanged head and tail.
    let moved: HashMap<&str, &Element> = old[head..old.len() - tail]
        .iter()
        .map(|element| (text(element), element))
        .collect();
    let mut elements = Vec::with_capacity(raws.len());
    for (place, raw) in raws.iter().enumerate() {
        let raw = raw.get();
        let start = offset_in(source, raw);
        let span = start..start + raw.len();
        let known = if place < head {
            old.get(place)
        } else if place >= raws.len() - tail {
            old.get(old.len() - (raws.len() - place))
        } else {
            moved.get(raw).copied()
        };
        let known = known.and_then(|element| element.draft.clone());
        let draft = match known.map_or_else(|| read::session(raw).map(Arc::new), Ok) {
            Ok(draft) => draft,
            Err(unreadable) => {
                notes.extend(unreadable.notes.iter().map(|note| Noted {
                    note: note.shifted(start),
                    session: unreadable.id.clone(),
                    name: unreadable.name.clone(),
                }));
                elements.push(Element {
                    span,
                    draft: None,
                    id: unreadable.id,
                });
                continue;
            }
        };
        notes.extend(draft.notes.iter().map(|note| Noted {
            note: note.shifted(start),
            session: Some(draft.session.id.clone()),
            name: Some(draft.session.name.clone()),
        }));
        elements.push(Element {
            span,
            id: Some(draft.session.id.clone()),
            draft: Some(draft),
        });
    }
    elements
}

/// Gives notes their lines.
fn place(source: &str, path: &Path, mut notes: Vec<Noted>) -> Vec<Problem> {
    notes.sort_by_key(|noted| noted.note.offset);
    let mut walk = Walk::new(source);
    let placed = notes.into_iter().map(|noted| {
        let (line, column) = walk.to(noted.note.offset);
        Problem {
            severity: noted.note.severity,
            path: path.to_owned(),
            line,
            column,
            session: noted.session,
            session_name: noted.name,
            message: noted.note.message,
            hint: noted.note.hint,
        }
    });
    placed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_only_moved_is_not_read_again() {
        let session = |id: &str| {
            format!(r#"{{"sessionId": "{id}", "sessionName": "{id}", "type": "localstack"}}"#)
        };
        let parse = |ids: &[&str], previous: Option<&Workspace>| {
            let all: Vec<String> = ids.iter().map(|id| session(id)).collect();
            let text = format!("{{\"sessions\": [{}]}}", all.join(", "));
            Workspace::parse(&text, Path::new("w"), previous).unwrap()
        };
        let old = parse(&["a", "b", "c", "d", "e"], None);
        for ids in [
            &["a", "b", "c", "d", "e"][..],
            &["e", "d", "c", "b", "a"],
            &["a", "new", "b", "c", "d", "e"],
            &["a", "c", "b", "new", "e"],
            &["b", "e"],
            &["new", "other", "a"],
        ] {
            for entry in parse(ids, Some(&old)).sessions() {
                let before = old.get(&entry.session.id);
                let same = before.map(|b| Arc::ptr_eq(&b.draft, &entry.draft));
                assert_ne!(same, Some(false), "{} in {ids:?}", entry.session.id);
            }
        }
    }
}
