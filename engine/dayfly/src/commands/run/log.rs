//! The lines that a running engine prints.

use std::sync::Arc;

use dayfly_core::effect::JournalEntry;
use dayfly_dialog::time;
use dayfly_supervisor::Level;
use dayfly_views::journal_line::{self, Names};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::terminal::{self, print};

/// Which lines of the journal are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Problems,
    Main,
    All,
}

impl Wanted {
    pub(crate) const fn of(quiet: bool, verbose: bool) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Problems,
            (_, true) => Self::All,
            _ => Self::Main,
        }
    }

    fn has(self, note: &JournalEntry, level: Level) -> bool {
        match self {
            Self::Problems => level != Level::Info,
            Self::Main => journal_line::is_main(&note.what),
            Self::All => true,
        }
    }
}

/// How urgent a line is, by its mark.
const fn level(mark: char) -> Level {
    match mark {
        '✗' => Level::Error,
        '!' => Level::Warning,
        _ => Level::Info,
    }
}

/// Prints what is recorded, until the engine ends.
pub(crate) async fn show(
    mut notes: broadcast::Receiver<Arc<JournalEntry>>,
    mut names: Names,
    wanted: Wanted,
) {
    let log = terminal::output();
    loop {
        match notes.recv().await {
            Ok(note) => {
                journal_line::learn(&mut names, &note);
                let (mark, text) = journal_line::text(&note, &names);
                let level = level(mark);
                if wanted.has(&note, level) {
                    let text = format!("{mark} {text}");
                    print(&(log.line(level, &time::clock(note.at), &text) + "\n"));
                }
            }
            Err(RecvError::Lagged(missed)) => {
                print(&format!(
                    "({missed} lines not shown; `dayfly events` shows all)\n"
                ));
            }
            Err(RecvError::Closed) => return,
        }
    }
}
