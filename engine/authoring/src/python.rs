//! Python: a component with CPython inside, made by componentize-py.

use std::path::PathBuf;
use std::process::Command;

use dayfly_dialog::{CliError, Code};

use crate::project::Project;
use crate::tools::{self, Show};

/// Builds the component of a project.
pub(crate) fn build(project: &Project, show: Show) -> Result<Vec<u8>, CliError> {
    let mut folders = vec![project.folder.join(".venv").join("bin")];
    let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    folders.extend(active.map(|folder| folder.join("bin")));
    let tool = tools::find(&["componentize-py"], &folders).ok_or_else(|| {
        let message = "componentize-py, which builds Python, is neither in .venv nor on the PATH";
        CliError::new(Code::NotFound, message)
            .hint("python3 -m venv .venv && .venv/bin/pip install -r requirements.txt")
    })?;
    let out = project.build().join("policy.py.wasm");
    let mut command = Command::new(tool);
    // No clock, no randomness, no files: what would ask for them traps.
    command
        .current_dir(&project.folder)
        .args([
            "--wit-path",
            "wit",
            "--world",
            "pure-policy",
            "componentize",
        ])
        .args(["--stub-wasi", "policy", "--output"])
        .arg(&out);
    tools::run(&mut command, show)?;
    let bytes = tools::read_built(&out)?;
    let _ = std::fs::remove_file(out);
    Ok(bytes)
}
