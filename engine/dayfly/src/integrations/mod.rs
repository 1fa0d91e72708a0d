//! Integrations: portals and tenants that a person signs in to, and whose accounts become sessions.
//!
//! A command of `dayfly integration` finds the integration that is meant ([`find`]) and hands it
//! to what is written for its kind: one file a kind and a purpose in this folder.

pub(crate) mod azure;
pub(crate) mod azure_login;
pub(crate) mod azure_sync;
pub(crate) mod found;
pub(crate) mod kind;
pub(crate) mod progress;
pub(crate) mod refused_edit;
pub(crate) mod remove;
pub(crate) mod sign_in_row;
pub(crate) mod sso;
pub(crate) mod sso_login;
pub(crate) mod sso_sync;

pub(crate) use found::{Found, find};
pub(crate) use kind::Kind;
pub(crate) use refused_edit::refused;
pub(crate) use sign_in_row::SignInRow;
