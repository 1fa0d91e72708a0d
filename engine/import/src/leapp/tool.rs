//! Leapp and what came after it: where they keep what, and whether they run.

use std::os::unix::net::UnixStream;
use std::path::Path;

/// A program with Leapp's model.
#[derive(Debug)]
pub(super) struct Tool {
    /// The word for the source.
    pub(super) name: &'static str,
    /// What the program calls itself, and its items in the keyring.
    pub(super) title: &'static str,
    /// Its folder in the home.
    pub(super) folder: &'static str,
    /// Its Workspace.
    pub(super) file: &'static str,
    /// The program that profiles call.
    pub(super) program: &'static str,
}

/// Leapp.
pub(super) const LEAPP: Tool = Tool {
    name: "leapp",
    title: "Leapp",
    folder: ".Leapp",
    file: "Leapp-lock.json",
    program: "leapp",
};

/// Its heir, with the same model under other names.
pub(super) const HOPKEY: Tool = Tool {
    name: "hopkey",
    title: "Hopkey",
    folder: ".hopkey",
    file: "hopkey-lock.json",
    program: "hopkey",
};

impl Tool {
    /// The id of the session that a profile's `credential_process` asks this tool for.
    ///
    /// Source: Leapp, `aws-session-service.ts`: `leapp session generate ID`.
    pub(super) fn session_of<'a>(&self, process: &'a str) -> Option<&'a str> {
        let mut words = process.split_whitespace();
        let program = words.next()?.rsplit('/').next()?;
        let is_it = program.trim_matches(['"', '\'']) == self.program;
        (is_it && words.next() == Some("session") && words.next() == Some("generate"))
            .then(|| words.next())?
    }

    /// Whether the program runs: its window answers its command line, or holds the lock that keeps it from
    /// being started twice.
    ///
    /// Source: node-ipc 9 (`/tmp/app.` and the server's id), Leapp, `constants.ts` (`leapp_da`); Chromium,
    /// `process_singleton_posix.cc` (a link that names host and process).
    pub(super) fn is_running(&self, home: &Path) -> bool {
        let socket = format!("/tmp/app.{}_da", self.name);
        if UnixStream::connect(socket).is_ok() {
            return true;
        }
        let folders = [
            home.join(".config").join(self.title),
            home.join(".config").join(self.name),
            home.join("Library/Application Support").join(self.title),
        ];
        folders.iter().any(|folder| {
            let link = std::fs::read_link(folder.join("SingletonLock"));
            let pid = link.ok().and_then(|link| {
                let (_, pid) = link.to_str()?.rsplit_once('-')?;
                rustix::process::Pid::from_raw(pid.parse().ok()?)
            });
            // One that may not be asked is there.
            pid.is_some_and(|pid| {
                rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
            })
        })
    }
}
