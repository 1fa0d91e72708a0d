//! The program that is installed now goes on in the place of this one.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_host::vault;
use dayfly_runtime::Home;
use dayfly_supervisor::Sockets;
use tokio::signal::unix::Signal;

use crate::terminal::{print, warn};

/// How long the new program may take to tell its version.
const TRIED: Duration = Duration::from_secs(10);

/// What is run anew: the program of this process, as it was called.
#[derive(Debug)]
pub(crate) struct Upgrade {
    /// Where the program was when the process began: another may stand there now. None: the system does not tell.
    program: Option<PathBuf>,
    args: Vec<OsString>,
}

impl Upgrade {
    pub(crate) fn of_this_program() -> Self {
        Self {
            program: std::env::current_exe().ok(),
            args: std::env::args_os().skip(1).collect(),
        }
    }

    /// Waits until another program is wanted, and can go on. One that cannot is told, and this one goes on.
    pub(crate) async fn wanted(&self, home: &Home, signal: &mut Signal) {
        loop {
            if signal.recv().await.is_none() {
                return std::future::pending().await;
            }
            match self.check(home).await {
                Ok(version) => {
                    print(&format!("{version} goes on in the place of this engine\n"));
                    return;
                }
                Err(trouble) => warn(&trouble.to_string()),
            }
        }
    }

    /// The version of the program that would go on.
    async fn check(&self, home: &Home) -> Result<String, CliError> {
        let refused = |why: String| CliError::failed(format!("this engine goes on: {why}"));
        if vault::needs_person(home) {
            let why = "the vault's passphrase was typed in, and another process does not have it";
            let hint = "end this engine and start it again, or name a file with the passphrase in \
                        DAYFLY_PASSPHRASE_FILE";
            return Err(refused(why.to_owned()).hint(hint));
        }
        let Some(program) = &self.program else {
            let why = "the system does not tell which program this is";
            return Err(refused(why.to_owned()).hint("end it and start it again"));
        };
        let shown = program.display();
        let mut command = tokio::process::Command::new(program);
        command.arg("--version").stdin(Stdio::null());
        command.kill_on_drop(true);
        let output = tokio::time::timeout(TRIED, command.output());
        let output = output.await.unwrap_or_else(|_| {
            let late = format!("it does not tell its version within {TRIED:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, late))
        });
        let hint = "install Dayfly there again, then send SIGUSR2 again";
        let output =
            output.map_err(|e| refused(format!("{shown} cannot be run: {e}")).hint(hint))?;
        let version = String::from_utf8_lossy(&output.stdout);
        let version = version.lines().next().unwrap_or_default().trim();
        if !output.status.success() || !version.starts_with("dayfly ") {
            let why = format!("{shown} --version does not tell a version of Dayfly");
            return Err(refused(why).hint(hint));
        }
        Ok(version.replacen("dayfly", "Dayfly", 1))
    }

    /// Has it go on; returns where the system does not run it.
    pub(crate) fn replace(&self, sockets: &Sockets) -> CliError {
        let program = self.program.clone().unwrap_or_default();
        let error = dayfly_supervisor::replace(&program, &self.args, sockets);
        let message = format!(
            "the engine ended, and {} cannot be run in its place: {error}",
            program.display()
        );
        CliError::failed(message).hint("start the engine again")
    }
}
