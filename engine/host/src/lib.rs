//! What a command needs of a home, built in one place: its settings, vault, chain and policies, an engine
//! that does one thing in this process, and orders that go to the running engine or to such a one.
//!
//! It prints nothing: whoever runs the command introduces the [`person`] who is told and asked.

pub mod azure;
pub mod blocked_profiles;
pub mod chain;
pub mod console_login;
pub mod direct;
pub mod engine;
pub mod locking;
pub mod orders;
pub mod paths;
pub mod person;
pub mod policies;
mod refused_edit;
pub mod reports;
pub mod saml_login;
pub mod service;
pub mod settings;
pub mod user_prompts;
pub mod uses;
pub mod vault;
pub mod workspace;

pub use refused_edit::refused;
