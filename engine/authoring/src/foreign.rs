//! Files that others may have put there: read with a bound, and never out of their folder.

use std::path::Path;

use dayfly_dialog::{CliError, Code};
use dayfly_fs::bounded;
use dayfly_fs::private_file::PrivateFileError;

/// Reads a regular file of at most this many bytes, through a link.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, CliError> {
    let name = path.display();
    match bounded::read(path, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => {
            let message = format!("{name} does not exist");
            Err(CliError::new(Code::NotFound, message))
        }
        Err(PrivateFileError::Io { source, .. }) => Err(CliError::failed(format!(
            "Dayfly cannot read {name}: {source}"
        ))),
        Err(other) => Err(CliError::failed(other.to_string())),
    }
}

/// Reads a file of a folder that somebody else may have made. A link that leads out of the folder is
/// refused: what it leads to is no part of what was handed out, and may be a secret of this user.
pub fn inside(folder: &Path, name: &str, limit: u64) -> Result<Vec<u8>, CliError> {
    let path = folder.join(name);
    let place = |path: &Path| match std::fs::canonicalize(path) {
        Ok(place) => Ok(Some(place)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            let message = format!("Dayfly cannot read {}: {e}", path.display());
            Err(CliError::failed(message))
        }
    };
    let (Some(within), Some(file)) = (place(folder)?, place(&path)?) else {
        // Says that it is not there, or that a link leads nowhere.
        return read(&path, limit);
    };
    if !file.starts_with(&within) {
        let message = format!(
            "{} is a symbolic link that leads out of {}, so Dayfly does not read it",
            path.display(),
            folder.display()
        );
        return Err(CliError::new(Code::Refused, message)
            .hint("nothing was changed; replace the link with the file"));
    }
    read(&file, limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_lies_outside_of_a_folder_is_not_read_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let within = folder.path().join("bundle");
        std::fs::create_dir(&within).unwrap();
        std::fs::write(folder.path().join("secret"), "canary").unwrap();
        std::fs::write(within.join("own"), "own").unwrap();
        symlink("own", within.join("beside")).unwrap();
        symlink("../secret", within.join("out")).unwrap();
        symlink("..", within.join("up")).unwrap();
        symlink("/dev/zero", within.join("endless")).unwrap();
        symlink("nothing", within.join("nowhere")).unwrap();
        for name in ["own", "beside"] {
            assert_eq!(inside(&within, name, 10).unwrap(), b"own");
        }
        for name in ["out", "up/secret", "endless"] {
            let refused = inside(&within, name, 10).unwrap_err();
            assert_eq!(refused.code, Code::Refused, "{name}: {}", refused.message);
        }
        assert!(inside(&within, "nowhere", 10).is_err());
        assert_eq!(
            inside(&within, "none", 10).unwrap_err().code,
            Code::NotFound
        );
        // The folder itself may be reached by a link.
        symlink("bundle", folder.path().join("link")).unwrap();
        assert_eq!(
            inside(&folder.path().join("link"), "own", 10).unwrap(),
            b"own"
        );
    }
}
