//! The folders and files that one Dayfly uses.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

/// The folders of one Dayfly: what the person writes, and what the engine keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    folder: PathBuf,
    state: PathBuf,
}

/// The longest path that a Unix socket can have everywhere, in bytes.
const SOCKET_PATH_MAX: usize = 100;

impl Home {
    /// A home with a folder of its own for what the engine keeps.
    #[must_use]
    pub fn new(folder: PathBuf, state: PathBuf) -> Self {
        Self { folder, state }
    }

    /// A home that is all in one folder.
    #[must_use]
    pub fn in_one(folder: PathBuf) -> Self {
        let state = folder.join("state");
        Self { folder, state }
    }

    /// What the person writes is in here.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the engine keeps is in here.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The Workspace.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.folder.join("workspace.json")
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join("dayfly.toml")
    }

    /// A copy of the configuration that was in force last.
    #[must_use]
    pub fn last_config(&self) -> PathBuf {
        self.state.join("last-dayfly.toml")
    }

    /// The files that credentials were put into, so that they are taken away there too.
    #[must_use]
    pub fn destinations(&self) -> PathBuf {
        self.state.join("destinations.json")
    }

    /// Long-lived secrets, encrypted.
    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.folder.join("vault.age")
    }

    /// The key to them, where it is kept in a file.
    #[must_use]
    pub fn vault_key(&self) -> PathBuf {
        self.folder.join("vault.key")
    }

    /// The same where a passphrase opens it.
    #[must_use]
    pub fn wrapped_vault_key(&self) -> PathBuf {
        self.folder.join("vault.key.age")
    }

    /// What was seen of the vault and of `dayfly.lock`, under a code made with the vault's key.
    #[must_use]
    pub fn seen(&self) -> PathBuf {
        self.state.join("seen.json")
    }

    /// What the last import did, so that it can be taken back.
    #[must_use]
    pub fn import_record(&self) -> PathBuf {
        self.state.join("import.json")
    }

    /// Temporary credentials that stand in no file of other programs, encrypted.
    #[must_use]
    pub fn kept(&self) -> PathBuf {
        self.state.join("kept.age")
    }

    /// The folder of the journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.state.join("journal")
    }

    /// The folder of what policies were asked and answered, where that is kept.
    #[must_use]
    pub fn recording(&self) -> PathBuf {
        self.state.join("recording")
    }

    /// What the person said of sessions and is to outlive a restart.
    #[must_use]
    pub fn words(&self) -> PathBuf {
        self.state.join("words.json")
    }

    /// Profiles of browsers, in which consoles are open side by side.
    #[must_use]
    pub fn browsers(&self) -> PathBuf {
        self.state.join("browsers")
    }

    /// Which sessions the person uses most.
    #[must_use]
    pub fn uses(&self) -> PathBuf {
        self.state.join("uses.json")
    }

    /// What policy entries remember.
    #[must_use]
    pub fn memories(&self) -> PathBuf {
        self.state.join("policies")
    }

    /// Compiled policies.
    #[must_use]
    pub fn code(&self) -> PathBuf {
        self.state.join("code")
    }

    /// Port and tokens of the endpoint for programs.
    #[must_use]
    pub fn endpoint(&self) -> PathBuf {
        self.state.join("endpoint.json")
    }

    /// Files with a token of the endpoint each, for programs that read it there.
    #[must_use]
    pub fn tokens(&self) -> PathBuf {
        self.state.join("tokens")
    }

    /// Locked by the one engine that works on this home.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.state.join("engine.lock")
    }

    /// Locked by whoever replaces a long-lived key.
    #[must_use]
    pub fn key_rotation_lock(&self) -> PathBuf {
        self.state.join("key-rotation.lock")
    }

    /// A word for this home, the same at all times and of no other: what it publishes is marked
    /// with it.
    #[must_use]
    pub fn word(&self) -> String {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(self.folder.as_os_str().as_encoded_bytes());
        HEXLOWER.encode(digest.get(..6).unwrap_or_default())
    }

    /// Where the running engine listens. A folder of its own beside the state, or, where that
    /// path is too long for a socket, one of this user in the folder for temporary files.
    ///
    /// It follows from the home alone. `XDG_RUNTIME_DIR` is not asked: a service manager, cron, sudo and a
    /// second login have another one, or none, and then a command would not find the engine that runs.
    /// Who connects has to check that the engine is this user's: others may make folders there, too.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let near = self.state.join("engine.sock");
        if near.as_os_str().len() <= SOCKET_PATH_MAX {
            return near;
        }
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(self.state.as_os_str().as_encoded_bytes());
        let name = HEXLOWER.encode(digest.get(..8).unwrap_or_default());
        let user = rustix::process::geteuid().as_raw();
        PathBuf::from(format!("/tmp/dayfly-{user}/{name}.sock"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_home_still_has_a_socket() {
        let deep = Home::in_one(PathBuf::from("/").join("d".repeat(90)));
        assert!(deep.socket().as_os_str().len() <= SOCKET_PATH_MAX);
        let other = Home::in_one(PathBuf::from("/").join("e".repeat(90)));
        assert_ne!(deep.socket(), other.socket());
        let flat = Home::in_one("/h".into());
        assert_eq!(flat.socket(), Path::new("/h/state/engine.sock"));
    }
}
