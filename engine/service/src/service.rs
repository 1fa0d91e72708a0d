//! What a service manager is to run, and how it is.

use std::path::{Path, PathBuf};

use serde::Serialize;

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
