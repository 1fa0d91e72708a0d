//! How the engine's reports and its journal look on a terminal: sessions, policies, what a policy may do,
//! lines of the journal and of a replay.

pub mod filter;
pub mod journal_line;
pub mod keys;
pub mod permissions;
pub mod policies;
pub mod replayed;
pub mod sessions;
