//! The AWS config file, as the SDK is given it.
//!
//! The SDK would open the shared files itself: it waits for the other end of a pipe, reads a device
//! without end, and keeps all that stands in them in memory, long-lived keys of the credentials file
//! included. Settings stand in the config file, so it is given the text of that one alone.

use std::path::{Path, PathBuf};

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use dayfly_awsfiles::Kind;
use dayfly_fs::bounded;
use dayfly_net::{ConfigFileError, Unusable};

/// The longest config file that is read, in bytes: as elsewhere.
const LIMIT: u64 = 64 << 20;

/// Where it is; none without a home folder.
pub(crate) fn path() -> Option<PathBuf> {
    let own = || {
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty())?;
        Some(Kind::Config.place(&home))
    };
    Kind::Config.named().or_else(own)
}

/// What stands in it; nothing where there is none.
///
/// # Errors
/// It is there and cannot be read: what it says of endpoints is not known then, and nothing is called.
pub(crate) async fn files() -> Result<EnvConfigFiles, Unusable> {
    let text = match path() {
        // A file on a disk that is slow.
        Some(path) => tokio::task::spawn_blocking(move || text(&path))
            .await
            .unwrap_or_else(|_| Err(ConfigFileError("reading it ended".to_owned())))?,
        None => String::new(),
    };
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, text);
    Ok(files.build())
}

fn text(path: &Path) -> Result<String, ConfigFileError> {
    let read = bounded::read_text(path, LIMIT);
    let text = read.map_err(|e| ConfigFileError(e.with_cause()))?;
    Ok(text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        assert_eq!(text(&path).unwrap(), "");
        std::fs::write(&path, "[default]\n").unwrap();
        assert_eq!(text(&path).unwrap(), "[default]\n");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let told = text(&path).unwrap_err().to_string();
        assert!(told.contains("config is a device"), "{told}");
    }
}
