//! Files as they are committed in a git checkout of this machine.
//!
//! Read by `git` itself, from its objects: nothing of the working tree is looked at, and no hook, filter
//! or other program that the checkout may configure is run.

use std::io;
use std::process::{Command, Output, Stdio};

use thiserror::Error;

use crate::source::GitSource;

/// Why a file of a checkout cannot be had.
#[derive(Debug, Error)]
pub enum GitError {
    /// `git` cannot be run.
    #[error("Dayfly cannot run git: {0}")]
    Run(io::Error),
    /// `git` refused.
    #[error("git cannot read {what} of {folder}: {words}", folder = folder.display())]
    Refused {
        /// What was asked for.
        what: String,
        /// The checkout.
        folder: std::path::PathBuf,
        /// The last line that it said.
        words: String,
    },
    /// The file is longer than allowed.
    #[error("{what} has {bytes} bytes; {limit} are allowed")]
    TooLong {
        /// The file.
        what: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
}

/// A commit of a checkout.
#[derive(Clone, Debug)]
pub struct Commit {
    source: GitSource,
    /// Its name, 40 or 64 hexadecimal digits.
    pub id: String,
}

impl Commit {
    /// The commit that a source means now.
    ///
    /// # Errors
    /// There is no such checkout or revision.
    pub fn of(source: &GitSource) -> Result<Self, GitError> {
        let revision = source.revision.as_deref().unwrap_or("HEAD");
        let asked = format!("{revision}^{{commit}}");
        let output = git(
            source,
            revision,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &asked,
            ],
        )?;
        Ok(Self {
            source: source.clone(),
            id: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        })
    }

    /// The same checkout at a commit that is known by its id.
    #[must_use]
    pub fn known(source: &GitSource, id: &str) -> Self {
        Self {
            source: source.clone(),
            id: id.to_owned(),
        }
    }

    /// Whether the source names a folder in this commit.
    ///
    /// # Errors
    /// It names nothing.
    pub fn is_folder(&self) -> Result<bool, GitError> {
        let object = format!("{}:{}", self.id, self.source.file);
        let output = git(
            &self.source,
            &self.source.file,
            &["cat-file", "-t", &object],
        )?;
        Ok(output.stdout.starts_with(b"tree"))
    }

    /// A file: the one that the source names, or one in the folder that it names.
    ///
    /// # Errors
    /// It is not there, or longer than the limit.
    pub fn read(&self, file: Option<&str>, limit: u64) -> Result<Vec<u8>, GitError> {
        let base = &self.source.file;
        let path = match file {
            None => base.clone(),
            Some(file) if base.is_empty() => file.to_owned(),
            Some(file) => format!("{base}/{file}"),
        };
        let object = format!("{}:{path}", self.id);
        let size = git(&self.source, &path, &["cat-file", "-s", &object])?;
        let size = String::from_utf8_lossy(&size.stdout);
        let bytes = size.trim().parse().unwrap_or(u64::MAX);
        if bytes > limit {
            return Err(GitError::TooLong {
                what: path,
                bytes,
                limit,
            });
        }
        Ok(git(&self.source, &path, &["cat-file", "blob", &object])?.stdout)
    }
}

fn git(source: &GitSource, what: &str, args: &[&str]) -> Result<Output, GitError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(&source.folder)
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .output()
        .map_err(GitError::Run)?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let words = said.lines().rfind(|line| !line.trim().is_empty());
    Err(GitError::Refused {
        what: if what.is_empty() {
            "the folder".into()
        } else {
            what.to_owned()
        },
        folder: source.folder.clone(),
        words: words.unwrap_or("it does not exist").to_owned(),
    })
}
