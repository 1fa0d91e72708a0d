//! The running program.

use std::path::Path;
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
        Self::spawn(home).answering(home)
    }

    /// The same, once it answers.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn answering(self, home: &Home) -> Self {
        let this = self;
        within(Duration::from_secs(90), "the engine answers", || {
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
        Self::spawn_under(home, &[], &home.path().join("run.log"))
    }

    /// Starts it as the argument of another program, which is to become it, and has its output
    /// in this file.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn spawn_under(home: &Home, wrapper: &[&str], output: &Path) -> Self {
        let output = output.to_owned();
        let append = || {
            let mut options = std::fs::OpenOptions::new();
            options.append(true).create(true);
            options.open(&output).expect("a log")
        };
        let program = home.command(["run", "--verbose"]);
        let mut command = match wrapper {
            [] => program,
            [first, rest @ ..] => {
                let mut command = std::process::Command::new(first);
                command
                    .args(rest)
                    .arg(program.get_program())
                    .args(program.get_args());
                command.env_clear();
                command.envs(
                    program
                        .get_envs()
                        .filter_map(|(key, value)| Some((key, value?))),
                );
                command
            }
        };
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

    /// Whether it still runs.
    ///
    /// # Panics
    /// It cannot be asked for.
    #[must_use]
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    /// Stops it in the middle of whatever it does, as a machine that sleeps does.
    ///
    /// # Panics
    /// It does not run.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// It does not run.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
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
