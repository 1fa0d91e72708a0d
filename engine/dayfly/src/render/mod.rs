//! How things look on a terminal.

pub(crate) mod chart;
pub(crate) mod journal_line;
pub(crate) mod permissions;
pub(crate) mod policies;
pub(crate) mod replayed;
pub(crate) mod sessions;
pub(crate) mod svg;
pub(crate) mod table;
pub(crate) mod time;
