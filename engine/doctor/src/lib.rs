//! What keeps credentials from being obtained or found, each with how to mend it.

pub mod certificates;
pub mod disk;
mod environment;
mod files;
mod findings;
mod home;
mod keys;
mod layers;
mod network;
mod published;
mod reachability;
mod seen;
mod service;
mod set_aside;
mod sign_ins;

pub use crate::disk::room;
pub use crate::environment::environment;
pub use crate::files::shared_files;
pub use crate::findings::{Finding, Findings, Grade};
pub use crate::home::{configuration, engine_runs, modes, vault, workspace};
pub use crate::keys::access_keys;
pub use crate::layers::layers;
pub use crate::network::network;
pub use crate::published::published;
pub use crate::reachability::{clouds, endpoint};
pub use crate::seen::newest;
pub use crate::service::installed_service;
pub use crate::set_aside::set_aside_lines;
pub use crate::sign_ins::sign_ins;
