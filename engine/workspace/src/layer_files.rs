//! A layer that is a file, or a folder of files, of this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dayfly_fs::private_file::PrivateFileError;
use dayfly_fs::trusted;

use crate::file::DEFAULT_LIMIT;
use crate::layers::{Layer, LayerError};

/// Why a layer cannot be read from this machine.
#[derive(Debug, thiserror::Error)]
pub enum LayerFileError {
    /// A folder cannot be listed.
    #[error("Dayfly cannot list {path}: {problem}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        problem: io::Error,
    },
    /// There is nothing.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// A folder has no Workspace in it.
    #[error("{} has no file that ends in .json", .0.display())]
    Empty(PathBuf),
    /// A file cannot be read, or somebody else could have written it.
    #[error("{}", .0.with_cause())]
    Unsafe(#[from] PrivateFileError),
    /// A file is no Workspace.
    #[error("{path} is not a Workspace: {problem}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: LayerError,
    },
}

/// The files of a layer: the one that is named, or those of a folder that end in `.json`, by name.
///
/// # Errors
/// The folder cannot be listed, or has none.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, LayerFileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |problem: io::Error| LayerFileError::Folder {
        path: path.to_owned(),
        problem,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|e| e == "json") {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(LayerFileError::Empty(path.to_owned()));
    }
    files.sort();
    Ok(files)
}

/// What a layer of this name says now. Who signed it is asked elsewhere.
///
/// # Errors
/// [`LayerFileError`].
pub fn read(name: &str, path: &Path) -> Result<Layer, LayerFileError> {
    let mut layer = Layer::default();
    for file in files(path)? {
        let text = trusted::read_text(&file, DEFAULT_LIMIT)?;
        let text = text.ok_or_else(|| LayerFileError::Missing(file.clone()))?;
        let part = Layer::of_file(name, &text).and_then(|part| layer.join(part));
        part.map_err(|problem| LayerFileError::Malformed {
            path: file,
            problem,
        })?;
    }
    Ok(layer)
}
