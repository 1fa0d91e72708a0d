//! What an engine and the service manager above it tell each other: that it is ready, alive or ends, which sockets it
//! goes on listening at, and how urgent a line of its log is.
//!
//! Without a service manager nothing of this is done or sent.
//!
//! Sources: sd_notify(3), sd_listen_fds(3), sd-daemon(3), and systemd.exec(5) on `JOURNAL_STREAM`.

mod log;
mod notify;
mod replace;
mod sockets;

pub use log::{Level, Log};
pub use notify::Notifier;
pub use replace::replace;
pub use sockets::Sockets;
