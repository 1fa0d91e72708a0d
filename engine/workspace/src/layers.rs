//! Layers: Workspaces of others whose entries are merged into one's own.
//!
//! A merge has three sides, as that of a version control system has: what the layer said when it was last
//! merged, what it says now, and what the Workspace says. A field that the Workspace has as the layer last
//! said it follows the layer; one that a person changed stays as the person wrote it, and a session that
//! the person removed stays away.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::bulk;
use crate::splice::{List, SpliceError};

/// The lists that a layer may have entries of, those first that others refer to.
const LISTS: [List; 5] = [
    List::Profiles,
    List::IdpUrls,
    List::AwsSsoIntegrations,
    List::AzureIntegrations,
    List::Sessions,
];

/// What the engine writes into a session: no layer says that.
pub(crate) const STATE: [&str; 3] = ["status", "startDateTime", "sessionTokenExpiration"];

/// Fields that name a program for Dayfly to run, or a library for it to load.
const PROGRAMS: [&str; 3] = ["tokenCommand", "command", "pkcs11Module"];

/// The field of a session that names the layer it came from.
pub const LAYER: &str = "layer";

/// Why a text is no layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// It is not a JSON object with lists of objects in it.
    #[error("{0}")]
    Shape(String),
    /// An entry has no id.
    #[error("an entry of `{list}` has no `{key}`")]
    NoId {
        /// The list.
        list: &'static str,
        /// The missing field.
        key: &'static str,
    },
    /// Two entries of a list have the same id.
    #[error("`{list}` has two entries \"{id}\"")]
    Twice {
        /// The list.
        list: &'static str,
        /// The id.
        id: String,
    },
    /// Its version is none that could be compared.
    #[error("`layerVersion` {0} is not a version such as \"1.4.0\"")]
    Version(String),
}

type Entries = BTreeMap<String, Map<String, Value>>;

/// The field of a Workspace that says its version to those who take it as a layer.
pub const VERSION: &str = "layerVersion";

/// Whether a text is a version that can be compared with others.
///
/// # Errors
/// It is none.
pub(crate) fn version(text: &str) -> Result<(), LayerError> {
    let read = semver::Version::parse(text);
    read.map(drop)
        .map_err(|_| LayerError::Version(format!("{text:?}")))
}

/// The entries of a layer, by list and id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    version: Option<String>,
    lists: BTreeMap<&'static str, Entries>,
}

impl Layer {
    /// Reads a file of somebody else as a layer of this name. One without a list of sessions is none: it would
    /// take away all that there was before.
    ///
    /// # Errors
    /// [`LayerError`].
    pub fn of_file(name: &str, text: &str) -> Result<Self, LayerError> {
        let whole = object(text)?;
        let field = List::Sessions.field();
        if whole.get(field).is_none_or(Value::is_null) {
            return Err(LayerError::Shape(format!("`{field}` is missing")));
        }
        Self::of(name, &whole)
    }

    /// Reads the text of a Workspace, or of a layer as it is kept, as a layer of this name.
    ///
    /// # Errors
    /// [`LayerError`].
    pub fn parse(name: &str, text: &str) -> Result<Self, LayerError> {
        Self::of(name, &object(text)?)
    }

    fn of(name: &str, whole: &Map<String, Value>) -> Result<Self, LayerError> {
        let mut layer = Self {
            version: version_of(whole)?,
            ..Self::default()
        };
        for list in LISTS {
            let mut entries = Entries::new();
            for entry in elements(whole, list)? {
                let Some(Value::String(id)) = entry.get(list.key()).cloned() else {
                    let (list, key) = (list.field(), list.key());
                    return Err(LayerError::NoId { list, key });
                };
                let entry = match list {
                    List::Sessions => session(name, entry.clone(), whole),
                    _ => entry.clone(),
                };
                if entries.insert(id.clone(), entry).is_some() {
                    let list = list.field();
                    return Err(LayerError::Twice { list, id });
                }
            }
            layer.lists.insert(list.field(), entries);
        }
        Ok(layer)
    }

