//! How things look on a terminal.

pub(crate) mod chart;
pub(crate) mod line;
pub(crate) mod picture;
pub(crate) mod policies;
pub(crate) mod replayed;
pub(crate) mod sessions;
pub(crate) mod table;
pub(crate) mod time;
