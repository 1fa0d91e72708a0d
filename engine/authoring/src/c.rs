//! C: bindings made here, the rest by clang.

use std::path::PathBuf;
use std::process::Command;

use dayfly_dialog::{CliError, Code};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

use crate::component;
use crate::project::Project;
use crate::tools::{self, Show};

/// Newest first; one without a number is whatever the machine has.
const CLANGS: [&str; 9] = [
    "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15",
    "clang",
];

/// Builds the component of a project.
pub fn build(project: &Project, show: Show) -> Result<Vec<u8>, CliError> {
    let world = bindings(project)?;
    let clang = tools::find(&CLANGS, &[]).ok_or_else(|| {
        CliError::new(
            Code::NotFound,
            "clang, which compiles C, is not on the PATH",
        )
        .hint("apt-get install clang-19 lld-19")
    })?;
    let folder = project.build();
    let core = folder.join("core.wasm");
    let mut command = Command::new(clang);
    command
        .current_dir(&project.folder)
        .args(["--target=wasm32-unknown-unknown", "-Oz", "-std=c11"])
        .args([
            "-mbulk-memory",
            "-ffreestanding",
            "-fno-builtin",
            "-nostdlib",
        ])
        .args(["-Wall", "-Wextra", "-Ibuild", "-Iruntime"])
        .args(["-Wl,--no-entry", "-Wl,--strip-all"])
        .args(sources(project)?)
        .arg(folder.join(format!("{world}.c")))
        .arg(folder.join(format!("{world}_component_type.o")))
        .arg("-o")
        .arg(&core);
    tools::run(&mut command, show).map_err(|trouble| {
        trouble.hint("its output is above; it needs wasm-ld (apt-get install lld-19)")
    })?;
    component::encode(&tools::read_built(&core)?)
}

/// The author's sources and those of the runtime beside them.
fn sources(project: &Project) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    for folder in [project.folder.clone(), project.folder.join("runtime")] {
        let entries = std::fs::read_dir(&folder).map_err(|e| {
            CliError::failed(format!("Dayfly cannot read {}: {e}", folder.display()))
        })?;
        let paths = entries.filter_map(|entry| entry.ok().map(|e| e.path()));
        found.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "c")));
    }
    found.sort();
    Ok(found)
}

/// Writes the bindings of the project's contract into its build folder; what their files are called.
pub fn bindings(project: &Project) -> Result<String, CliError> {
    const WORLD: &str = "pure-policy";
    let wit = project.wit();
    let wrong = |e: &dyn std::fmt::Display| {
        CliError::failed(format!("{} is not a contract: {e:#}", wit.display()))
            .hint("`dayfly policy new` writes the contract of this version of Dayfly")
    };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&wit).map_err(|e| wrong(&e))?;
    let world = resolve
        .select_world(&[package], Some(WORLD))
        .map_err(|e| wrong(&e))?;
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    generator
        .generate(&mut resolve, world, &mut files)
        .map_err(|e| wrong(&e))?;
    let folder = project.build();
    std::fs::create_dir_all(&folder)
        .map_err(|e| CliError::failed(format!("Dayfly cannot create {}: {e}", folder.display())))?;
    for (name, content) in files.iter() {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|e| {
            CliError::failed(format!("Dayfly cannot write {}: {e}", path.display()))
        })?;
    }
    Ok(WORLD.replace('-', "_"))
}
