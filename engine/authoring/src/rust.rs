//! Rust: cargo for `wasm32-unknown-unknown`, with whichever compiler of this machine has that target.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dayfly_dialog::{CliError, Code};

use crate::component;
use crate::project::Project;
use crate::tools::{self, Show};

const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that has the target.
enum Compiler {
    /// The one on the path.
    Usual,
    /// Debian's, which compiles the standard library of the target from its package of sources.
    Debian { linker: PathBuf },
}

impl Compiler {
    fn cargo(&self, project: &Project) -> Command {
        let mut command = Command::new(match self {
            Self::Usual => "cargo",
            Self::Debian { .. } => "/usr/bin/cargo",
        });
        command.current_dir(&project.folder);
        if let Self::Debian { linker } = self {
            command
                .env("RUSTC", "/usr/bin/rustc")
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
    }

    fn sysroot(&self, project: &Project) -> Option<PathBuf> {
        let rustc = match self {
            Self::Usual => "rustc",
            Self::Debian { .. } => "/usr/bin/rustc",
        };
        asked(rustc, project, &["--print", "sysroot"]).map(PathBuf::from)
    }
}

/// Builds the component of a project.
pub(crate) fn build(project: &Project, show: Show) -> Result<Vec<u8>, CliError> {
    let compiler = compiler(project)?;
    // The folders of the registry have to be there before they can be named below; where this
    // fails, the build says why.
    let _ = tools::run(compiler.cargo(project).arg("fetch").arg("--quiet"), show);
    let mut command = compiler.cargo(project);
    command
        .args(["build", "--release", "--lib", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(&compiler, project));
    if let Compiler::Debian { .. } = compiler {
        command.arg("-Zbuild-std=std,panic_abort");
    }
    let core = artifact(&mut command, show)?;
    component::encode(&tools::read_built(&core)?)
}

fn compiler(project: &Project) -> Result<Compiler, CliError> {
    let library = asked(
        "rustc",
        project,
        &["--print", "target-libdir", "--target", TARGET],
    );
    if library.is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(Compiler::Usual);
    }
    let debian = asked("/usr/bin/rustc", project, &["--print", "sysroot"]);
    let has_sources = debian.is_some_and(|sysroot| {
        Path::new(&sysroot)
            .join("lib/rustlib/src/rust/library/Cargo.lock")
            .exists()
    });
    if has_sources
        && Path::new("/usr/bin/cargo").exists()
        && let Some(linker) = tools::find(&["wasm-ld-22", "wasm-ld-19", "wasm-ld"], &[])
    {
        return Ok(Compiler::Debian { linker });
    }
    let message = format!("no Rust compiler on this machine has the target {TARGET}");
    Err(CliError::new(Code::NotFound, message).hint(format!(
        "rustup target add {TARGET}\n  \
         or on Debian: apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-19"
    )))
}

fn asked(rustc: &str, project: &Project, args: &[&str]) -> Option<String> {
    let mut command = Command::new(rustc);
    command.current_dir(&project.folder).args(args);
    tools::answer(command.stderr(Stdio::null())).filter(|answer| !answer.is_empty())
}

/// No path of this machine in the bytes; of several prefixes that match, the last counts. The sources of
/// the project itself are named from its folder anyhow.
fn flags(compiler: &Compiler, project: &Project) -> OsString {
    let mut flags: Vec<OsString> = Vec::new();
    let mut remap = |from: &Path, to: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push(format!("={to}"));
        flags.push(flag);
    };
    let own = std::env::home_dir().unwrap_or_default().join(".cargo");
    let cargo = std::env::var_os("CARGO_HOME").map_or(own, PathBuf::from);
    remap(&cargo, "/cargo");
    let registries = std::fs::read_dir(cargo.join("registry").join("src"));
    let mut registries: Vec<PathBuf> = registries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .collect();
    registries.sort();
    for registry in registries {
        remap(&registry, "/cargo/registry");
    }
    if let Some(sysroot) = compiler.sysroot(project) {
        remap(&sysroot.join("lib/rustlib/src/rust"), "/rustc");
    }
    flags.join(std::ffi::OsStr::new("\u{1f}"))
}

/// The WebAssembly module that a build of cargo makes.
fn artifact(command: &mut Command, show: Show) -> Result<PathBuf, CliError> {
    let failed = |e: std::io::Error| CliError::failed(format!("cargo cannot be run: {e}"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let relay = child.stderr.take().map(|err| tools::relayed(err, show));
    let mut made = None;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(failed)?;
            let Ok(message) = serde_json::from_str::<serde_json::Value>(&line) else {
                continue;
            };
            let files = message["filenames"].as_array().into_iter().flatten();
            let mut modules = files.filter_map(|file| file.as_str());
            let module = modules.rfind(|file| file.ends_with(".wasm"));
            // Dependencies come first, the project last.
            if let Some(module) = module {
                made = Some(PathBuf::from(module));
            }
        }
    }
    let status = child.wait().map_err(failed)?;
    if let Some(relay) = relay {
        let _ = relay.join();
    }
    if !status.success() {
        return Err(CliError::failed("cargo failed").hint("its output is above"));
    }
    made.ok_or_else(|| {
        CliError::failed("cargo made no WebAssembly module")
            .hint("Cargo.toml needs [lib] crate-type = [\"cdylib\", \"rlib\"]")
    })
}
