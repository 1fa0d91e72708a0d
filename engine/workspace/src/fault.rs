//! Why a session cannot be started, and the names that were probably meant.

use std::cell::Cell;

use crate::check;

/// Why a session cannot be started, and which of its fields says so.
#[derive(Clone)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn at(offset: usize, message: String) -> Self {
        Self {
            offset,
            message,
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// Looks for names that were meant, as often as a person would read of it: each look costs as
/// much as there are names.
pub(crate) struct Hints(Cell<u32>);

impl Default for Hints {
    fn default() -> Self {
        Self(Cell::new(20))
    }
}

impl Hints {
    /// Whether one more look may be had.
    pub(crate) fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }

    pub(crate) fn did_you_mean<'a>(
        &self,
        word: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        if !self.spend() {
            return None;
        }
        check::did_you_mean(word, names)
    }
}
