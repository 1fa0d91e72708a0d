//! The Wasm policy host: load, check, instantiate, limit and call.
//!
//! A [`Host`] holds the engine that compiles and runs guests. A [`Module`] is a component that was
//! checked against the contract in `wit/` and asked what it is. A [`Policy`] is a module with the
//! configuration and the limits of one entry; [`Policy::evaluate`] asks it, each time in a fresh
//! sandboxed instance that knows nothing but what the call says.
//!
//! Whatever a guest does, it can only spoil its own call: a trap, a limit or a nonsensical answer
//! becomes a [`Fault`](dayfly_core::policy::Fault), and nothing of the call counts. The host
//! starts no workers; calls may come from any number of threads.
//!
//! Start reading at [`host`], then [`module`], then [`policy`].
//!
//! ```
//! use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/prebuilt/keep-active.wasm");
//! let bytes = std::fs::read(path)?;
//! let host = Host::new(HostConfig::default())?;
//! let module = Module::load(&host, "keep-active", &bytes)?;
//! assert_eq!(module.descriptor().name, "keep-active");
//!
//! let policy = Policy::configure(&module, "{}", Limits::default())?;
//! assert!(!policy.subscriptions().is_empty());
//!
//! let refused = Module::load(&host, "notes.txt", b"no component");
//! assert!(refused.is_err());
//! # Ok(())
//! # }
//! ```

#![allow(
    clippy::duplicate_mod,
    reason = "what is alike for two versions of the contract is compiled against the types of each"
)]

mod answer;
mod bindings;
pub mod cache;
pub mod call;
mod compat;
pub mod compiler;
mod declared_needs;
mod descriptor;
mod digest;
mod engine;
pub mod expression;
mod guest_faults;
pub mod host;
mod host_config;
mod imports;
mod instance_slots;
mod language;
pub mod limits;
mod load_error;
mod meter;
pub mod module;
pub mod paths;
pub mod pattern;
pub mod policy;
pub mod query;
mod sandbox;
pub mod schedule;
pub mod state;
mod text;
mod ticker;
pub mod wasi;
mod world;

pub use cache::CodeCache;
pub use call::{Call, Evaluated, Failed, LogLine, Used};
pub use compiler::Compiler;
pub use declared_needs::{Asks, asks};
pub use expression::{ExpressionError, session_expression};
pub use host::{Host, HostConfig};
pub use limits::Limits;
pub use module::{Module, Wasi, World};
pub use paths::{Paths, PatternError};
pub use pattern::PathPattern;
pub use policy::Policy;
pub use query::{SessionQuery, WorkspaceQuery};
pub use state::{StateScope, StateSnapshot, StateWrite};
