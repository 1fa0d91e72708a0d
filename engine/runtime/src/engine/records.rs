//! What the engine tells: events for the journal and for listeners, and problems that last.

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::effect::{Cause, JournalEntry, JournalEvent};
use tokio::sync::broadcast;

use crate::active_problems::ActiveProblems;
use crate::clock;

/// What the engine tells.
pub(super) struct Records {
    /// Who listens.
    pub(super) notes: broadcast::Sender<Arc<JournalEntry>>,
    /// What the journal has not been given yet.
    pub(super) recorded: Vec<JournalEntry>,
    /// Problems that last: what each is about, what happened and what to do.
    pub(super) troubles: BTreeMap<String, (String, Option<String>)>,
    /// What workers tell of theirs.
    pub(super) troubles_told: ActiveProblems,
}

impl Records {
    pub(super) fn new(
        notes: broadcast::Sender<Arc<JournalEntry>>,
        troubles_told: ActiveProblems,
    ) -> Self {
        Self {
            notes,
            recorded: Vec::new(),
            troubles: BTreeMap::new(),
            troubles_told,
        }
    }

    /// Records something that the core does not know of.
    pub(super) fn note(&mut self, what: JournalEvent) {
        self.recorded.push(JournalEntry {
            at: clock::now(),
            cause: Cause::default(),
            what,
        });
    }

    /// Something is wrong from now on, or not any more.
    pub(super) fn trouble(&mut self, about: &str, problem: Option<(String, Option<String>)>) {
        match problem {
            Some(problem) if self.troubles.get(about) != Some(&problem) => {
                self.note(JournalEvent::Trouble {
                    about: about.to_owned(),
                    message: problem.0.clone(),
                    hint: problem.1.clone(),
                });
                self.troubles.insert(about.to_owned(), problem);
            }
            Some(_) => {}
            None => {
                if self.troubles.remove(about).is_some() {
                    let about = about.to_owned();
                    self.note(JournalEvent::Mended { about });
                }
            }
        }
    }

    /// What is to be written into the journal; who listens has it already.
    pub(super) fn take(&mut self) -> Vec<JournalEntry> {
        for (about, problem) in self.troubles_told.take() {
            self.trouble(about, problem.map(|problem| (problem, None)));
        }
        let recorded = std::mem::take(&mut self.recorded);
        if self.notes.receiver_count() > 0 {
            for note in &recorded {
                let _ = self.notes.send(Arc::new(note.clone()));
            }
        }
        recorded
    }
}
