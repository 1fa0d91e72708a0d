//! What end-to-end suites are made of: the real program, a home of its own, and real components.
//!
//! [`Home`] is a throw-away home, [`Daemon`] the running program, [`Ministack`] a real STS and IAM,
//! [`aws`] the real AWS CLI, [`Entra`] a real OpenID provider as Entra ID. `tests/tools` installs
//! the components and prints the variables that name them; without these the suites say so and do
//! nothing.

pub mod anywhere;
pub mod authoring;
pub mod aws;
pub mod bad_days;
pub mod daemon;
pub mod disk;
pub mod door;
pub mod entra;
pub mod fake;
pub mod fakecloud;
pub mod federation;
pub mod home;
pub mod idp;
pub mod ini;
pub mod inspecting;
pub mod keyring;
pub mod memory;
pub mod ministack;
pub mod portal;
pub mod processor;
pub mod sign_in_service;
pub mod systemd;
pub mod table;
pub mod wait;
pub mod watch;

pub use anywhere::Anywhere;
pub use bad_days::BadDays;
pub use daemon::Daemon;
pub use disk::Disk;
pub use door::{Door, Exec};
pub use entra::Entra;
pub use fake::Fake;
pub use fakecloud::Fakecloud;
pub use home::Home;
pub use inspecting::Inspecting;
pub use keyring::Keyring;
pub use ministack::Ministack;
pub use portal::Portal;
pub use sign_in_service::SignInService;
pub use systemd::Systemd;
pub use table::{Cell, Table};
pub use wait::{clock, until, within};
