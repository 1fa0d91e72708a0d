//! Endpoints on loopback: programs that ask again and again keep working across rotations.

mod gate;
pub(crate) mod handover;
mod peer;
pub(crate) mod server;
pub(crate) mod source;
pub(crate) mod tokens;
