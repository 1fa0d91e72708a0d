//! Events that are not about sessions wait for their entry.

use std::sync::Arc;

use crate::model::policy::{BranchChange, Event, FileChange, FileChangeKind};
use crate::state::entry_state::EntryState;

impl EntryState {
    /// Whether events wait for the entry that are not about sessions.
    pub(crate) fn has_others(&self) -> bool {
        !self.others.is_empty() || !self.files.is_empty() || !self.branches.is_empty()
    }

    pub(super) fn file_changed(&mut self, change: &FileChange) {
        let before = self.files.remove(&change.path);
        let mut change = change.clone();
        if !self.entry.grant.reads() {
            change.content = None;
        }
        self.keep_file(before, change);
    }

    pub(super) fn branch_changed(&mut self, change: &BranchChange) {
        let before = self.branches.remove(&change.repository);
        self.keep_branch(before, change.clone());
    }

    fn keep_file(&mut self, before: Option<FileChange>, mut change: FileChange) {
        let kind = before.map_or(Some(change.kind), |b| b.kind.then(change.kind));
        if let Some(kind) = kind {
            change.kind = kind;
            self.files.insert(Arc::clone(&change.path), change);
        }
    }

    fn keep_branch(&mut self, before: Option<BranchChange>, mut change: BranchChange) {
        let kind = before
            .as_ref()
            .map_or(Some(change.kind), |b| b.kind.then(change.kind));
        let Some(kind) = kind else { return };
        change.kind = kind;
        if let Some(before) = before
            && kind != FileChangeKind::Removed
        {
            change.previous = before.previous;
        }
        self.branches.insert(Arc::clone(&change.repository), change);
    }

    /// Takes the events that wait, at most so many files.
    pub(crate) fn take_others(&mut self, files_max: usize) -> Vec<Event> {
        let mut events: Vec<Event> = self.others.drain(..).collect();
        while events.len() < files_max
            && let Some((_, change)) = self.branches.pop_first()
        {
            events.push(Event::Branch(change));
        }
        while events.len() < files_max
            && let Some((_, change)) = self.files.pop_first()
        {
            events.push(Event::File(change));
        }
        events
    }

    /// Takes what happened to the engine, which comes with a resync.
    pub(crate) fn take_engine_events(&mut self) -> Vec<Event> {
        let others = std::mem::take(&mut self.others);
        let (engine, rest): (Vec<Event>, Vec<Event>) = others
            .into_iter()
            .partition(|event| matches!(event, Event::Engine(_)));
        self.others = rest.into();
        engine
    }

    /// Events that were not answered wait again, before those that came meanwhile.
    pub(crate) fn put_back(&mut self, events: Vec<Event>) {
        for event in events.into_iter().rev() {
            match event {
                Event::File(change) => match self.files.remove(&change.path) {
                    Some(later) => self.keep_file(Some(change), later),
                    None => self.keep_file(None, change),
                },
                Event::Branch(change) => match self.branches.remove(&change.repository) {
                    Some(later) => self.keep_branch(Some(change), later),
                    None => self.keep_branch(None, change),
                },
                other => self.others.push_front(other),
            }
        }
    }
}
