//! Which token opens which session.
//!
//! A program has its token from a variable, where it stays the same, or from a file that it reads
//! each time that it asks: the token there changes every hour, with each start, and when a person
//! wants it to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dayfly_dialog::CliError;
use dayfly_vault::{SecretString, private_file};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How long a token stands in a file.
pub const TURN: Duration = Duration::from_secs(3_600);
/// How long the one before still opens: a program may have read it just before it changed.
const GRACE: Duration = Duration::from_secs(60);

/// The tokens, by session id. Where they have a file, programs keep working across a restart.
#[derive(Debug)]
pub struct Tokens {
    path: Option<PathBuf>,
    /// The folder of the files with a token each.
    folder: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    port: Option<u16>,
    /// Those that programs have from a variable.
    tokens: BTreeMap<String, SecretString>,
    /// Those that stand in files.
    filed: BTreeMap<String, Filed>,
}

#[derive(Debug)]
struct Filed {
    token: SecretString,
    before: Option<(SecretString, Instant)>,
}

#[derive(Default, Deserialize, Serialize)]
struct File {
    port: Option<u16>,
    tokens: BTreeMap<String, String>,
    /// The sessions with a file.
    #[serde(default)]
    filed: Vec<String>,
}

impl File {
    fn read(path: &Path) -> Self {
        let text = private_file::read(path).ok().flatten();
        let text = zeroize::Zeroizing::new(text.unwrap_or_default());
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

impl Tokens {
    /// The port that is kept in this file, for who only looks.
    pub fn kept_port(path: &Path) -> Option<u16> {
        File::read(path).port
    }

    /// Tokens that live as long as this process; files with them go into this folder.
    pub fn fleeting(folder: &Path) -> Self {
        Self {
            path: None,
            folder: folder.to_owned(),
            inner: Mutex::default(),
        }
    }

    /// Tokens that are kept in this file. One that cannot be read is begun anew. Where files with
    /// a token were given out, new ones are written.
    pub fn kept(path: &Path, folder: &Path) -> Self {
        let file = File::read(path);
        let tokens = file.tokens.into_iter();
        let this = Self {
            path: Some(path.to_owned()),
            folder: folder.to_owned(),
            inner: Mutex::new(Inner {
                port: file.port,
                tokens: tokens.map(|(id, t)| (id, SecretString::from(t))).collect(),
                filed: BTreeMap::new(),
            }),
        };
        for session in file.filed {
            // A program may have read the earlier one while nobody answered.
            let before = private_file::read(&this.file_of(&session)).ok().flatten();
            let before = before.and_then(|text| String::from_utf8(text).ok());
            let before = before
                .filter(|text| !text.is_empty())
                .map(SecretString::from);
            // One that cannot be written is tried again when somebody asks for it.
            let _ = this.write(&mut this.lock(), &session, before);
        }
        this
    }

    /// The port that was used before.
    pub fn port(&self) -> Option<u16> {
        self.lock().port
    }

    /// Remembers the port.
    pub(crate) fn set_port(&self, port: u16) -> Result<(), CliError> {
        let mut inner = self.lock();
        if inner.port == Some(port) {
            return Ok(());
        }
        let before = inner.port.replace(port);
        if before.is_some() {
            // Somebody else has the port of before, to whom programs may have shown their tokens
            // since. Nothing is lost by new ones: these programs do not find this port.
            inner.tokens.clear();
        }
        self.keep(&inner)
    }

    /// The token of a session for a variable; made where there is none.
    pub fn token(&self, session: &str) -> Result<SecretString, CliError> {
        let mut inner = self.lock();
        if let Some(token) = inner.tokens.get(session) {
            return Ok(token.clone());
        }
        let token = random();
        inner.tokens.insert(session.to_owned(), token.clone());
        if let Err(trouble) = self.keep(&inner) {
            // One that a restart would forget is given to nobody.
            inner.tokens.remove(session);
            return Err(trouble);
        }
        Ok(token)
    }

    /// The file with the token of a session; written where there is none.
    pub fn file(&self, session: &str) -> Result<PathBuf, CliError> {
        let mut inner = self.lock();
        let path = self.file_of(session);
        if !inner.filed.contains_key(session) || !path.exists() {
            self.write(&mut inner, session, None)?;
            if let Err(trouble) = self.keep(&inner) {
                inner.filed.remove(session);
                return Err(trouble);
            }
        }
        Ok(path)
    }

    /// Makes the tokens of a session new at once: who has an earlier one from a variable is
    /// refused from now on, and who reads a file goes on.
    pub fn renew(&self, session: &str) -> Result<(), CliError> {
        let mut inner = self.lock();
        inner.tokens.remove(session);
        let filed = inner.filed.remove(session).is_some();
        if filed {
            // A restart would take what stands there for a token that opens.
            let _ = std::fs::remove_file(self.file_of(session));
        }
        // Before anything else can fail: what was revoked stays revoked across a restart.
        self.keep(&inner).map_err(|trouble| {
            let hint = "Dayfly refuses the earlier tokens until the engine restarts; free some \
                        space, then run the command again";
            trouble.hint(hint)
        })?;
        if filed {
            self.write(&mut inner, session, None)?;
            self.keep(&inner)?;
        }
        Ok(())
    }

    /// Puts a new token into each file; the earlier ones open for a while yet.
    pub fn turn(&self) -> Result<(), CliError> {
        let mut inner = self.lock();
        let filed = inner.filed.iter();
        let filed: Vec<(String, SecretString)> = filed
            .map(|(session, filed)| (session.clone(), filed.token.clone()))
            .collect();
        let turned = filed
            .into_iter()
            .map(|(session, before)| self.write(&mut inner, &session, Some(before)));
        turned.fold(Ok(()), Result::and)
    }

    /// Takes the files away of what lives as long as this process.
    pub(crate) fn sweep(&self) {
        if self.path.is_some() {
            return;
        }
        for session in self.lock().filed.keys() {
            let _ = std::fs::remove_file(self.file_of(session));
        }
        // Only an empty one goes.
        let _ = std::fs::remove_dir(&self.folder);
    }

    /// Whether this is a token of that session. Takes as long for every wrong one: digests are
    /// compared, of which a caller does not know how they begin.
    pub fn opens(&self, session: &str, token: &[u8]) -> bool {
        let given = Sha256::digest(token);
        let inner = self.lock();
        let filed = inner.filed.get(session);
        let before = filed.and_then(|filed| filed.before.as_ref());
        let before = before.filter(|(_, since)| since.elapsed() < GRACE);
        let known = [
            inner.tokens.get(session),
            filed.map(|filed| &filed.token),
            before.map(|(token, _)| token),
        ];
        known.into_iter().fold(false, |opens, known| {
            let right = known.map(|t| t.expose().as_bytes());
            let same = Sha256::digest(right.unwrap_or_default()) == given;
            opens | (same & known.is_some())
        })
    }

    /// Puts a new token into the file of a session. No line ends there: what a program sends is
    /// the file as it is.
    fn write(
        &self,
        inner: &mut Inner,
        session: &str,
        before: Option<SecretString>,
    ) -> Result<(), CliError> {
        let token = random();
        let path = self.file_of(session);
        private_file::create_folder(&self.folder)
            .and_then(|()| private_file::write(&path, token.expose().as_bytes()))
            .map_err(|e| cannot_write(&path, &e))?;
        let before = before.map(|token| (token, Instant::now()));
        let filed = Filed { token, before };
        inner.filed.insert(session.to_owned(), filed);
        Ok(())
    }

    /// Named by a digest, as an id can have anything in it.
    fn file_of(&self, session: &str) -> PathBuf {
        let digest = Sha256::digest(session.as_bytes());
        let name: String = digest.iter().take(12).map(|b| format!("{b:02x}")).collect();
        self.folder.join(name)
    }

    fn keep(&self, inner: &Inner) -> Result<(), CliError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let tokens = inner.tokens.iter();
        let file = File {
            port: inner.port,
            tokens: tokens
                .map(|(id, token)| (id.clone(), token.expose().to_owned()))
                .collect(),
            filed: inner.filed.keys().cloned().collect(),
        };
        let text = serde_json::to_vec(&file).map_err(|e| cannot_write(path, &e))?;
        let text = zeroize::Zeroizing::new(text);
        private_file::write(path, &text).map_err(|e| cannot_write(path, &e))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.sweep();
    }
}

/// 244 random bits of the operating system.
pub fn random() -> SecretString {
    let halves = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    SecretString::from(halves.map(|half| half.simple().to_string()).concat())
}

fn cannot_write(path: &Path, error: &impl std::fmt::Display) -> CliError {
    CliError::failed(format!("Dayfly cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn opens(tokens: &Tokens, session: &str, token: &SecretString) -> bool {
        tokens.opens(session, token.expose().as_bytes())
    }

    fn read(path: &Path) -> SecretString {
        SecretString::from(std::fs::read_to_string(path).unwrap())
    }

    #[test]
    fn each_session_has_its_own_and_they_outlive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endpoint.json");
        let tokens = Tokens::kept(&path, folder.path());
        let (a, b) = (tokens.token("a").unwrap(), tokens.token("b").unwrap());
        assert_ne!(a, b);
        tokens.set_port(4_242).unwrap();
        let again = Tokens::kept(&path, folder.path());
        assert_eq!(
            (again.port(), again.token("a").unwrap()),
            (Some(4_242), a.clone())
        );
        assert!(opens(&again, "a", &a));
        assert!(!opens(&again, "b", &a));
        assert!(!again.opens("a", b""));
        assert!(!again.opens("none", b""));
    }

    #[test]
    fn a_token_in_a_file_changes_and_the_one_before_opens_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endpoint.json");
        let tokens = Tokens::kept(&path, &folder.path().join("tokens"));
        let file = tokens.file("a/../b").unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let first = read(&file);
        assert_eq!(first.expose().trim(), first.expose());
        assert_eq!(tokens.file("a/../b").unwrap(), file);
        assert_eq!(read(&file), first);
        assert!(opens(&tokens, "a/../b", &first));
        let lasting = tokens.token("a/../b").unwrap();
        tokens.turn().unwrap();
        let second = read(&file);
        assert_ne!(first, second);
        for token in [&first, &second, &lasting] {
            assert!(opens(&tokens, "a/../b", token));
        }
        // What is made new at once leaves no earlier one.
        tokens.renew("a/../b").unwrap();
        let third = read(&file);
        for token in [&first, &second, &lasting] {
            assert!(!opens(&tokens, "a/../b", token));
        }
        assert!(opens(&tokens, "a/../b", &third));
        // A restart writes a new one into the same file.
        drop(tokens);
        let again = Tokens::kept(&path, &folder.path().join("tokens"));
        assert_ne!(read(&file), third);
        assert!(opens(&again, "a/../b", &read(&file)));
        assert!(opens(&again, "a/../b", &third));
        assert!(!opens(&again, "a/../b", &second));
    }

