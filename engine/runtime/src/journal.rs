//! The journal: an append-only record of what happened, was decided and done, one JSON object a line.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use dayfly_core::effect::JournalEntry;
use dayfly_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rolling_files::{self, Keep, Writer};

/// Batches that wait for the disk.
const WAITING: usize = 1_024;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Which run of the engine wrote it: causes and operations are counted again in each.
    pub run: Arc<str>,
    /// What it says.
    #[serde(flatten)]
    pub note: JournalEntry,
}

impl rolling_files::Line for Line {
    const STEM: &'static str = "journal";
    const LONGEST: u64 = 4 << 20;

    fn at(&self) -> Timestamp {
        self.note.at
    }
}

/// Reads a journal from its beginning, and on.
pub type Reader = rolling_files::Reader<Line>;

/// The file that is written now, for those who want to follow it.
#[must_use]
pub fn current(folder: &Path) -> PathBuf {
    rolling_files::current::<Line>(folder)
}

/// Writes the journal on a thread of its own.
#[derive(Debug)]
pub(crate) struct Journal {
    lines: Option<SyncSender<Vec<JournalEntry>>>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal in this folder. `trouble` hears of the first failure to write, and none
    /// once it works again.
    pub(crate) fn open(
        folder: PathBuf,
        run: &str,
        keep: Keep,
        trouble: impl Fn(Option<String>) + Send + 'static,
    ) -> io::Result<Self> {
        let (lines, incoming) = sync_channel(WAITING);
        let mut writer = Writer::new(folder, keep);
        let run: Arc<str> = run.into();
        let thread = thread::Builder::new()
            .name("dayfly-journal".into())
            .spawn(move || serve(&mut writer, &run, &incoming, &trouble))?;
        Ok(Self {
            lines: Some(lines),
            thread: Some(thread),
        })
    }

    /// Hands lines over; waits where the disk is far behind.
    pub(crate) fn write(&self, notes: Vec<JournalEntry>) {
        if let Some(lines) = &self.lines {
            // The thread ends only after this sender.
            let _ = lines.send(notes);
        }
    }
}

impl Drop for Journal {
    /// Waits until everything is written.
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    writer: &mut Writer<Line>,
    run: &Arc<str>,
    incoming: &Receiver<Vec<JournalEntry>>,
    trouble: &dyn Fn(Option<String>),
) {
    let mut told = None;
    while let Ok(first) = incoming.recv() {
        let mut text = Vec::new();
        let more = std::iter::from_fn(|| incoming.try_recv().ok());
        for note in std::iter::once(first).chain(more.take(WAITING)).flatten() {
            let line = Line {
                run: Arc::clone(run),
                note,
            };
            // A note has nothing that JSON cannot say.
            if serde_json::to_writer(&mut text, &line).is_ok() {
                text.push(b'\n');
            }
        }
        let problem = match writer.append(&text) {
            Ok(None) => None,
            Ok(Some(untidy)) => Some(format!(
                "no lines are lost, but Dayfly cannot remove old journal files: {untidy}"
            )),
            Err(error) => Some(error.to_string()),
        };
        if problem.is_some() != told.is_some() {
            trouble(problem.clone());
        }
        told = problem;
    }
}
