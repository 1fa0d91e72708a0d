//! The folder in which the AWS CLI, the SDKs and Dayfly share sign-ins to the console.
//!
//! As with the sign-ins to portals, nobody but us takes our lock, and all of them put whole files into
//! their places: what is written takes the place of what was read just before, or is not written.

use std::path::PathBuf;
use std::time::Duration;

use data_encoding::HEXLOWER;
use dayfly_vault::private_file::PrivateFileError;
use dayfly_vault::shared_file::{self, SharedFile};
use sha2::{Digest as _, Sha256};

use super::token_file::LoginToken;

/// The longest file that is read, in bytes.
const LIMIT: u64 = 64 << 10;
/// How long another process may keep a file locked: as long as a renewal may take.
const LOCK: Duration = Duration::from_secs(30);
/// How often a write is started again because somebody else wrote in between.
const TRIES: u32 = 10;

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Cache(Option<PathBuf>);

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CacheError {
    /// There is no folder to use.
    #[error("this user has no home directory for .aws/login/cache")]
    NoHome,
    /// A file cannot be used.
    #[error("{0}")]
    File(#[from] PrivateFileError),
    /// Others kept writing.
    #[error("other programs kept changing {} while Dayfly tried to write it", .0.display())]
    Busy(PathBuf),
    /// It holds something else.
    #[error("{} does not hold a sign-in: {problem}", path.display())]
    Strange {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl CacheError {
    /// Whether a new sign-in mends it.
    pub(super) const fn mends(&self) -> bool {
        matches!(self, Self::Strange { .. })
    }
}

impl Cache {
    /// The folder that is configured, or else the AWS CLI's.
    ///
    /// Source: botocore, `get_login_token_cache_directory`.
    pub(super) fn at(folder: Option<PathBuf>) -> Self {
        let home = || std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let named = || {
            let named = PathBuf::from(std::env::var_os("AWS_LOGIN_CACHE_DIRECTORY")?);
            match named.strip_prefix("~") {
                Ok(rest) => Some(home()?.join(rest)),
                Err(_) => Some(named),
            }
        };
        let usual = || Some(home()?.join(".aws").join("login").join("cache"));
        Self(folder.or_else(named).or_else(usual))
    }

    /// The file of a sign-in.
    ///
    /// Source: botocore, `generate_login_cache_key`.
    pub(super) fn path(&self, login_session: &str) -> Result<PathBuf, CacheError> {
        let folder = self.0.as_ref().ok_or(CacheError::NoHome)?;
        let hex = HEXLOWER.encode(&Sha256::digest(login_session.as_bytes()));
        Ok(folder.join(hex).with_extension("json"))
    }

    /// The sign-in as it stands; none where there is none.
    pub(super) fn peek(&self, login_session: &str) -> Result<Option<LoginToken>, CacheError> {
        let path = self.path(login_session)?;
        let seen = shared_file::peek(&path, LIMIT)?;
        understood(seen.bytes(), path)
    }

    /// Locks the file of a sign-in against other processes of ours. May take a while.
    pub(super) fn lock(&self, login_session: &str) -> Result<Locked, CacheError> {
        let path = self.path(login_session)?;
        let file = SharedFile::lock(&path, LOCK)?;
        Ok(Locked { file, path })
    }
}

/// A file of the folder that no other process of ours changes meanwhile.
#[derive(Debug)]
pub(super) struct Locked {
    file: SharedFile,
    path: PathBuf,
}

impl Locked {
    /// The sign-in that stands there now.
    pub(super) fn token(&self) -> Result<Option<LoginToken>, CacheError> {
        understood(self.file.read(LIMIT)?.bytes(), self.path.clone())
    }

    /// Puts what was renewed in the place of the old. What stands there afterwards: the new one, or one
    /// that somebody made meanwhile; none where somebody took the old one away.
    pub(super) fn renewed(
        &self,
        old: &LoginToken,
        new: &LoginToken,
    ) -> Result<Option<LoginToken>, CacheError> {
        for _ in 0..TRIES {
            let seen = self.file.read(LIMIT)?;
            match understood(seen.bytes(), self.path.clone())? {
                None => return Ok(None),
                Some(other) if other.refresh_token != old.refresh_token => return Ok(Some(other)),
                Some(_) => {}
            }
            if self.file.replace(&seen, &new.write())? {
                return Ok(Some(new.clone()));
            }
        }
        Err(CacheError::Busy(self.path.clone()))
    }

    /// Puts a new sign-in there, whatever stands there.
    pub(super) fn put(&self, token: &LoginToken) -> Result<(), CacheError> {
        for _ in 0..TRIES {
            let seen = self.file.read(LIMIT)?;
            if self.file.replace(&seen, &token.write())? {
                return Ok(());
            }
        }
        Err(CacheError::Busy(self.path.clone()))
    }
}

fn understood(bytes: &[u8], path: PathBuf) -> Result<Option<LoginToken>, CacheError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    match LoginToken::read(bytes) {
        Ok(token) => Ok(Some(token)),
        Err(problem) => Err(CacheError::Strange { path, problem }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn files_are_named_as_by_the_aws_cli() {
        let cache = Cache::at(Some(PathBuf::from("c")));
        // printf %s arn:aws:iam::123456789012:user/me | sha256sum
        let path = cache.path("arn:aws:iam::123456789012:user/me").unwrap();
        assert_eq!(
            path,
            Path::new("c/286187707741fc2ccb93cf9e56dbd0ee0a16208feed5fbc8ae1baa86d44c283f.json")
        );
    }

    #[test]
    fn a_file_that_holds_something_else_is_named_and_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(Some(folder.path().to_owned()));
        assert!(cache.peek("x").unwrap().is_none());
        std::fs::write(cache.path("x").unwrap(), "{\"refreshToken\": \"canary\"}").unwrap();
        let told = cache.peek("x").unwrap_err().to_string();
        assert!(told.contains("`accessToken` is missing"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }

    #[test]
    fn a_link_and_a_device_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(Some(folder.path().to_owned()));
        std::os::unix::fs::symlink("/dev/zero", cache.path("x").unwrap()).unwrap();
        assert!(cache.peek("x").is_err());
        assert!(cache.lock("x").is_err());
    }
}
