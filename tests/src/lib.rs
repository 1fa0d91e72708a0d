//! What end-to-end suites are made of: the real program, a home of its own, and real components.
//!
//! [`Home`] is a throw-away home, [`Daemon`] the running program, [`Ministack`] a real STS and IAM,
//! [`aws`] the real AWS CLI. `tests/tools` installs the components and prints the variables that
//! name them; without these the suites say so and do nothing.

pub mod aws;
pub mod daemon;
pub mod home;
pub mod ini;
pub mod ministack;
pub mod wait;

pub use daemon::Daemon;
pub use home::Home;
pub use ministack::Ministack;
pub use wait::{until, within};
