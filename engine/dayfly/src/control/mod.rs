//! The control socket: how commands talk to a running engine. `CONTROL.md` has the protocol.

pub(crate) mod client;
pub(crate) mod protocol;
mod request_slots;
pub(crate) mod secret;
pub(crate) mod server;
