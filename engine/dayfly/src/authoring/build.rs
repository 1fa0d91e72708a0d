//! Makes the component of a project, and writes it only where it is a policy.

use std::path::PathBuf;

use dayfly_policy::{CodeCache, Host, HostConfig, Module};

use super::lang::Lang;
use super::project::Project;
use super::{c, js, python, rust};
use crate::error::{CliError, Code};
use crate::foreign;
use crate::policies::compiler;

/// The longest module that a tool of a language may leave, in bytes: it may hold what the component
/// that is made of it will not.
const CORE_MAX: u64 = 1 << 30;

/// What was built.
pub(crate) struct Built {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) module: Module,
}

/// Builds a project with the tools of its language.
pub(crate) fn build(project: &Project) -> Result<Built, CliError> {
    project.trusted()?;
    let folder = project.build();
    std::fs::create_dir_all(&folder)
        .map_err(|e| CliError::failed(format!("{} cannot be made: {e}", folder.display())))?;
    let bytes = match project.lang {
        Lang::Rust => rust::build(project),
        Lang::Js => js::build(project),
        Lang::Python => python::build(project),
        Lang::C => c::build(project),
    }?;
    let path = project.component();
    // The code is kept where `policy test` looks for it.
    let host = Host::new(HostConfig {
        cache: CodeCache::open(&project.trial().code()).ok(),
        compiler: compiler(),
        ..HostConfig::default()
    });
    let host = host.map_err(|e| CliError::failed(e.to_string()))?;
    let module = Module::load(&host, &path.display().to_string(), &bytes)
        .map_err(|e| CliError::failed(e.to_string()))?;
    // A part first, so that a running engine never sees half a component.
    let part = path.with_extension("part");
    std::fs::write(&part, &bytes)
        .and_then(|()| std::fs::rename(&part, &path))
        .map_err(|e| CliError::failed(format!("{} cannot be written: {e}", path.display())))?;
    Ok(Built { path, module })
}

/// What a component is, compiled afresh.
pub(crate) fn load(name: &str, bytes: &[u8]) -> Result<Module, CliError> {
    let host = Host::new(HostConfig {
        compiler: compiler(),
        ..HostConfig::default()
    });
    let host = host.map_err(|e| CliError::failed(e.to_string()))?;
    Module::load(&host, name, bytes).map_err(|e| CliError::failed(e.to_string()))
}

/// What a tool of a language left in a file of the build folder.
pub(crate) fn read(path: &std::path::Path) -> Result<Vec<u8>, CliError> {
    // That it is not there is a failure of the tool, not of who asked.
    foreign::read(path, CORE_MAX).map_err(|trouble| CliError {
        code: Code::Failed,
        ..trouble
    })
}
