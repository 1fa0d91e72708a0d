//! The control socket: how commands talk to a running engine. `CONTROL.md` has the protocol.

pub(crate) mod client;
mod places;
pub(crate) mod protocol;
pub(crate) mod secret;
pub(crate) mod server;
