//! Sessions by what a person types.

use std::fmt;

use dayfly_core::session::SessionId;

use crate::check;
use crate::workspace::{Entry, Workspace};

/// How many sessions an error names.
const SHOWN: usize = 8;

/// A session as an error names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// `sessionId`.
    pub id: SessionId,
    /// `sessionName`.
    pub name: String,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({})", self.name, self.id)
    }
}

/// Why a text does not mean one session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No session has such an id or name.
    #[error(
        "the Workspace has no session \"{asked}\"{}",
        listed("; similar: ", similar)
    )]
    None {
        /// What was asked for.
        asked: String,
        /// Sessions that are called nearly so, the nearest first; at most a few.
        similar: Vec<Candidate>,
    },
    /// Several sessions have that name, or an id that begins so.
    #[error(
        "\"{asked}\" matches more than one session{}",
        listed(": ", candidates)
    )]
    Ambiguous {
        /// What was asked for.
        asked: String,
        /// All of them, in file order.
        candidates: Vec<Candidate>,
    },
}

fn listed(before: &str, candidates: &[Candidate]) -> String {
    if candidates.is_empty() {
        return String::new();
    }
    let shown = candidates.iter().take(SHOWN).map(ToString::to_string);
    let mut text = format!("{before}{}", shown.collect::<Vec<_>>().join(", "));
    if candidates.len() > SHOWN {
        text += &format!(" and {} more", candidates.len() - SHOWN);
    }
    text
}

impl Workspace {
    /// The session that a text means: its id; else a name that only it has; else a beginning of
    /// the id that only its id has.
    ///
    /// # Errors
    /// [`ResolveError`] where that is none, or several.
    pub fn resolve(&self, asked: &str) -> Result<&Entry, ResolveError> {
        if let Some(place) = self.by_id.get(asked) {
            return Ok(&self.entries[*place]);
        }
        let named = self.only(asked, |e| e.session.name == asked)?;
        let begun = |e: &Entry| !asked.is_empty() && e.session.id.as_str().starts_with(asked);
        let found = match named {
            Some(entry) => Some(entry),
            None => self.only(asked, begun)?,
        };
        found.ok_or_else(|| ResolveError::None {
            asked: asked.to_owned(),
            similar: self.similar(asked),
        })
    }

    /// The only session that fits, where one does.
    fn only(
        &self,
        asked: &str,
        fits: impl Fn(&Entry) -> bool,
    ) -> Result<Option<&Entry>, ResolveError> {
        let found: Vec<&Entry> = self.entries.iter().filter(|e| fits(e)).collect();
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            several => Err(ResolveError::Ambiguous {
                asked: asked.to_owned(),
                candidates: several.iter().copied().map(candidate).collect(),
            }),
        }
    }

    fn similar(&self, asked: &str) -> Vec<Candidate> {
        let folded = asked.to_lowercase();
        let mut near: Vec<(usize, &Entry)> = self
            .entries
            .iter()
            .filter_map(|entry| Some((check::distance(&folded, &entry.session.name)?, entry)))
            .collect();
        near.sort_by_key(|(distance, _)| *distance);
        near.truncate(SHOWN);
        near.into_iter()
            .map(|(_, entry)| candidate(entry))
            .collect()
    }
}

fn candidate(entry: &Entry) -> Candidate {
    Candidate {
        id: entry.session.id.clone(),
        name: entry.session.name.clone(),
    }
}
