//! What comes into the core and what goes out of it.

pub mod effect;
pub mod input;
pub(crate) mod journal;
