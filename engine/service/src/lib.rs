//! The engine as a service of the operating system: its unit is written, enabled, started, looked at and removed.
//!
//! One file a service manager: [`systemd`] on Linux, [`launchd`] on macOS. Each is a [`ServiceManager`].

mod environment;
pub mod launchd;
mod program;
pub mod systemd;

use std::path::{Path, PathBuf};

use dayfly_dialog::CliError;
use serde::Serialize;

pub use environment::taken_over;

/// What a service manager is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name: `dayfly`, and for a home of its own `dayfly-` and a word for that home, so that each has one.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// The socket where commands reach the engine; the first that connects starts it.
    pub socket: PathBuf,
    /// What the engine keeps; logs go there where the service manager has none.
    pub state: PathBuf,
    /// Variables of its environment, by name.
    pub environment: Vec<(String, String)>,
    /// A file with the passphrase of the vault.
    pub passphrase: Option<PathBuf>,
    /// For whom it runs.
    pub scope: Scope,
}

/// For whom a service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// For the person who installs it, as long as they are logged in.
    Person,
    /// For the machine, as a user that exists only for it.
    Machine,
    /// For the machine, as this user.
    As {
        /// Who.
        user: String,
        /// Their home directory.
        home: PathBuf,
    },
}

/// How a service is, as the service manager tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Its name there.
    pub unit: String,
    /// The file that says what to run; none: it is not installed.
    pub file: Option<PathBuf>,
    /// The service manager's word for how it is: `active`, `inactive`, `failed`.
    pub state: String,
    /// Whether it is started when the person logs in, or the machine starts.
    pub enabled: bool,
    /// Its process, where one runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What the engine said last of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// How often it was started again after it broke.
    pub restarts: u64,
    /// The program that the file names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<PathBuf>,
}

impl State {
    /// Why its unit does not fit this program.
    #[must_use]
    pub fn stale(&self, own: &Path) -> Option<String> {
        stale(self.program.as_deref()?, own)
    }
}

/// Why a unit that runs this program does not fit the one that asks: it is gone, or another.
#[must_use]
pub fn stale(program: &Path, own: &Path) -> Option<String> {
    let shown = program.display();
    match (program.exists(), program == own) {
        (false, _) => Some(format!("the unit runs {shown}, which is not there")),
        (true, false) => Some(format!(
            "the unit runs {shown}, and this is {}",
            own.display()
        )),
        (true, true) => None,
    }
}

/// A file of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFile {
    /// Where it belongs.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
}

/// What can be done with a service, on this system.
pub trait ServiceManager {
    /// The files that say what to run.
    ///
    /// # Errors
    /// The person has no folder for them.
    fn files(&self, service: &Service) -> Result<Vec<UnitFile>, CliError>;

    /// Fails where the service manager does not run or is not there.
    ///
    /// # Errors
    /// Why, and what to do.
    fn reachable(&self, service: &Service) -> Result<(), CliError>;

    /// Writes the files and has the service started with the person's login or the machine; `start` starts it now too.
    ///
    /// # Errors
    /// A file cannot be written, or the service manager refuses.
    fn install(&self, service: &Service, start: bool) -> Result<(), CliError>;

    /// Ends it and removes the files; false where there are none.
    ///
    /// # Errors
    /// As above.
    fn uninstall(&self, service: &Service) -> Result<bool, CliError>;

    /// Starts it.
    ///
    /// # Errors
    /// As above.
    fn start(&self, service: &Service) -> Result<(), CliError>;

    /// Ends it, and listens no more for who would start it.
    ///
    /// # Errors
    /// As above.
    fn stop(&self, service: &Service) -> Result<(), CliError>;

    /// Has the program that is installed now go on in its place, without a moment in which nobody listens.
    ///
    /// # Errors
    /// As above.
    fn reload(&self, service: &Service) -> Result<(), CliError>;

    /// The program that the installed files name; none where it is not installed. The service manager is not asked.
    ///
    /// # Errors
    /// The file cannot be read.
    fn program(&self, service: &Service) -> Result<Option<PathBuf>, CliError>;

    /// How it is.
    ///
    /// # Errors
    /// As above.
    fn state(&self, service: &Service) -> Result<State, CliError>;

    /// The command that shows its log: the last lines, and those that come where `follow` says so.
    fn log_command(&self, service: &Service, lines: u32, follow: bool) -> Vec<String>;
}

/// The service manager of this system.
#[must_use]
pub fn manager() -> Box<dyn ServiceManager> {
    match cfg!(target_os = "macos") {
        true => Box::new(launchd::Launchd),
        false => Box::new(systemd::Systemd),
    }
}
