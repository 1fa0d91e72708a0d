//! The id of a session.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// `sessionId` of the Workspace: not empty, unique within it.
///
/// Ordered like its text. Its beginning is kept beside the text, which tells most ids (UUIDs)
/// apart, since maps by id are what the core looks into most.
#[derive(Clone, Deserialize)]
#[serde(from = "Arc<str>")]
pub struct SessionId {
    head: u64,
    text: Arc<str>,
}

impl SessionId {
    /// Takes an id as the Workspace has it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self::from(Arc::from(id))
    }

    /// The id as the Workspace has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<Arc<str>> for SessionId {
    fn from(text: Arc<str>) -> Self {
        let mut head = [0; 8];
        let bytes = text.as_bytes();
        let length = bytes.len().min(head.len());
        head[..length].copy_from_slice(&bytes[..length]);
        Self {
            head: u64::from_be_bytes(head),
            text,
        }
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl Ord for SessionId {
    fn cmp(&self, other: &Self) -> Ordering {
        // Two heads order like their texts: the rest is zeros, which no text goes below.
        self.head.cmp(&other.head).then_with(|| {
            if Arc::ptr_eq(&self.text, &other.text) {
                Ordering::Equal
            } else {
                self.text.cmp(&other.text)
            }
        })
    }
}

impl PartialOrd for SessionId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SessionId {}

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Like the text that it can be looked up by.
        self.text.hash(state);
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionId").field(&&*self.text).finish()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::SessionId;

    proptest! {
        #[test]
        fn ids_are_ordered_and_written_like_their_texts(
            one in "[a-c\u{0}é]{0,10}",
            other in "[a-c\u{0}é]{0,10}",
        ) {
            let (a, b) = (SessionId::new(&one), SessionId::new(&other));
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
            prop_assert_eq!(a == b, one == other);
            prop_assert_eq!(a.cmp(&a.clone()), std::cmp::Ordering::Equal);
            let json = serde_json::to_string(&a).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&one).unwrap());
            prop_assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), a);
        }
    }
}
