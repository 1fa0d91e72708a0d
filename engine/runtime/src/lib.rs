//! The effectful loop around the pure core.
//!
//! [`engine`] is the loop: one task owns the state, every input comes through one closed enum,
//! `step` decides, and workers carry the effects out: the chain, the Workspace file, evaluations
//! of policies, calls of providers, the journal. [`home`] says where everything lies, [`config`]
//! what the person configured, [`report`] what the person can be told.

mod active_problems;
pub mod azure;
pub mod builtin;
mod chain_job;
mod chain_worker;
pub mod clock;
pub mod config;
mod config_worker;
mod configured;
pub mod credential_cache;
pub mod destinations;
pub mod engine;
pub mod entries;
mod evaluators;
pub mod handle;
pub mod home;
mod input_brokers;
pub mod journal;
mod key_calls;
pub mod layer_worker;
mod layers_seen;
mod mailbox;
pub mod message;
mod persistent_state;
mod provider_calls;
mod question;
pub mod recording;
pub mod replay;
pub mod report;
pub mod rolling_files;
pub mod seen;
mod sign_ins;
mod watching;
mod worker_pool;
mod workspace_reloaded;
mod workspace_worker;

pub use config::{Config, ConfigError};
pub use engine::{
    Engine, EngineError, Options, Policies, login_settings, sso_integration, sso_settings,
};
pub use handle::Handle;
pub use home::Home;
pub use message::{Ordered, Stopped};
pub use persistent_state::words;
pub use seen::Witness;