    #[test]
    fn what_was_revoked_stays_revoked_although_no_new_one_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endpoint.json");
        let inside = folder.path().join("tokens");
        let tokens = Tokens::kept(&path, &inside);
        let lasting = tokens.token("a").unwrap();
        let first = read(&tokens.file("a").unwrap());
        // No new file can be made in what is no folder.
        std::fs::remove_dir_all(&inside).unwrap();
        std::fs::write(&inside, "").unwrap();
        tokens.renew("a").unwrap_err();
        drop(tokens);
        let again = Tokens::kept(&path, &inside);
        for token in [&first, &lasting] {
            assert!(!opens(&again, "a", token));
        }
    }

    #[test]
    fn a_token_that_cannot_be_kept_is_given_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        std::fs::create_dir(&gone).unwrap();
        let tokens = Tokens::kept(&gone.join("endpoint.json"), &folder.path().join("tokens"));
        std::fs::remove_dir(&gone).unwrap();
        std::fs::write(&gone, "").unwrap();
        for _ in 0..2 {
            tokens.token("a").unwrap_err();
            tokens.file("a").unwrap_err();
        }
    }

    #[test]
    fn a_port_that_another_has_makes_tokens_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endpoint.json");
        let tokens = Tokens::kept(&path, folder.path());
        tokens.set_port(4_242).unwrap();
        let token = tokens.token("a").unwrap();
        tokens.set_port(4_242).unwrap();
        assert!(opens(&tokens, "a", &token));
        tokens.set_port(4_243).unwrap();
        assert!(!opens(&tokens, "a", &token));
    }

    #[test]
    fn what_is_fleeting_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("tokens");
        let tokens = Tokens::fleeting(&inside);
        let file = tokens.file("a").unwrap();
        assert!(file.exists());
        drop(tokens);
        assert!(!file.exists() && !inside.exists());
    }
}
