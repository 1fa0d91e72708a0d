//! A proxy in front of an STS that has bad days.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::federation::free_port;
use crate::ministack::Ministack;
use crate::wait::until;

/// The proxy, for as long as this lives.
#[derive(Debug)]
pub struct BadDays {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl BadDays {
    /// Starts one in front of an emulator; none where it is not installed and need not be.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn before(sts: &Ministack) -> Option<Self> {
        let program = crate::authoring::variable("DAYFLY_TEST_MITMDUMP")?;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("day"), "").expect("a file is written");
        let port = free_port();
        let addon = Path::new(env!("CARGO_MANIFEST_DIR")).join("fakes/bad_days.py");
        let child = Command::new(program)
            .args(["-q", "--mode", &format!("reverse:{}", sts.endpoint())])
            .args(["--listen-host", "127.0.0.1", "-p", &port.to_string()])
            // What was signed is signed for it.
            .args(["--set", "keep_host_header=true", "-s"])
            .arg(addon)
            .env("BAD_DAY", folder.path().join("day"))
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mitmdump runs");
        let this = Self {
            child,
            port,
            folder,
        };
        until(Duration::from_secs(60), "mitmdump listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(this)
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it does from now on: `error`, `throttle`, `expired`, `nonsense`, `hang`, `drop`, `cut`, or nothing.
    ///
    /// # Panics
    /// It cannot be told.
    pub fn begin(&self, day: &str) {
        // In one step, since it may be read at any time.
        let next = self.folder.path().join("next");
        std::fs::write(&next, day).expect("a file is written");
        std::fs::rename(next, self.file()).expect("a file is written");
    }

    /// How many requests came on such days.
    #[must_use]
    pub fn requests(&self, day: &str) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("day.log")).unwrap_or_default();
        log.lines().filter(|line| *line == day).count()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("day")
    }
}

impl Drop for BadDays {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