    /// Takes the entries of another part of the same layer in. The version is that of the first part that
    /// says one.
    ///
    /// # Errors
    /// An entry is in both.
    pub fn join(&mut self, part: Self) -> Result<(), LayerError> {
        self.version = self.version.take().or(part.version);
        for (list, entries) in part.lists {
            let there = self.lists.entry(list).or_default();
            for (id, entry) in entries {
                if there.insert(id.clone(), entry).is_some() {
                    return Err(LayerError::Twice { list, id });
                }
            }
        }
        Ok(())
    }

    /// The layer as the text of a Workspace, the same for the same entries.
    #[must_use]
    pub fn text(&self) -> String {
        let of = |entries: &Entries| Value::from_iter(entries.values().cloned());
        let lists = self.lists.iter().filter(|(_, entries)| !entries.is_empty());
        let mut whole: BTreeMap<&str, Value> = lists.map(|(list, all)| (*list, of(all))).collect();
        whole.extend(self.version().map(|version| (VERSION, version.into())));
        let text = serde_json::to_string_pretty(&whole).unwrap_or_default();
        text + "\n"
    }

    /// The layer without these entries, which are not its own in the Workspace (see [`LayerPlan::aside`]).
    #[must_use]
    pub fn without(mut self, aside: &BTreeSet<String>) -> Self {
        for (list, entries) in &mut self.lists {
            entries.retain(|id, _| !aside.contains(&aside_key(list, id)));
        }
        self
    }

    /// Its own version, where it says one.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// What becomes of its sessions where another version takes its place: those that come, change and go,
    /// by name.
    #[must_use]
    pub fn sessions_until(&self, next: &Self) -> SessionChanges {
        let (before, after) = (self.entries(List::Sessions), next.entries(List::Sessions));
        let named = |id: &String, entry| Named::of(List::Sessions, id, entry).name;
        let mut changes = SessionChanges::default();
        for (id, entry) in after {
            match before.get(id) {
                None => changes.added.push(named(id, entry)),
                Some(old) if old != entry => changes.changed.push(named(id, entry)),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|(id, _)| !after.contains_key(*id));
        changes.removed = gone.map(|(id, entry)| named(id, entry)).collect();
        changes
    }

    /// Its entries of a list, by id.
    fn entries(&self, list: List) -> &Entries {
        static NONE: Entries = Entries::new();
        self.lists.get(list.field()).unwrap_or(&NONE)
    }

    /// How many sessions it has.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.entries(List::Sessions).len()
    }
}

/// Names of sessions that come, change and go with another version of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionChanges {
    /// Those that come.
    pub added: Vec<String>,
    /// Those of which a field changes.
    pub changed: Vec<String>,
    /// Those that go.
    pub removed: Vec<String>,
}

/// The fields of a text; a byte order mark, as some editors write it, is no part of it.
fn object(text: &str) -> Result<Map<String, Value>, LayerError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|e| LayerError::Shape(e.to_string()))
}

fn version_of(whole: &Map<String, Value>) -> Result<Option<String>, LayerError> {
    match whole.get(VERSION) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => version(text).map(|()| Some(text.clone())),
        Some(other) => Err(LayerError::Version(other.to_string())),
    }
}

fn elements(
    whole: &Map<String, Value>,
    list: List,
) -> Result<Vec<&Map<String, Value>>, LayerError> {
    let field = list.field();
    let shape = |what: &str| LayerError::Shape(format!("`{field}` {what}"));
    match whole.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(all)) => all
            .iter()
            .map(|one| {
                one.as_object()
                    .ok_or_else(|| shape("has an entry that is not an object"))
            })
            .collect(),
        Some(_) => Err(shape("is not a list")),
    }
}

/// A session of a layer: without a state, with what the whole file says of those that say nothing.
fn session(
    layer: &str,
    mut entry: Map<String, Value>,
    whole: &Map<String, Value>,
) -> Map<String, Value> {
    for field in STATE {
        entry.remove(field);
    }
    for (usual, field) in [("defaultRegion", "region"), ("delivery", "delivery")] {
        if let (Some(value), false) = (whole.get(usual), entry.contains_key(field)) {
            entry.insert(field.to_owned(), value.clone());
        }
    }
    entry.insert(LAYER.to_owned(), Value::from(layer));
    entry
}

