//! The engine as a service of the operating system: its unit is written, enabled, started, looked at and removed.
//!
//! One file a service manager: [`systemd`] on Linux, [`launchd`] on macOS. Each is a [`ServiceManager`].

mod environment;
pub mod launchd;
mod program;
mod service;
mod service_manager;
pub mod systemd;
mod unit_file;

pub use environment::taken_over;
pub use service::{Scope, Service, State, UnitFile, stale};
pub use service_manager::ServiceManager;

/// The service manager of this system.
#[must_use]
pub fn manager() -> Box<dyn ServiceManager> {
    match cfg!(target_os = "macos") {
        true => Box::new(launchd::Launchd),
        false => Box::new(systemd::Systemd),
    }
}
