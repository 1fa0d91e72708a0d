//! `componentize CORE.wasm COMPONENT.wasm` turns the core module of a policy into a component and
//! checks it; `componentize --inspect COMPONENT.wasm` only checks. Both print a line: name, size,
//! SHA-256, and what it imports. A component that imports anything outside the contract is
//! refused, and not written.

mod component;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use component::{ComponentError, Facts, encode, inspect};

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error("usage: componentize CORE.wasm COMPONENT.wasm | componentize --inspect COMPONENT.wasm")]
    Usage,
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
    #[error("{path}: {source}")]
    Component {
        path: String,
        source: ComponentError,
    },
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(line) => match writeln!(io::stdout().lock(), "{line}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            // Nobody is left to be told where this fails.
            let _ = writeln!(io::stderr().lock(), "componentize: {error}");
            ExitCode::from(if matches!(error, ToolError::Usage) {
                2
            } else {
                1
            })
        }
    }
}

fn run(arguments: &[String]) -> Result<String, ToolError> {
    match arguments {
        [flag, path] if flag == "--inspect" => {
            let facts = inspect(&read(path)?).map_err(|source| at(path, source))?;
            Ok(line(path, &facts))
        }
        [core, path] if !core.starts_with("--") => {
            let component = encode(&read(core)?).map_err(|source| at(core, source))?;
            let facts = inspect(&component).map_err(|source| at(core, source))?;
            fs::write(path, component).map_err(|source| ToolError::Write {
                path: path.clone(),
                source,
            })?;
            Ok(line(path, &facts))
        }
        _ => Err(ToolError::Usage),
    }
}

fn read(path: &str) -> Result<Vec<u8>, ToolError> {
    fs::read(path).map_err(|source| ToolError::Read {
        path: path.into(),
        source,
    })
}

fn at(path: &str, source: ComponentError) -> ToolError {
    ToolError::Component {
        path: path.into(),
        source,
    }
}

fn line(path: &str, facts: &Facts) -> String {
    let name = Path::new(path)
        .file_stem()
        .map_or_else(|| path.into(), |stem| stem.to_string_lossy());
    let imports = if facts.imports.is_empty() {
        "nothing".into()
    } else {
        facts.imports.join(" ")
    };
    format!(
        "{name}: {} bytes, sha256 {}, imports {imports}",
        facts.size, facts.sha256
    )
}
