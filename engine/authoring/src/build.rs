//! Makes the component of a project, and writes it only where it is a policy.

use std::path::PathBuf;

use dayfly_dialog::CliError;
use dayfly_policy::{CodeCache, Compiler, Host, HostConfig, Module};

use crate::lang::Lang;
use crate::project::Project;
use crate::tools::Show;
use crate::{c, js, python, rust};

/// What was built.
pub struct Built {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub module: Module,
}

/// Builds a project with the tools of its language, what they say goes to `show`; `compiler` compiles the
/// component for the trial.
pub fn build(project: &Project, compiler: Compiler, show: Show) -> Result<Built, CliError> {
    project.trusted()?;
    let folder = project.build();
    std::fs::create_dir_all(&folder)
        .map_err(|e| CliError::failed(format!("Dayfly cannot create {}: {e}", folder.display())))?;
    let bytes = match project.lang {
        Lang::Rust => rust::build(project, show),
        Lang::Js => js::build(project, show),
        Lang::Python => python::build(project, show),
        Lang::C => c::build(project, show),
    }?;
    let path = project.component();
    // The code is kept where `policy test` looks for it.
    let host = Host::new(HostConfig {
        cache: CodeCache::open(&project.trial().code()).ok(),
        compiler,
        ..HostConfig::default()
    });
    let host = host.map_err(|e| CliError::failed(e.to_string()))?;
    let module = Module::load(&host, &path.display().to_string(), &bytes)
        .map_err(|e| CliError::failed(e.to_string()))?;
    // A part first, so that a running engine never sees half a component.
    let part = path.with_extension("part");
    std::fs::write(&part, &bytes)
        .and_then(|()| std::fs::rename(&part, &path))
        .map_err(|e| CliError::failed(format!("Dayfly cannot write {}: {e}", path.display())))?;
    Ok(Built { path, module })
}

/// What a component is, compiled afresh.
pub fn load(name: &str, bytes: &[u8], compiler: Compiler) -> Result<Module, CliError> {
    let host = Host::new(HostConfig {
        compiler,
        ..HostConfig::default()
    });
    let host = host.map_err(|e| CliError::failed(e.to_string()))?;
    Module::load(&host, name, bytes).map_err(|e| CliError::failed(e.to_string()))
}
