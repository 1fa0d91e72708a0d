//! What policies are written and shared with, where this machine has it.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::home::{Ended, Home, program};
use crate::wait::until;

/// Whether a suite has to run whatever is missing.
fn all() -> bool {
    std::env::var_os("DAYFLY_TEST_ALL").is_some()
}

/// A program on the path; none where it is missing and may be.
///
/// # Panics
/// It is missing and may not be.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    assert!(found.is_some() || !all(), "{name} is missing");
    found
}

/// What a variable of `tests/tools` says; none where it is not set and need not be.
///
/// # Panics
/// It is not set and has to be.
#[must_use]
pub fn variable(name: &str) -> Option<OsString> {
    let found = std::env::var_os(name);
    assert!(
        found.is_some() || !all(),
        "{name} is not set; run tests/tools"
    );
    found
}

/// Runs the program in a folder, with more folders on the path and more variables.
///
/// # Panics
/// It cannot be run.
#[must_use]
pub fn run_in(home: &Home, folder: &Path, args: &[&str], more: &[(&str, OsString)]) -> Ended {
    let mut command = home.command(args);
    command.current_dir(folder);
    for (name, value) in more {
        command.env(name, value);
    }
    let output = command.output().expect("the program runs");
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A docker-registry on loopback; gone when dropped.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    folder: tempfile::TempDir,
    /// Its host and port.
    pub host: String,
}

impl Registry {
    /// Starts one; none where it is not installed and need not be.
    ///
    /// # Panics
    /// It is installed and does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::with("")
    }

    /// Starts one with more configuration (YAML, at the top level).
    ///
    /// # Panics
    /// It is installed and does not start.
    #[must_use]
    pub fn with(more: &str) -> Option<Self> {
        Self::at("127.0.0.1", more)
    }

    /// Starts one at an address of this machine.
    ///
    /// # Panics
    /// It is installed and does not start.
    #[must_use]
    pub fn at(address: &str, more: &str) -> Option<Self> {
        let binary = tool("docker-registry")?;
        let folder = tempfile::Builder::new()
            .prefix("dayfly-registry-")
            .tempdir();
        let folder = folder.expect("a folder");
        let port = TcpListener::bind((address, 0))
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let host = format!("{address}:{port}");
        let config = folder.path().join("config.yml");
        let data = folder.path().join("data");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  \
             delete:\n    enabled: true\nhttp:\n  addr: {host}\n{more}",
            data.display()
        );
        std::fs::write(&config, text).expect("a file is written");
        let child = Command::new(binary)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the registry starts");
        until(Duration::from_secs(20), "the registry listens", || {
            std::net::TcpStream::connect(&host).is_ok()
        });
        Some(Self {
            child,
            folder,
            host,
        })
    }

    /// The file of a blob by its digest, `sha256:…`.
    #[must_use]
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        let blobs = "data/docker/registry/v2/blobs/sha256";
        let folder = self.folder.path().join(blobs).join(&hex[..2]).join(hex);
        folder.join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// One of the built-in policies as a file.
#[must_use]
pub fn prebuilt(name: &str) -> PathBuf {
    repository()
        .join("policies/prebuilt")
        .join(format!("{name}.wasm"))
}

/// The folder of the program under test, for the path of others.
#[must_use]
pub fn program_folder() -> PathBuf {
    program().parent().map(Path::to_owned).unwrap_or_default()
}
