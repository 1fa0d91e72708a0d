//! Which token opens which session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dayfly_vault::{SecretString, private_file};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::trouble::Trouble;

/// The tokens, by session id. Where they have a file, programs keep working across a restart.
#[derive(Debug)]
pub(crate) struct Tokens {
    path: Option<PathBuf>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    port: Option<u16>,
    tokens: BTreeMap<String, SecretString>,
}

#[derive(Default, Deserialize, Serialize)]
struct File {
    port: Option<u16>,
    tokens: BTreeMap<String, String>,
}

impl Tokens {
    /// Tokens that live as long as this process.
    pub(crate) fn fleeting() -> Self {
        Self {
            path: None,
            inner: Mutex::default(),
        }
    }

    /// Tokens that are kept in this file. One that cannot be read is begun anew.
    pub(crate) fn kept(path: &Path) -> Self {
        let text = private_file::read(path).ok().flatten();
        let file: File = text
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let tokens = file.tokens.into_iter();
        Self {
            path: Some(path.to_owned()),
            inner: Mutex::new(Inner {
                port: file.port,
                tokens: tokens.map(|(id, t)| (id, SecretString::from(t))).collect(),
            }),
        }
    }

    /// The port that was used before.
    pub(crate) fn port(&self) -> Option<u16> {
        self.lock().port
    }

    /// Remembers the port.
    pub(crate) fn set_port(&self, port: u16) -> Result<(), Trouble> {
        let mut inner = self.lock();
        if inner.port == Some(port) {
            return Ok(());
        }
        inner.port = Some(port);
        self.keep(&inner)
    }

    /// The token of a session; made where there is none.
    pub(crate) fn token(&self, session: &str) -> Result<SecretString, Trouble> {
        let mut inner = self.lock();
        if let Some(token) = inner.tokens.get(session) {
            return Ok(token.clone());
        }
        // 244 random bits of the operating system.
        let halves = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let token = SecretString::from(halves.map(|half| half.simple().to_string()).concat());
        inner.tokens.insert(session.to_owned(), token.clone());
        self.keep(&inner)?;
        Ok(token)
    }

    /// Whether this is the token of that session. Takes as long for every wrong one: digests are
    /// compared, of which a caller does not know how they begin.
    pub(crate) fn opens(&self, session: &str, token: &[u8]) -> bool {
        let inner = self.lock();
        let right = inner.tokens.get(session).map(|t| t.expose().as_bytes());
        let known = right.is_some();
        Sha256::digest(right.unwrap_or_default()) == Sha256::digest(token) && known
    }

    fn keep(&self, inner: &Inner) -> Result<(), Trouble> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let tokens = inner.tokens.iter();
        let file = File {
            port: inner.port,
            tokens: tokens
                .map(|(id, token)| (id.clone(), token.expose().to_owned()))
                .collect(),
        };
        let failed =
            |e: String| Trouble::failed(format!("{} cannot be written: {e}", path.display()));
        let text = serde_json::to_vec(&file).map_err(|e| failed(e.to_string()))?;
        let text = zeroize::Zeroizing::new(text);
        private_file::write(path, &text).map_err(|e| failed(e.to_string()))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_has_its_own_and_they_outlive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endpoint.json");
        let tokens = Tokens::kept(&path);
        let (a, b) = (tokens.token("a").unwrap(), tokens.token("b").unwrap());
        assert_ne!(a, b);
        tokens.set_port(4_242).unwrap();
        let again = Tokens::kept(&path);
        assert_eq!(
            (again.port(), again.token("a").unwrap()),
            (Some(4_242), a.clone())
        );
        assert!(again.opens("a", a.expose().as_bytes()));
        assert!(!again.opens("b", a.expose().as_bytes()));
        assert!(!again.opens("a", b""));
        assert!(!again.opens("none", b""));
    }
}
