//! The folder in which the AWS CLI, the SDKs and Dayfly share sign-ins.
//!
//! Nobody but us takes our lock, but all of them put whole files into their places, so what is
//! read is whole, and what is written takes the place of what was read just before or is not
//! written.

use std::path::PathBuf;
use std::time::Duration;

use data_encoding::HEXLOWER;
use dayfly_vault::private_file::PrivateFileError;
use dayfly_vault::shared_file::{self, SharedFile};
use sha1::{Digest as _, Sha1};

use super::token_file::{Client, SignIn};

/// The longest file that is read, in bytes.
const LIMIT: u64 = 64 << 10;
/// How long another process may keep a file locked: as long as a renewal may take.
const LOCK: Duration = Duration::from_secs(30);
/// How often a write is started again because somebody else wrote in between.
const TRIES: u32 = 10;

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Cache(Option<PathBuf>);

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// There is no folder to use.
    #[error("this user has no home directory for .aws/sso/cache")]
    NoHome,
    /// A file cannot be used.
    #[error("{0}")]
    File(#[from] PrivateFileError),
    /// Others kept writing.
    #[error("other programs kept changing {} while Dayfly tried to write it", .0.display())]
    Busy(PathBuf),
}

impl Cache {
    /// The folder that is configured, or else the AWS CLI's.
    ///
    /// Source: botocore, `SSOTokenProvider._SSO_TOKEN_CACHE_DIR`.
    pub(crate) fn at(folder: Option<PathBuf>) -> Self {
        let usual = || {
            let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty())?;
            Some(home.join(".aws").join("sso").join("cache"))
        };
        Self(folder.or_else(usual))
    }

    /// The file for a name.
    ///
    /// Source: botocore, `SSOTokenLoader._generate_cache_key`.
    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, CacheError> {
        let folder = self.0.as_ref().ok_or(CacheError::NoHome)?;
        let digest = Sha1::digest(name.as_bytes());
        let hex = HEXLOWER.encode(&digest);
        Ok(folder.join(hex).with_extension("json"))
    }

    /// The sign-in under a name; none where there is none, or no file that holds one.
    pub(crate) fn sign_in(&self, name: &str) -> Result<Option<SignIn>, CacheError> {
        let seen = shared_file::peek(&self.path(name)?, LIMIT)?;
        Ok(SignIn::read(seen.bytes()))
    }

    /// The registration of a client under a name.
    pub(crate) fn client(&self, name: &str) -> Result<Option<Client>, CacheError> {
        let seen = shared_file::peek(&self.path(name)?, LIMIT)?;
        Ok(Client::read(seen.bytes()))
    }

    /// Locks the file for a name against other processes of ours. May take a while.
    pub(crate) fn lock(&self, name: &str) -> Result<Locked, CacheError> {
        let path = self.path(name)?;
        let file = SharedFile::lock(&path, LOCK)?;
        Ok(Locked { file, path })
    }

    /// Writes what is wanted under a name, whatever stands there.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
        self.lock(name)?.put(bytes)
    }

    /// Removes the file for a name; whether there was one.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, CacheError> {
        let locked = self.lock(name)?;
        match std::fs::remove_file(&locked.path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(CacheError::File(PrivateFileError::Io {
                operation: "remove",
                path: locked.path.clone(),
                source,
            })),
        }
    }
}

/// A file of the folder that no other process of ours changes meanwhile.
#[derive(Debug)]
pub(crate) struct Locked {
    file: SharedFile,
    path: PathBuf,
}

impl Locked {
    /// The sign-in that stands there now.
    pub(crate) fn sign_in(&self) -> Result<Option<SignIn>, CacheError> {
        Ok(SignIn::read(self.file.read(LIMIT)?.bytes()))
    }

    /// Puts a renewed sign-in in the place of the old one. What stands there afterwards: the new
    /// one, or one that somebody made meanwhile; none where somebody took the old one away.
    pub(crate) fn renewed(&self, old: &SignIn, new: &SignIn) -> Result<Option<SignIn>, CacheError> {
        for _ in 0..TRIES {
            let seen = self.file.read(LIMIT)?;
            match SignIn::read(seen.bytes()) {
                None => return Ok(None),
                Some(other) if other.access_token != old.access_token => return Ok(Some(other)),
                Some(_) => {}
            }
            if self.file.replace(&seen, &new.write())? {
                return Ok(Some(new.clone()));
            }
        }
        Err(CacheError::Busy(self.path.clone()))
    }

    /// Puts `bytes` there.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<(), CacheError> {
        for _ in 0..TRIES {
            let seen = self.file.read(LIMIT)?;
            if self.file.replace(&seen, bytes)? {
                return Ok(());
            }
        }
        Err(CacheError::Busy(self.path.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn files_are_named_as_by_the_aws_cli() {
        let cache = Cache::at(Some(PathBuf::from("c")));
        // python3 -c "import hashlib; print(hashlib.sha1(b'my-sso').hexdigest())"
        let path = cache.path("my-sso").unwrap();
        assert_eq!(
            path,
            Path::new("c/0ad374308c5a4e22f723adf10145eafad7c4031c.json")
        );
    }

    #[test]
    fn what_is_written_is_for_its_owner_only_and_is_read_back() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(Some(folder.path().join("sso").join("cache")));
        assert!(cache.sign_in("x").unwrap().is_none());
        let text = br#"{"accessToken":"a","expiresAt":"2026-03-01T09:30:00Z"}"#;
        cache.put("x", text).unwrap();
        assert_eq!(cache.sign_in("x").unwrap(), SignIn::read(text));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = cache.path("x").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(cache.remove("x").unwrap());
        assert!(!cache.remove("x").unwrap());
    }
}
