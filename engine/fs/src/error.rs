//! Why a file could not be used, and what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a private file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The operating system refused.
    #[error("{path}: cannot {operation}", path = path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Something that is no file stands where the file should be.
    #[error("{path} is {kind}, not a regular file; move it away", path = path.display())]
    NotAFile {
        /// What is in the way.
        path: PathBuf,
        /// What it is, as "a folder".
        kind: &'static str,
    },
    /// Its bytes are no text.
    #[error("{path}:{line}:{column}: is not UTF-8 text; save it as UTF-8", path = path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first wrong byte, from 1.
        line: usize,
        /// Its character in the line, from 1.
        column: usize,
    },
    /// The file system took too long.
    #[error(
        "Dayfly could not read {path} within {seconds} s; check its file system",
        path = path.display()
    )]
    Slow {
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A link whose target may not be written through it.
    #[error("{path} is a symbolic link that {problem}; {advice}", path = path.display())]
    UnsafeLink {
        /// The link.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Others could put another file in the place of this one.
    #[error(
        "other users can write to {path} (mode {mode:o}) and could replace the files in it; run: \
         chmod go-w {path}",
        path = path.display()
    )]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The person took away the right to write.
    #[error(
        "{path} is read-only (mode {mode:o}); to make it writable, run: chmod u+w {path}",
        path = path.display()
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is bigger than anything that belongs there.
    #[error(
        "{path} has more than {limit} bytes, which is too large for this file",
        path = path.display()
    )]
    TooBig {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The file is mounted by itself, so it cannot be replaced in one step.
    #[error(
        "{path} is a mount point, so it cannot be replaced in one step; mount its folder instead",
        path = .0.display()
    )]
    Mounted(PathBuf),
    /// A link stands where the file should be.
    #[error("{path} is a symbolic link; replace the link with the file", path = .0.display())]
    Link(PathBuf),
    /// Somebody else owns the file.
    #[error(
        "{path} belongs to another user; remove it, or take it over with chown",
        path = .0.display()
    )]
    Foreign(PathBuf),
    /// Root owns the file or link, as where a manager of dotfiles made it.
    #[error(
        "{path} belongs to root, so Dayfly only reads it; remove the target that writes it from \
         `delivery` (of the session, the Workspace or dayfly.toml), or replace the file with your \
         own",
        path = .0.display()
    )]
    OfRoot(PathBuf),
    /// Somebody else owns what decides what Dayfly does.
    #[error(
        "{path} belongs to user {owner}, who is neither you nor root; take it over: chown \
         \"$USER\" {path}",
        path = path.display()
    )]
    NotYours {
        /// The file, folder or link.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
    },
    /// Somebody else may write to what decides what Dayfly does.
    #[error(
        "other users can write to {path} (mode {mode:o}) and so control what Dayfly does; run: \
         chmod {who}-w {path}",
        path = path.display()
    )]
    Writable {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whose right is to be taken away, as chmod names them.
        who: &'static str,
    },
    /// Others may read the file.
    #[error(
        "other users can read {path} (mode {mode:o}); run: chmod 600 {path}",
        path = path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process kept the lock too long.
    #[error(
        "another process has locked {path} for {seconds} s; try again when it has finished",
        path = path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
}

impl PrivateFileError {
    /// It and what it came of, in one line.
    #[must_use]
    pub fn with_cause(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }
}

/// The name that a person knows a file by, in place of what its link leads to.
pub(crate) fn named(asked: &Path) -> impl Fn(PrivateFileError) -> PrivateFileError {
    let path = asked.to_owned();
    move |error| match error {
        PrivateFileError::NotAFile { kind, .. } => PrivateFileError::NotAFile {
            path: path.clone(),
            kind,
        },
        other => other,
    }
}

/// The error for a link whose target is missing.
pub(crate) fn leads_nowhere(link: &Path) -> PrivateFileError {
    PrivateFileError::UnsafeLink {
        path: link.to_owned(),
        problem: "points to a missing file",
        advice: "create that file, or remove the link",
    }
}

pub(crate) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> PrivateFileError {
    let path = path.to_owned();
    move |source| PrivateFileError::Io {
        operation,
        path,
        source,
    }
}
