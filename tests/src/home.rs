//! A throw-away home, and the program run on it once.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A home with its Workspace, configuration, vault and credentials file; gone when dropped.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
    environment: Vec<(String, OsString)>,
}

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it said of errors.
    pub err: String,
}

impl Ended {
    /// How a program ended.
    ///
    /// # Panics
    /// It printed what is no text.
    #[must_use]
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("the program prints UTF-8"),
            err: String::from_utf8(output.stderr).expect("the program prints UTF-8"),
        }
    }

    /// The same, where it went well.
    ///
    /// # Panics
    /// It did not.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// What it printed, as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

/// The program under test: the one that `DAYFLY_TEST_PROGRAM` names, else that which is built
/// beside the tests.
///
/// # Panics
/// It is not built.
#[must_use]
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("DAYFLY_TEST_PROGRAM") {
        return program.into();
    }
    let here = std::env::current_exe().expect("a test knows where it is");
    let folder = here.parent().and_then(Path::parent);
    let program = folder.expect("a test is in target/").join("dayfly");
    assert!(
        program.exists(),
        "{} is missing: cargo build -p dayfly",
        program.display()
    );
    program
}

impl Home {
    /// An empty home.
    ///
    /// # Panics
    /// There is no room for one.
    #[must_use]
    pub fn new() -> Self {
        crate::watch::begin();
        let folder = tempfile::Builder::new().prefix("dayfly-test-").tempdir();
        Self {
            folder: folder.expect("a folder"),
            environment: Vec::new(),
        }
    }

    /// An empty home in this folder.
    ///
    /// # Panics
    /// There is no room for one.
    #[must_use]
    pub fn new_in(folder: &Path) -> Self {
        crate::watch::begin();
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix("dayfly-test-").tempdir_in(folder);
        Self {
            folder: folder.expect("a folder"),
            environment: Vec::new(),
        }
    }

    /// Sets a variable for whatever is run on this home from now on.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The Workspace file.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.path().join("workspace.json")
    }

    /// The credentials file.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.path().join(".aws").join("credentials")
    }

    /// Writes a file as a text editor does: a new one in the place of the old.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn save(&self, path: &Path, text: &str) {
        let part = path.with_extension("part");
        std::fs::write(&part, text).expect("a file is written");
        std::fs::rename(part, path).expect("a file is renamed");
    }

    /// Writes the Workspace.
    pub fn save_workspace(&self, workspace: &Value) {
        self.save(&self.workspace(), &format!("{workspace:#}\n"));
    }

    /// Writes the configuration.
    pub fn save_config(&self, text: &str) {
        self.save(&self.path().join("dayfly.toml"), text);
    }

    /// The program on this home, with nothing of the caller's environment but the path.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("DAYFLY_HOME", self.path())
            .env("TZ", "UTC")
            // No keyring of whoever runs the tests; a test that wants one says which.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .args(args)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program on this home.
    ///
    /// # Panics
    /// It cannot be run.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        Ended::of(self.command(args).output().expect("the program runs"))
    }

    /// Runs the program with something on its standard input.
    ///
    /// # Panics
    /// It cannot be run.
    pub fn run_with<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &str,
    ) -> Ended {
        use std::io::Write as _;
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("it has an input");
        // One that does not want it may be gone already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Ended::of(child.wait_with_output().expect("the program ends"))
    }

    /// What `dayfly status --json` knows, whether or not all is well.
    #[must_use]
    pub fn report(&self) -> Value {
        self.run(["status", "--json"]).json()
    }

    /// What `dayfly status --json` knows of the session with this name.
    ///
    /// # Panics
    /// The program does not tell.
    #[must_use]
    pub fn session(&self, name: &str) -> Option<Value> {
        let report = self.report();
        let sessions = report["sessions"].as_array().cloned().unwrap_or_default();
        sessions.into_iter().find(|s| s["name"] == name)
    }

    /// The status of the session with this name; empty where there is none.
    #[must_use]
    pub fn status(&self, name: &str) -> String {
        let session = self.session(name);
        let status = session.as_ref().and_then(|s| s["status"].as_str());
        status.unwrap_or_default().to_owned()
    }

    /// What the control socket of a running engine answers to a request.
    ///
    /// # Panics
    /// None runs, or it answers something else than JSON.
    #[must_use]
    pub fn socket(&self, request: &str) -> Value {
        use std::io::{Read as _, Write as _};
        let path = self.path().join("state/engine.sock");
        let stream = std::os::unix::net::UnixStream::connect(path);
        let mut stream = stream.expect("the socket is there");
        let sent = stream.write_all(format!("{request}\n").as_bytes());
        sent.expect("it is taken");
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        read.expect("it is answered");
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }

    /// The text of the credentials file; empty where there is none.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn credentials_text(&self) -> String {
        match std::fs::read_to_string(self.credentials()) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => panic!("the credentials file cannot be read: {e}"),
        }
    }

    /// Every file in this home and its content.
    ///
    /// # Panics
    /// One cannot be read.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder is read") {
                let entry = entry.expect("a folder is read");
                let kind = entry.file_type().expect("a file has a type");
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    let content = std::fs::read(entry.path()).expect("a file is read");
                    files.push((entry.path(), content));
                }
            }
        }
        files
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}
