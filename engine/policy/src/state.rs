//! What a policy entry remembers: a map of small values, read by calls and changed only by what
//! accepted verdicts wrote.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use dayfly_core::session::SessionId;
use serde::{Deserialize, Serialize};

/// What a value belongs to. Sessions go by their stable id, so that the state outlives the run
/// of the engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StateScope {
    /// The policy entry.
    Global,
    /// One session; the value goes when the session goes.
    Session(SessionId),
}

/// A change of one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateWrite {
    /// What the value belongs to.
    pub scope: StateScope,
    /// Its key.
    pub key: String,
    /// The value; none: it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Arc<[u8]>>,
}

/// The state of one policy entry at one moment. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateSnapshot(Arc<Contents>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Contents {
    values: BTreeMap<StateScope, BTreeMap<String, Arc<[u8]>>>,
    size: Size,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes of keys and values.
    pub(crate) bytes: usize,
    /// Number of values.
    pub(crate) values: usize,
}

impl StateSnapshot {
    /// Applies what an accepted verdict wrote, or what a journal says that one wrote.
    pub fn apply(&mut self, writes: impl IntoIterator<Item = StateWrite>) {
        let mut writes = writes.into_iter().peekable();
        if writes.peek().is_none() {
            return;
        }
        let contents = Arc::make_mut(&mut self.0);
        for write in writes {
            contents.apply(write);
        }
    }

    /// Forgets what belongs to a session, since the session is gone.
    pub fn forget(&mut self, session: &SessionId) {
        let scope = StateScope::Session(session.clone());
        if self.0.values.contains_key(&scope) {
            let contents = Arc::make_mut(&mut self.0);
            if let Some(values) = contents.values.remove(&scope) {
                contents.size.values -= values.len();
                contents.size.bytes -= values.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
            }
        }
    }

    /// The value, if there is one.
    #[must_use]
    pub fn get(&self, scope: &StateScope, key: &str) -> Option<&Arc<[u8]>> {
        self.0.values.get(scope)?.get(key)
    }

    /// All values, as the writes that would bring them about.
    pub fn iter(&self) -> impl Iterator<Item = StateWrite> + '_ {
        self.0.values.iter().flat_map(|(scope, values)| {
            values.iter().map(|(key, value)| StateWrite {
                scope: scope.clone(),
                key: key.clone(),
                value: Some(Arc::clone(value)),
            })
        })
    }

    /// The writes that make this of an earlier state.
    #[must_use]
    pub fn since(&self, before: &Self) -> Vec<StateWrite> {
        if Arc::ptr_eq(&self.0, &before.0) {
            return Vec::new();
        }
        let mut writes: Vec<StateWrite> = before
            .iter()
            .filter(|old| self.get(&old.scope, &old.key).is_none())
            .map(|old| StateWrite { value: None, ..old })
            .collect();
        let new = self
            .iter()
            .filter(|new| before.get(&new.scope, &new.key) != new.value.as_ref());
        writes.extend(new);
        writes
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.size.bytes
    }
}

impl FromIterator<StateWrite> for StateSnapshot {
    fn from_iter<I: IntoIterator<Item = StateWrite>>(writes: I) -> Self {
        let mut state = Self::default();
        state.apply(writes);
        state
    }
}

impl Contents {
    fn apply(&mut self, write: StateWrite) {
        match write.value {
            Some(value) => {
                let values = self.values.entry(write.scope).or_default();
                let (key_bytes, value_bytes) = (write.key.len(), value.len());
                match values.entry(write.key) {
                    Entry::Occupied(mut old) => {
                        self.size.bytes -= old.insert(value).len();
                    }
                    Entry::Vacant(place) => {
                        place.insert(value);
                        self.size.values += 1;
                        self.size.bytes += key_bytes;
                    }
                }
                self.size.bytes += value_bytes;
            }
            None => {
                if let Some(values) = self.values.get_mut(&write.scope) {
                    if let Some(old) = values.remove(&write.key) {
                        self.size.values -= 1;
                        self.size.bytes -= write.key.len() + old.len();
                    }
                    if values.is_empty() {
                        self.values.remove(&write.scope);
                    }
                }
            }
        }
    }
}

/// Values that were written, and keys that were removed.
type Written = BTreeMap<String, Option<Arc<[u8]>>>;

/// What one call has written so far, over the state that it began with.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    base: StateSnapshot,
    writes: BTreeMap<StateScope, Written>,
    size: Size,
}

