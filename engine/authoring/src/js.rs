//! JavaScript: a component with QuickJS inside, made by componentize-qjs.

use std::process::Command;

use dayfly_dialog::{CliError, Code};

use crate::project::Project;
use crate::tools::{self, Show};

/// Builds the component of a project.
pub(crate) fn build(project: &Project, show: Show) -> Result<Vec<u8>, CliError> {
    let own = project.folder.join("node_modules").join(".bin");
    let tool = tools::find(&["componentize-qjs"], &[own]).ok_or_else(|| {
        let message =
            "componentize-qjs, which builds JavaScript, is neither in node_modules nor on the PATH";
        CliError::new(Code::NotFound, message)
            .hint("`npm install` in the project installs it (Node.js 20 or newer)")
    })?;
    let out = project.build().join("policy.js.wasm");
    let mut command = Command::new(tool);
    // No clock, no randomness, no files: what would ask for them traps.
    command
        .current_dir(&project.folder)
        .args([
            "--wit",
            "wit",
            "--world",
            "pure-policy",
            "--js",
            "policy.js",
        ])
        .args(["--sync", "--stub-wasi", "--output"])
        .arg(&out);
    tools::run(&mut command, show)?;
    let bytes = tools::read_built(&out)?;
    let _ = std::fs::remove_file(out);
    Ok(bytes)
}
