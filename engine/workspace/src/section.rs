//! The lists of the file that sessions refer to.

use std::collections::HashMap;
use std::ops::{Deref, Range};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::check::{self, Finding};
use crate::format::{AwsSsoIntegration, AzureIntegration, IdpUrl, NamedProfile};
use crate::position::{message_of, offset_in, offset_of};
use crate::problem::Note;
use crate::profile_template::ProfileTemplate;
use crate::raw::{Elements, Field};

/// An entry of such a list.
pub(crate) trait Item: DeserializeOwned + Clone + std::fmt::Debug {
    /// The list's name in the file.
    const LIST: &'static str;
    fn id(&self) -> &str;
    /// What is wrong with it although its fields are there.
    fn finding(&self) -> Option<Finding>;
}

impl Item for NamedProfile {
    const LIST: &'static str = "profiles";
    fn id(&self) -> &str {
        &self.id
    }
    fn finding(&self) -> Option<Finding> {
        let empty = || Finding::Wrong("`name` of the profile is empty".to_owned(), None);
        self.name.is_empty().then(empty)
    }
}

impl Item for IdpUrl {
    const LIST: &'static str = "idpUrls";
    fn id(&self) -> &str {
        &self.id
    }
    fn finding(&self) -> Option<Finding> {
        check::http_url("url", &self.url)
    }
}

impl Item for AwsSsoIntegration {
    const LIST: &'static str = "awsSsoIntegrations";
    fn id(&self) -> &str {
        &self.id
    }
    fn finding(&self) -> Option<Finding> {
        let session = self.sso_session.as_deref();
        check::http_url("portalUrl", &self.portal_url)
            .or_else(|| session.and_then(|name| check::unseen("ssoSession", name)))
            .or_else(|| check::region(&self.region, false))
            .or_else(|| {
                let template = self.profile_template.as_deref()?;
                let error = ProfileTemplate::parse(template).err()?;
                // It decides about new sessions alone; a sync refuses it.
                Some(Finding::Odd(
                    error.to_string(),
                    Some(error.hint().to_owned()),
                ))
            })
    }
}

impl Item for AzureIntegration {
    const LIST: &'static str = "azureIntegrations";
    fn id(&self) -> &str {
        &self.id
    }
    fn finding(&self) -> Option<Finding> {
        let region = self.region.as_deref();
        let region = region.and_then(|region| check::region(region, true));
        region.or_else(|| check::azure_integration(self))
    }
}

/// A list as far as it can be used.
#[derive(Debug)]
pub(crate) struct Section<T> {
    pub(crate) items: Vec<T>,
    by_id: HashMap<String, usize>,
    /// Their offsets count from the start of the list's text.
    notes: Vec<Note>,
}

impl<T> Default for Section<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            by_id: HashMap::new(),
            notes: Vec::new(),
        }
    }
}

impl<T: Item> Section<T> {
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.by_id.get(id).and_then(|place| self.items.get(*place))
    }

    fn read(raw: &str, before: Option<&Self>) -> Self {
        let mut section = Self::default();
        match serde_json::from_str::<Elements<'_>>(raw) {
            Ok(elements) => {
                for element in elements.0 {
                    section.add(raw, element.get(), before);
                }
            }
            Err(e) => {
                let message = format!("`{}`: {}", T::LIST, message_of(&e));
                section.notes.push(Note::error(offset_of(raw, &e), message));
                for item in before.into_iter().flat_map(|b| &b.items) {
                    section.keep(item.clone());
                }
            }
        }
        section
    }

    fn add(&mut self, raw: &str, element: &str, before: Option<&Self>) {
        let offset = offset_in(raw, element);
        let item = match read_item::<T>(element) {
            Ok(item) => item,
            Err((at, message, hint)) => {
                let message = format!("`{}`: {message}", T::LIST);
                let id = read_id(element);
                let kept = before.and_then(|b| b.get(id.as_deref()?)).cloned();
                let note = Note::error(offset + at, message);
                self.notes.push(Note { hint, ..note });
                if let Some(item) = kept {
                    self.keep(item);
                }
                return;
            }
        };
        if self.by_id.contains_key(item.id()) {
            let message = format!(
                "`{}` has the id \"{}\" twice; Dayfly uses the first",
                T::LIST,
                item.id()
            );
            self.notes.push(Note::error(offset, message));
            return;
        }
        if let Some(Finding::Odd(message, hint)) = item.finding() {
            let note = Note::warning(offset, format!("`{}`: {message}", T::LIST));
            self.notes.push(Note { hint, ..note });
        }
        self.keep(item);
    }

    fn keep(&mut self, item: T) {
        let place = self.items.len();
        if let std::collections::hash_map::Entry::Vacant(free) =
            self.by_id.entry(item.id().to_owned())
        {
            free.insert(place);
            self.items.push(item);
        }
    }
}

/// A list and where its text stands.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    span: Range<usize>,
    section: Arc<Section<T>>,
}

impl<T> Default for Placed<T> {
    fn default() -> Self {
        Self {
            span: 0..0,
            section: Arc::default(),
        }
    }
}

impl<T> Deref for Placed<T> {
    type Target = Section<T>;

    fn deref(&self) -> &Section<T> {
        &self.section
    }
}

impl<T: Item> Placed<T> {
    /// Reads the list. What cannot be read keeps its previous version; a list whose text has not
    /// changed is not read again.
    pub(crate) fn read(
        source: &str,
        raw: Option<&RawValue>,
        previous: Option<(&str, &Self)>,
    ) -> Self {
        let Some(raw) = raw.map(RawValue::get) else {
            return Self::default();
        };
        let start = offset_in(source, raw);
        let same = previous.filter(|(text, before)| {
            // One with problems may have stood on entries that are gone by now: read it again.
            before.section.notes.is_empty() && text.get(before.span.clone()) == Some(raw)
        });
        let section = match same {
            Some((_, before)) => Arc::clone(&before.section),
            None => Arc::new(Section::read(raw, previous.map(|(_, before)| &**before))),
        };
        Self {
            span: start..start + raw.len(),
            section,
        }
    }

    /// Whether both are the same reading of the same text.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.section, &other.section)
    }

    /// Its notes, by offsets of the whole source.
    pub(crate) fn notes(&self) -> impl Iterator<Item = Note> {
        let notes = self.section.notes.iter();
        notes.map(|note| note.shifted(self.span.start))
    }
}

/// An entry; else where it is wrong, what is, and what to do about it.
fn read_item<T: Item>(element: &str) -> Result<T, (usize, String, Option<String>)> {
    if !element.starts_with('{') {
        return Err((0, "expected an object".to_owned(), None));
    }
    let item: T = serde_json::from_str(element)
        .map_err(|e| (offset_of(element, &e), message_of(&e), None))?;
    if item.id().is_empty() {
        return Err((0, "`id` is empty".to_owned(), None));
    }
    match item.finding() {
        Some(Finding::Wrong(message, hint)) => Err((0, message, hint)),
        _ => Ok(item),
    }
}

fn read_id(element: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(bound(deserialize = "'de: 'a"))]
    struct Id<'a> {
        id: Option<Field<'a, String>>,
    }
    if !element.starts_with('{') {
        return None;
    }
    let id = serde_json::from_str::<Id<'_>>(element).ok()?;
    id.id?.value.ok()
}