impl Overlay {
    pub(crate) fn over(base: StateSnapshot) -> Self {
        Self {
            size: base.0.size,
            base,
            writes: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&self, scope: &StateScope, key: &str) -> Option<&Arc<[u8]>> {
        match self.writes.get(scope).and_then(|values| values.get(key)) {
            Some(written) => written.as_ref(),
            None => self.base.get(scope, key),
        }
    }

    /// Writes a value unless the whole would grow beyond the quota; tells whether it did.
    pub(crate) fn set(
        &mut self,
        scope: StateScope,
        key: String,
        value: &[u8],
        quota: Size,
    ) -> bool {
        let old = self.get(&scope, &key).map(|old| old.len());
        let size = Size {
            bytes: self.size.bytes - old.map_or(0, |old| old + key.len()) + key.len() + value.len(),
            values: self.size.values + usize::from(old.is_none()),
        };
        // A quota that shrank must not keep an entry from shrinking its state.
        let grows = size.bytes > self.size.bytes || size.values > self.size.values;
        if grows && (size.bytes > quota.bytes || size.values > quota.values) {
            return false;
        }
        self.size = size;
        self.writes
            .entry(scope)
            .or_default()
            .insert(key, Some(value.into()));
        true
    }

    pub(crate) fn delete(&mut self, scope: StateScope, key: String) {
        let Some(old) = self.get(&scope, &key).map(|old| old.len()) else {
            return;
        };
        self.size.bytes -= old + key.len();
        self.size.values -= 1;
        self.writes.entry(scope).or_default().insert(key, None);
    }

    /// What was written, in the order of scope and key. What ends as it began is left out.
    pub(crate) fn into_writes(self) -> Vec<StateWrite> {
        let base = self.base;
        self.writes
            .into_iter()
            .flat_map(|(scope, values)| {
                values.into_iter().map(move |(key, value)| StateWrite {
                    scope: scope.clone(),
                    key,
                    value,
                })
            })
            .filter(|write| base.get(&write.scope, &write.key) != write.value.as_ref())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Size = Size {
        bytes: 20,
        values: 3,
    };

    fn session(id: &str) -> StateScope {
        StateScope::Session(SessionId::new(id))
    }

    fn write(scope: StateScope, key: &str, value: Option<&[u8]>) -> StateWrite {
        StateWrite {
            scope,
            key: key.into(),
            value: value.map(Into::into),
        }
    }

    #[test]
    fn writes_show_within_the_call_and_count_only_once_applied() {
        let mut state = StateSnapshot::from_iter([write(StateScope::Global, "a", Some(b"1"))]);
        let before = state.clone();
        let mut overlay = Overlay::over(state.clone());
        assert!(overlay.set(StateScope::Global, "a".into(), b"22", QUOTA));
        assert!(overlay.set(session("s"), "b".into(), b"3", QUOTA));
        overlay.delete(StateScope::Global, "never".into());
        assert_eq!(
            overlay.get(&StateScope::Global, "a").map(|v| &**v),
            Some(&b"22"[..])
        );
        assert_eq!(state, before);
        let writes = overlay.into_writes();
        assert_eq!(writes.len(), 2);
        state.apply(writes);
        assert_eq!(state.bytes(), 5);
        state.forget(&SessionId::new("s"));
        assert_eq!(state.bytes(), 3);
        assert_eq!(before.bytes(), 2);
    }

    #[test]
    fn what_ends_as_it_began_is_no_write() {
        let state = StateSnapshot::from_iter([write(StateScope::Global, "a", Some(b"1"))]);
        let mut overlay = Overlay::over(state);
        overlay.delete(StateScope::Global, "a".into());
        assert!(overlay.get(&StateScope::Global, "a").is_none());
        assert!(overlay.set(StateScope::Global, "a".into(), b"1", QUOTA));
        assert!(overlay.set(StateScope::Global, "b".into(), b"1", QUOTA));
        overlay.delete(StateScope::Global, "b".into());
        assert_eq!(overlay.into_writes(), []);
    }

    #[test]
    fn the_quota_bounds_bytes_and_values_but_never_shrinking() {
        let mut overlay = Overlay::over(StateSnapshot::default());
        assert!(overlay.set(StateScope::Global, "k".into(), &[0; 19], QUOTA));
        assert!(!overlay.set(StateScope::Global, "l".into(), b"", QUOTA));
        assert!(!overlay.set(StateScope::Global, "k".into(), &[0; 20], QUOTA));
        assert!(overlay.set(StateScope::Global, "k".into(), &[0; 10], Size::default()));
        assert!(overlay.set(StateScope::Global, "l".into(), b"", QUOTA));
        assert!(overlay.set(StateScope::Global, "m".into(), b"", QUOTA));
        assert!(!overlay.set(StateScope::Global, "n".into(), b"", QUOTA));
        overlay.delete(StateScope::Global, "m".into());
        assert!(overlay.set(StateScope::Global, "n".into(), b"", QUOTA));
    }

    #[test]
    fn sizes_stay_true() {
        let mut state = StateSnapshot::default();
        state.apply([
            write(StateScope::Global, "ab", Some(b"123")),
            write(StateScope::Global, "ab", Some(b"1")),
            write(session("s"), "x", Some(b"")),
            write(session("s"), "y", Some(b"12")),
            write(session("s"), "y", None),
            write(session("t"), "y", None),
        ]);
        assert_eq!(state.bytes(), 4);
        assert_eq!(StateSnapshot::from_iter(state.iter()), state);
    }
}
