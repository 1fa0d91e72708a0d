//! The effectful loop around the pure core.
//!
//! [`engine`] is the loop: one task owns the state, every input comes through one closed enum,
//! `step` decides, and workers carry the effects out: the chain, the Workspace file, evaluations
//! of policies, calls of providers, the journal. [`home`] says where everything lies, [`config`]
//! what the person configured, [`report`] what the person can be told.

pub mod azure;
pub mod builtin;
mod chain_worker;
pub mod clock;
pub mod config;
mod config_worker;
mod crew;
mod desks;
pub mod destinations;
pub mod engine;
pub mod entries;
mod evaluators;
pub mod held;
pub mod home;
mod issuing;
pub mod journal;
mod mailbox;
mod memory;
pub mod message;
pub mod recording;
pub mod replay;
pub mod report;
pub mod rolling;
pub mod seen;
mod sign_ins;
mod troubles;
mod watching;
mod workspace_worker;

pub use config::{Config, ConfigError};
pub use engine::{Engine, EngineError, Options, Policies, sso_integration, sso_settings};
pub use home::Home;
pub use memory::words;
pub use message::{Handle, Ordered, Stopped};
pub use seen::Witness;
