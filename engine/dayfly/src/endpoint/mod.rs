//! A container credentials endpoint on loopback: programs that ask it again and again keep working
//! across rotations.

mod gate;
pub(crate) mod server;
pub(crate) mod source;
pub(crate) mod tokens;
