//! How far something has come, on a terminal; where the standard error is none, nothing.
//!
//! Of our own: `indicatif` brings four crates for a bar of one line.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dayfly_integrations::Progress;

use crate::terminal;

/// The shortest time between two drawings.
const REDRAW: Duration = Duration::from_millis(80);
/// How wide the bar is, in characters.
const WIDTH: usize = 24;

/// One line that is drawn anew; gone when dropped.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    shown: bool,
    drawn: Mutex<Option<Instant>>,
}

impl ProgressLine {
    /// Nothing is drawn yet.
    pub(crate) fn start() -> Self {
        Self {
            shown: terminal::errors_are_seen(),
            drawn: Mutex::new(None),
        }
    }
}

impl Progress for ProgressLine {
    /// Draws the line: so many of so many, and what there is to say.
    fn at(&self, done: usize, all: usize, text: &str) {
        if !self.shown {
            return;
        }
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let soon = drawn.is_some_and(|at| now.duration_since(at) < REDRAW);
        if soon && done < all {
            return;
        }
        *drawn = Some(now);
        terminal::progress(&format!("{} {text}", bar(done, all)));
    }

    fn end(&self) {
        let drawn = self
            .drawn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if drawn.is_some() {
            terminal::end_progress();
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.end();
    }
}

fn bar(done: usize, all: usize) -> String {
    let full = (done.min(all) * WIDTH).checked_div(all).unwrap_or(0);
    format!("[{}{}]", "#".repeat(full), " ".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0, 0), format!("[{}]", " ".repeat(WIDTH)));
        assert_eq!(
            bar(6, 12),
            format!("[{}{}]", "#".repeat(12), " ".repeat(12))
        );
        assert_eq!(bar(15, 12), format!("[{}]", "#".repeat(WIDTH)));
    }
}
