//! The control socket of a running engine: what is said over it ([`protocol`], for people in `CONTROL.md`),
//! who asks ([`client`]) and who answers ([`server`]); and credentials and tokens as they go over it.

pub mod azure_token;
pub mod client;
pub mod credentials;
mod early_expiry;
pub mod protocol;
mod request_slots;
pub mod respond;
pub mod secret;
pub mod server;
