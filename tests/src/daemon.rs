//! The running program.

use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::home::Home;
use crate::wait::{until, within};

/// `dayfly run` on a home; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    output: std::path::PathBuf,
}

impl Daemon {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn start(home: &Home) -> Self {
        let this = Self::spawn(home);
        within(Duration::from_secs(20), "the engine answers", || {
            let status = home.run(["status", "--json"]);
            match status.json()["engine"].is_object() {
                true => Ok(()),
                false => Err(this.output()),
            }
        });
        this
    }

    /// Starts it.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn spawn(home: &Home) -> Self {
        let output = home.path().join("run.log");
        let append = || {
            let mut options = std::fs::OpenOptions::new();
            options.append(true).create(true);
            options.open(&output).expect("a log")
        };
        let mut command = home.command(["run", "--verbose"]);
        command
            .stdout(append())
            .stderr(append())
            .stdin(Stdio::null());
        let child = command.spawn().expect("the program runs");
        Self { child, output }
    }

    /// What it printed.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).expect("the log is read")
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a process has an id");
        kill_process(pid, signal).expect("a signal is sent");
    }

    /// SIGTERM; waits for its end and gives back the exit code.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn terminate(mut self) -> i32 {
        self.signal(Signal::TERM);
        until(Duration::from_secs(15), "the engine ends", || {
            self.child.try_wait().expect("it is ours").is_some()
        });
        let status = self.child.wait().expect("it is ours");
        status.code().unwrap_or(-1)
    }

    /// SIGKILL, at once.
    ///
    /// # Panics
    /// It cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
