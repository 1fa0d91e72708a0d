//! Completion of a command line: what a shell has of it, and the names that may stand in it.

pub(crate) mod bash;
pub(crate) mod names;
