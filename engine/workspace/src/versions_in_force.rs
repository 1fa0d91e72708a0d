//! Which version of which session is in force.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dayfly_core::session::SessionId;

use crate::position::Walk;
use crate::problem::{Note, Noted};
use crate::read::Draft;
use crate::workspace::{Element, Entry, Workspace};
use dayfly_core::input::PersistedStatus;

/// A session in force whose references are still open.
pub(crate) struct Open {
    pub(crate) draft: Arc<Draft>,
    pub(crate) projection: PersistedStatus,
    pub(crate) line: u32,
    /// Where the text stands that is, or should have been, this session.
    pub(crate) start: usize,
    pub(crate) kept: bool,
}

/// The sessions in force, in file order.
pub(crate) struct InForce {
    pub(crate) open: Vec<Open>,
    pub(crate) by_id: Arc<HashMap<SessionId, usize>>,
    /// Whether each element has an id, and none stands twice.
    pub(crate) unique_ids: bool,
}

impl InForce {
    /// Chooses the version of each session that is in force.
    pub(crate) fn choose(
        source: &str,
        elements: &[Element],
        previous: Option<&Workspace>,
        notes: &mut Vec<Noted>,
    ) -> Self {
        let mut walk = Walk::new(source);
        let lines: Vec<u32> = elements.iter().map(|e| walk.to(e.span.start).0).collect();
        if let Some(old) =
            previous.filter(|old| old.unique_ids && same_ids(&old.elements, elements))
        {
            let open = unique(elements, &lines, old);
            // While the ids in the file are the same, a session that is in force stays so.
            let by_id = if open.len() == old.entries.len() {
                Arc::clone(&old.by_id)
            } else {
                Arc::new(index(&open))
            };
            return Self {
                open,
                by_id,
                unique_ids: true,
            };
        }
        let (open, unique_ids) = any(elements, &lines, previous, notes);
        Self {
            by_id: Arc::new(index(&open)),
            open,
            unique_ids,
        }
    }
}

/// The sessions in force where the ids are those of the previous version, each once.
fn unique(elements: &[Element], lines: &[u32], old: &Workspace) -> Vec<Open> {
    let places = elements.iter().zip(lines);
    let open = places.filter_map(|(element, &line)| match &element.draft {
        Some(draft) => Some(fresh(draft, element, line)),
        None => old
            .get(element.id.as_ref()?)
            .map(|entry| kept(entry, element, line)),
    });
    open.collect()
}

/// The sessions in force, whatever the ids are; and whether each is there and unique.
fn any(
    elements: &[Element],
    lines: &[u32],
    previous: Option<&Workspace>,
    notes: &mut Vec<Noted>,
) -> (Vec<Open>, bool) {
    let mut first: HashMap<&SessionId, usize> = HashMap::with_capacity(elements.len());
    let mut twice: HashSet<&SessionId> = HashSet::new();
    for (place, element) in elements.iter().enumerate() {
        let Some(id) = &element.id else { continue };
        let Some(&earlier) = first.get(id) else {
            first.insert(id, place);
            continue;
        };
        twice.insert(id);
        let message = format!(
            "`sessionId` \"{id}\" is used twice: on lines {} and {}",
            lines[earlier], lines[place]
        );
        notes.push(Noted {
            note: Note::error(element.span.start, message).hint(
                "give one of them another id, or remove it; until then Dayfly applies no change to \
                 either",
            ),
            session: Some(id.clone()),
            name: None,
        });
    }
    let old = |id: &SessionId| previous.and_then(|p| p.get(id));
    let mut open = Vec::with_capacity(elements.len());
    let mut nameless = None;
    for (place, element) in elements.iter().enumerate() {
        let Some(id) = &element.id else {
            nameless = nameless.or(Some(place));
            continue;
        };
        if first.get(id) != Some(&place) {
            continue;
        }
        let usable = element.draft.as_ref().filter(|draft| {
            !twice.contains(id) || old(id).is_some_and(|e| e.draft.session == draft.session)
        });
        match usable {
            Some(draft) => open.push(fresh(draft, element, lines[place])),
            None => open.extend(old(id).map(|entry| kept(entry, element, lines[place]))),
        }
    }
    if let (Some(place), Some(previous)) = (nameless, previous) {
        let gone = previous.entries.iter();
        let gone = gone.filter(|entry| !first.contains_key(&entry.session.id));
        open.extend(gone.map(|entry| kept(entry, &elements[place], lines[place])));
    }
    (open, nameless.is_none() && twice.is_empty())
}

fn fresh(draft: &Arc<Draft>, element: &Element, line: u32) -> Open {
    Open {
        draft: Arc::clone(draft),
        projection: draft.projection,
        line,
        start: element.span.start,
        kept: false,
    }
}

fn kept(entry: &Entry, element: &Element, line: u32) -> Open {
    Open {
        draft: Arc::clone(&entry.draft),
        projection: entry.projection,
        line,
        start: element.span.start,
        kept: true,
    }
}

fn same_ids(old: &[Element], new: &[Element]) -> bool {
    let same = |(a, b): (&Element, &Element)| match (&a.draft, &b.draft) {
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => true,
        _ => a.id == b.id,
    };
    old.len() == new.len() && old.iter().zip(new).all(same)
}

fn index(open: &[Open]) -> HashMap<SessionId, usize> {
    let places = open.iter().enumerate();
    places
        .map(|(place, o)| (o.draft.session.id.clone(), place))
        .collect()
}
