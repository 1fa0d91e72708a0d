//! `dayfly policy sign`

use std::path::{Path, PathBuf};

use dayfly_authoring::build;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, policies, vault};
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, ModuleSource};
use dayfly_sharing::acquire::{self, Found};
use dayfly_sharing::keys;
use dayfly_store::bundle;
use dayfly_workspace::layers::Layer;

use crate::terminal::print;

/// Sign a component, a project, a bundle or a Workspace with a key of the vault.
///
/// Dayfly writes the signature beside the file in the format of minisign; `minisign -V` verifies
/// it. For a bundle, Dayfly first writes the digests of its files into bundle.toml, then signs that
/// file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy sign build/stop-idle.wasm\n  dayfly policy sign team-rules --key team"
)]
pub(crate) struct Args {
    /// A component, a Workspace (.json), or the folder of a project or a bundle.
    what: String,
    /// The key; create one with `dayfly policy keygen`.
    #[arg(long, value_name = "NAME", default_value = "default")]
    key: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let (file, content, comment) = content(&home, &args.what)?;
    let vault = vault::open(&home)?;
    let signature = keys::sign(&vault, &args.key, &content, &comment)?;
    let target = beside(&file);
    write(&target, signature.as_bytes())?;
    let public = keys::public(&vault, &args.key)?;
    print(&format!(
        "{}: {comment}, signed by {public}\n",
        target.display()
    ));
    Ok(Exit::Done)
}

/// The file that is signed, its content, and the comment that is signed as well.
pub(crate) fn content(home: &Home, what: &str) -> Result<(PathBuf, Vec<u8>, String), CliError> {
    let ModuleSource::Path(path) = acquire::source(what)? else {
        return Err(CliError::usage(format!("{what} is not a file")).hint(
            "sign a file on this machine first; `dayfly policy push` then pushes the signature \
             with it",
        ));
    };
    // Whom the person trusts is of no account for what they sign.
    let acquired = acquire::acquire(home, &Config::default(), &ModuleSource::Path(path.clone()))?;
    match acquired.found {
        Found::Workspace(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let layer = Layer::of_file("", &text).map_err(|e| {
                CliError::usage(format!("{} is not a Workspace: {e}", path.display()))
            })?;
            let comment = match layer.version() {
                Some(version) => format!("a Workspace, version {version}"),
                None => "a Workspace".to_owned(),
            };
            Ok((path, bytes, comment))
        }
        Found::Module(bytes) => {
            let module = build::load(&path.display().to_string(), &bytes, policies::compiler())?;
            let descriptor = module.descriptor();
            let comment = format!("{} {}", descriptor.name, descriptor.version);
            Ok((path, bytes, comment))
        }
        Found::Bundle { bundle, text, .. } => {
            let file = path.join(bundle::FILE);
            write(&file, &text)?;
            Ok((file, text, format!("{} {}", bundle.name, bundle.version)))
        }
    }
}

/// Where the signature of a file lies.
pub(crate) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::write(path, bytes)
        .map_err(|e| CliError::failed(format!("Dayfly cannot write {}: {e}", path.display())))
}
