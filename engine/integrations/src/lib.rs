//! Integrations: portals and tenants that a person signs in to, and whose accounts become sessions.
//!
//! A command of `dayfly integration` finds the integration that is meant ([`find`]) and hands it
//! to what is written for its kind: one file a kind and a purpose. What there is to say goes to the command.

mod adopt;
pub mod azure;
pub mod azure_login;
pub mod azure_sync;
pub mod found;
mod kind;
mod progress;
pub mod remove;
mod sign_in_row;
pub mod sso;
pub mod sso_login;
pub mod sso_sync;
mod synced;

pub use adopt::aws_profiles;
pub use found::{Found, find};
pub use kind::Kind;
pub use progress::Progress;
pub use sign_in_row::SignInRow;