/// An entry of a list, for a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The list.
    pub list: &'static str,
    /// The id.
    pub id: String,
    /// What it calls itself; the id where it does not say.
    pub name: String,
}

impl Named {
    fn of(list: List, id: &str, entry: &Map<String, Value>) -> Self {
        let words = ["sessionName", "alias", "name", "url"];
        let name = words.iter().find_map(|word| entry.get(*word)?.as_str());
        Self {
            list: list.field(),
            id: id.to_owned(),
            name: name.unwrap_or(id).to_owned(),
        }
    }
}

/// What a merge changes in a Workspace, and what it leaves as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerPlan {
    /// Entries that are new.
    pub added: Vec<Named>,
    /// Entries of which fields change, with those fields.
    pub changed: Vec<(Named, Vec<String>)>,
    /// Entries that the layer does not have any more.
    pub removed: Vec<Named>,
    /// Entries of the layer of which a person changed fields, with those fields, which stay.
    pub overridden: Vec<(Named, Vec<String>)>,
    /// Entries of the layer that a person removed; they stay away.
    pub hidden: Vec<Named>,
    /// Entries of the layer that do not come, since the Workspace has one of the same id that is not the
    /// layer's.
    pub taken: Vec<Named>,
    /// Programs that Dayfly would run and did not run before: the session and the words of the command.
    pub programs: Vec<(Named, String)>,
    /// Entries of the layer for which the Workspace has one of its own, `LIST/ID`: the layer neither changes
    /// those nor takes them away.
    pub aside: BTreeSet<String>,
    additions: BTreeMap<&'static str, Vec<Map<String, Value>>>,
    changes: BTreeMap<&'static str, BTreeMap<String, Map<String, Value>>>,
    removals: BTreeMap<&'static str, BTreeSet<String>>,
}

impl LayerPlan {
    /// Compares a Workspace with what a layer said when it was last merged, and says now. With `restore`,
    /// what a person changed and removed becomes as the layer has it.
    ///
    /// # Errors
    /// The text is not that of a Workspace.
    pub fn new(
        text: &str,
        before: &Layer,
        now: &Layer,
        name: &str,
        restore: bool,
    ) -> Result<Self, LayerError> {
        let whole = object(text)?;
        let mut plan = Self::default();
        for list in LISTS {
            let there = elements(&whole, list)?.into_iter().filter_map(|entry| {
                let id = entry.get(list.key())?.as_str()?;
                Some((id, entry))
            });
            let there: BTreeMap<&str, &Map<String, Value>> = there.collect();
            let sides = Sides {
                list,
                name,
                restore,
                there: &there,
                before: before.entries(list),
                now: now.entries(list),
            };
            sides.merge(&mut plan);
        }
        Ok(plan)
    }

    /// Whether the Workspace stays as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// Leaves these entries of `sessions` in place, which the layer does not have any more.
    pub fn keep(&mut self, sessions: &BTreeSet<String>) {
        let field = List::Sessions.field();
        self.removed
            .retain(|one| one.list != field || !sessions.contains(&one.id));
        if let Some(going) = self.removals.get_mut(field) {
            going.retain(|id| !sessions.contains(id));
        }
    }

    /// Ids of the sessions that go.
    #[must_use]
    pub fn removed_sessions(&self) -> Vec<&str> {
        let going = self.removals.get(List::Sessions.field());
        going.into_iter().flatten().map(String::as_str).collect()
    }

    /// The text with the merge made.
    ///
    /// # Errors
    /// [`SpliceError`] where the text is not fit for it.
    pub fn apply(&self, text: &str) -> Result<String, SpliceError> {
        let mut text = text.to_owned();
        for list in LISTS {
            if let Some(entries) = self.additions.get(list.field()) {
                text = bulk::add_all(&text, list, entries)?;
            }
            if let Some(changes) = self.changes.get(list.field()) {
                let changes = changes
                    .iter()
                    .map(|(id, fields)| (id.as_str(), fields.clone()));
                text = bulk::update_all(&text, list, &changes.collect())?;
            }
        }
        // Sessions go before what they refer to.
        for list in LISTS.into_iter().rev() {
            if let Some(ids) = self.removals.get(list.field()) {
                text = bulk::remove_all(&text, list, &ids.iter().map(String::as_str).collect())?;
            }
        }
        Ok(text)
    }
}

