//! `dayfly policy push`

use std::path::{Path, PathBuf};

use dayfly_authoring::build;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{paths, policies};
use dayfly_registry::{Artifact, Kind, Layer};
use dayfly_runtime::config::{Config, ModuleSource};
use dayfly_sharing::acquire::{self, Found};
use dayfly_sharing::{folder, registry};
use dayfly_store::{OciSource, Remote, bundle};
use serde_json::json;

use crate::terminal::{print, print_json};

/// Push a component, a project or a bundle to an OCI registry or into a folder, with the signature
/// beside it.
///
/// In a registry, components have the CNCF layout, so other tools can pull them. Dayfly uses
/// Docker's credentials. In a folder, such as a share or a git checkout, a component becomes
/// NAME.wasm, and a bundle keeps its files.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy push build/stop-idle.wasm oci://registry.example/team/stop-idle:1.0.0\n  dayfly policy push team-rules oci://registry.example/team/rules:stable\n  dayfly policy push build/stop-idle.wasm /mnt/team/policies"
)]
pub(crate) struct Args {
    /// A component, or the folder of a project or a bundle.
    what: String,
    /// The destination: oci://HOST/REPOSITORY:TAG, or a folder.
    to: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let target = target(&args.to)?;
    let source = acquire::source(&args.what)?;
    let acquired = acquire::acquire(&home, &Config::default(), &source)?;
    let artifact = artifact(&source, acquired.found)?;
    let signatures = acquired.signatures;
    let signed = signatures.len();
    let target = match target {
        Target::Folder(path) => return into_folder(args, &path, &artifact, &signatures),
        Target::Registry(oci) => oci,
    };
    let digest = registry::push(&target, &artifact, &signatures)?;
    let name = Remote::Oci(target);
    if args.json {
        return print_json(&json!({
            "source": name.to_string(),
            "digest": digest,
            "signatures": signed,
        }));
    }
    let with = match signed {
        0 => "without a signature",
        _ => "with its signature",
    };
    print(&format!(
        "{name}: {} {} {with}\n  {digest}\n",
        artifact.name, artifact.version
    ));
    Ok(Exit::Done)
}

/// What a registry is to have of it: each component has to be one that runs here.
fn artifact(source: &ModuleSource, found: Found) -> Result<Artifact, CliError> {
    Ok(match found {
        Found::Module(bytes) => {
            let module = build::load(&source.to_string(), &bytes, policies::compiler())?;
            let descriptor = module.descriptor();
            let exports = vec![format!("dayfly:policy/policy@{}", module.contract())];
            Artifact {
                kind: Kind::Module,
                layers: vec![Layer {
                    name: format!("{}.wasm", descriptor.name),
                    bytes,
                }],
                name: descriptor.name.clone(),
                version: descriptor.version.clone(),
                summary: descriptor.summary.clone(),
                interfaces: (module.imports().to_vec(), exports),
            }
        }
        Found::Bundle {
            bundle,
            text,
            files,
        } => {
            for (name, bytes) in &files {
                build::load(name, bytes, policies::compiler())?;
            }
            let first = Layer {
                name: bundle::FILE.into(),
                bytes: text,
            };
            let files = files.into_iter().map(|(name, bytes)| Layer { name, bytes });
            Artifact {
                kind: Kind::Bundle,
                layers: std::iter::once(first).chain(files).collect(),
                name: bundle.name,
                version: bundle.version,
                summary: bundle.summary,
                interfaces: (Vec::new(), Vec::new()),
            }
        }
        Found::Workspace(_) => {
            let message = format!("{source} is a Workspace, not a policy");
            return Err(CliError::usage(message)
                .hint("nothing was pushed; `dayfly layer push` pushes a Workspace"));
        }
    })
}

enum Target {
    Registry(OciSource),
    Folder(PathBuf),
}

fn target(text: &str) -> Result<Target, CliError> {
    let here = std::env::current_dir()
        .map_err(|e| CliError::failed(format!("there is no current folder: {e}")))?;
    let source = ModuleSource::parse(&here, text)
        .map_err(|(message, hint)| CliError::usage(message).hint(hint))?;
    match source {
        ModuleSource::Remote(Remote::Oci(oci)) if oci.digest.is_none() && oci.file.is_none() => {
            Ok(Target::Registry(oci))
        }
        ModuleSource::Path(path) => Ok(Target::Folder(path)),
        _ => {
            let message = format!("Dayfly cannot push to \"{text}\"");
            let hint = "use oci://HOST/REPOSITORY:TAG or a folder; to publish through git, push to \
                        the folder of the checkout and commit it yourself";
            Err(CliError::usage(message).hint(hint))
        }
    }
}

fn into_folder(
    args: &Args,
    path: &Path,
    artifact: &Artifact,
    signatures: &[String],
) -> Result<Exit, CliError> {
    let place = folder::put(path, artifact, signatures)?;
    let place = place.display().to_string();
    if args.json {
        return print_json(&json!({ "source": place, "signatures": signatures.len().min(1) }));
    }
    let with = match signatures {
        [] => "without a signature",
        _ => "with its signature",
    };
    print(&format!(
        "{}: {} {} {with}\n  next: dayfly policy add {}\n",
        sanitize(&place),
        artifact.name,
        artifact.version,
        sanitize(&place)
    ));
    Ok(Exit::Done)
}
