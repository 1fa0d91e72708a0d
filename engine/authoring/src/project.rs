//! The folder of a policy's author.

use std::path::{Path, PathBuf};

use dayfly_dialog::{CliError, Code};
use dayfly_fs::trusted;
use dayfly_runtime::Home;
use serde::Deserialize;

use crate::lang::Lang;

/// The file that makes a folder a project.
pub const FILE: &str = "policy.toml";
/// The longest such file, in bytes.
const LIMIT: u64 = 1 << 20;
/// Files of a project, with all that its tools put there.
const FILES: usize = 500_000;

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// The name of the policy.
    pub name: String,
    /// What it is written in.
    pub lang: Lang,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    lang: Lang,
}

impl Project {
    /// The project in a folder; none where it is not one.
    pub fn at(folder: &Path) -> Result<Option<Self>, CliError> {
        let folder = std::path::absolute(folder)
            .map_err(|e| CliError::failed(format!("{} is not a path: {e}", folder.display())))?;
        let file = folder.join(FILE);
        let text = trusted::read_text(&file, LIMIT).map_err(|e| CliError::failed(e.to_string()))?;
        let Some(text) = text else {
            return Ok(None);
        };
        let written: Written = toml::from_str(&text).map_err(|e| {
            let message = dayfly_store::problem::of_toml(&text, &e);
            CliError::usage(format!("{} is not a project: {message}", file.display()))
        })?;
        check_name(&written.name)?;
        Ok(Some(Self {
            folder,
            name: written.name,
            lang: written.lang,
        }))
    }

    /// The project in this folder.
    pub fn here() -> Result<Option<Self>, CliError> {
        Self::at(Path::new("."))
    }

    /// The project in a folder that has to be one.
    pub fn require(folder: &Path) -> Result<Self, CliError> {
        Self::at(folder)?.ok_or_else(|| {
            let message = format!("{} is not a project: it has no {FILE}", folder.display());
            CliError::new(Code::NotFound, message).hint("create one with `dayfly policy new NAME`")
        })
    }

    /// Judges all that its tools may run: they are programs of this user, and its files tell them what
    /// to do.
    pub fn trusted(&self) -> Result<(), CliError> {
        trusted::inspect_tree(&self.folder, FILES).map_err(|e| {
            CliError::failed(e.to_string())
                .hint("Dayfly built nothing: the build tools would run the code in that folder")
        })
    }

    /// What it is built into.
    pub fn build(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// Its component.
    pub fn component(&self) -> PathBuf {
        self.build().join(format!("{}.wasm", self.name))
    }

    /// The contract that it is built against.
    pub fn wit(&self) -> PathBuf {
        self.folder.join("wit")
    }

    /// What it is tried with: a home like that of a person, in which nothing is secret.
    pub fn trial(&self) -> Home {
        Home::in_one(self.folder.join("test"))
    }

    /// Its scenarios, sorted by name.
    pub fn scenarios(&self) -> Result<Vec<PathBuf>, CliError> {
        let folder = self.folder.join("test");
        let entries = std::fs::read_dir(&folder).map_err(|e| {
            CliError::failed(format!("Dayfly cannot read {}: {e}", folder.display()))
        })?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|e| e.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .filter(|path| path.file_name().is_none_or(|name| name != "dayfly.toml"))
            .collect();
        found.sort();
        Ok(found)
    }
}

/// Whether a policy can be called so: it becomes the name of files, packages and entries.
pub fn check_name(name: &str) -> Result<(), CliError> {
    let words = name.split('-').all(|word| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    });
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if words && begins && name.len() <= 48 {
        return Ok(());
    }
    let message = format!("\"{name}\" is not a valid policy name");
    Err(CliError::usage(message).hint("use lower-case letters, digits and \"-\", as in stop-idle"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_of_small_letters() {
        for good in ["a", "stop-idle", "rule2", "a-1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "1a", "a--b", "a_b", "../a", "a.b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
