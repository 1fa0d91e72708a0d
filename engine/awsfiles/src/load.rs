//! Reading a shared file where it lies, without trusting whoever put it there.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::fault::Faults;
use crate::file::{AwsFile, Kind};

/// The longest file that is read, in bytes: a thousand sessions have about two megabytes.
const LIMIT: u64 = 64 << 20;

/// Why a shared file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("Dayfly cannot read {path}: {why}", path = path.display())]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub why: Why,
}

/// Why a shared file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The operating system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// More than anybody writes.
    #[error("it has more than {} bytes", LIMIT)]
    TooBig,
    /// The AWS CLI cannot read it either.
    #[error("{0}")]
    Faults(#[from] Faults),
}

impl Unreadable {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match &self.why {
            Why::Io(_) | Why::NotAFile => "make it a file that you can read",
            Why::TooBig => "move it away, or make it smaller",
            Why::Faults(faults) => faults.first().what.hint(),
        }
    }
}

/// Reads a file, wherever a link leads and whoever it belongs to; where there is none, nothing is in it.
/// Gives back its bytes as well.
///
/// # Errors
/// The file exists and cannot be read.
pub fn load_with_text(
    path: &Path,
    kind: Kind,
) -> Result<(AwsFile, Zeroizing<Vec<u8>>), Unreadable> {
    let failed = |why| Unreadable {
        path: path.to_owned(),
        why,
    };
    let text = bytes(path).map_err(failed)?;
    let file = AwsFile::read(&text, kind).map_err(|faults| failed(Why::Faults(faults)))?;
    Ok((file, text))
}

/// Reads a file as [`load_with_text`] does.
///
/// # Errors
/// The file exists and cannot be read.
pub fn load(path: &Path, kind: Kind) -> Result<AwsFile, Unreadable> {
    load_with_text(path, kind).map(|(file, _)| file)
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Why> {
    // Looked at before it is opened, since opening some devices has effects, and again on what was
    // opened: somebody could have exchanged it for a pipe, which would keep us waiting.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let opened = std::fs::metadata(path).and_then(|meta| {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        let is_file = meta.is_file();
        is_file.then(|| options.open(path)).transpose()
    });
    let file = match opened {
        Ok(Some(file)) => file,
        Ok(None) => return Err(Why::NotAFile),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound) => return Ok(Zeroizing::default()),
        Err(e) => return Err(Why::Io(e)),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(Why::NotAFile);
    }
    // Room for all of it at once: a vector that grows leaves copies of secrets behind.
    let room = usize::try_from(meta.len().min(LIMIT)).unwrap_or_default();
    let mut text = Zeroizing::new(Vec::with_capacity(room.saturating_add(1)));
    file.take(LIMIT.saturating_add(1)).read_to_end(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LIMIT {
        return Err(Why::TooBig);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_or_it_is_told_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        assert_eq!(load(&path, Kind::Config).unwrap().sections().len(), 0);
        std::fs::write(&path, "[default]\n\nregion\n").unwrap();
        let told = load(&path, Kind::Config).unwrap_err();
        let wanted = ": line 3, byte 1: the line has no `=`";
        assert!(told.to_string().ends_with(wanted), "{told}");
        assert!(told.hint().contains("key = value"));
        let told = load(folder.path(), Kind::Config).unwrap_err();
        assert!(
            told.to_string().ends_with("it is not a regular file"),
            "{told}"
        );
    }
}