/// The three sides of a list.
struct Sides<'a> {
    list: List,
    name: &'a str,
    restore: bool,
    there: &'a BTreeMap<&'a str, &'a Map<String, Value>>,
    before: &'a Entries,
    now: &'a Entries,
}

impl Sides<'_> {
    fn merge(&self, plan: &mut LayerPlan) {
        for (id, now) in self.now {
            let named = Named::of(self.list, id, now);
            match (self.there.get(id.as_str()), self.before.get(id)) {
                (None, Some(_)) if !self.restore => plan.hidden.push(named),
                (None, _) => self.add(plan, named, now),
                (Some(there), _) if self.is_ours(id, there) => {
                    self.change(plan, named, there, now);
                }
                (Some(there), _) => {
                    plan.aside.insert(aside_key(self.list.field(), id));
                    // The same entry needs no second one.
                    if !same(there, now) {
                        plan.taken.push(named);
                    }
                }
            }
        }
        for (id, there) in self.there {
            // Also what stayed once for a session that was chained to it.
            if self.is_ours(id, there) && !self.now.contains_key(*id) {
                plan.removed.push(Named::of(self.list, id, there));
                let going = plan.removals.entry(self.list.field()).or_default();
                going.insert((*id).to_owned());
            }
        }
    }

    /// Whether an entry of the Workspace came from the layer. A session says so itself, so that one of the
    /// person's own stays theirs whatever the layer has under its id; of others it is known what was merged.
    fn is_ours(&self, id: &str, there: &Map<String, Value>) -> bool {
        match self.list {
            List::Sessions => there.get(LAYER).and_then(Value::as_str) == Some(self.name),
            _ => self.before.contains_key(id),
        }
    }

    fn add(&self, plan: &mut LayerPlan, named: Named, now: &Map<String, Value>) {
        programs(plan, &named, now.iter());
        plan.added.push(named);
        let new = plan.additions.entry(self.list.field()).or_default();
        new.push(now.clone());
    }

    fn change(
        &self,
        plan: &mut LayerPlan,
        named: Named,
        there: &Map<String, Value>,
        now: &Map<String, Value>,
    ) {
        let none = Map::new();
        let before = self.before.get(&named.id).unwrap_or(&none);
        let fields: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
        let (mut changes, mut own) = (Map::new(), Vec::new());
        for field in fields {
            let (has, said, says) = (there.get(field), before.get(field), now.get(field));
            if has == says {
                continue;
            }
            if has == said || self.restore {
                let value = says.cloned().unwrap_or(Value::Null);
                changes.insert(field.clone(), value);
            } else {
                own.push(field.clone());
            }
        }
        programs(plan, &named, changes.iter());
        if !own.is_empty() {
            plan.overridden.push((named.clone(), own));
        }
        if !changes.is_empty() {
            let fields = changes.keys().cloned().collect();
            let all = plan.changes.entry(self.list.field()).or_default();
            all.insert(named.id.clone(), changes);
            plan.changed.push((named, fields));
        }
    }
}

fn aside_key(list: &str, id: &str) -> String {
    format!("{list}/{id}")
}

/// Whether two entries say the same, wherever they came from.
fn same(there: &Map<String, Value>, now: &Map<String, Value>) -> bool {
    let of = |entry: &Map<String, Value>| {
        let mut entry = entry.clone();
        for field in STATE.into_iter().chain([LAYER]) {
            entry.remove(field);
        }
        entry
    };
    of(there) == of(now)
}

fn programs<'a>(
    plan: &mut LayerPlan,
    named: &Named,
    fields: impl Iterator<Item = (&'a String, &'a Value)>,
) {
    for (field, value) in fields {
        if PROGRAMS.contains(&field.as_str()) && !value.is_null() {
            plan.programs.push((named.clone(), value.to_string()));
        }
    }
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
