//! `dayfly policy push`

use dayfly_registry::{Artifact, Kind, Layer};
use dayfly_runtime::config::{Config, ModuleSource};
use dayfly_store::Remote;
use dayfly_store::bundle;
use serde_json::json;

use crate::author::build;
use crate::commands::{print, print_json};
use crate::exit::Exit;
use crate::locate;
use crate::share::acquire::{self, Found};
use crate::share::registry;
use crate::trouble::Trouble;

/// Push a component, a project or a bundle to an OCI registry, with the signature that lies beside it.
///
/// Components go there in the layout of the CNCF, so that other tools can pull them. The credentials are those
/// that Docker keeps.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy push build/stop-idle.wasm oci://registry.example/team/stop-idle:1.0.0\n  dayfly policy push team-rules oci://registry.example/team/rules:stable"
)]
pub(crate) struct Args {
    /// A component, or the folder of a project or a bundle.
    what: String,
    /// Where to: oci://HOST/REPOSITORY:TAG.
    to: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let target = match acquire::source(&args.to)? {
        ModuleSource::Remote(Remote::Oci(oci)) if oci.digest.is_none() && oci.file.is_none() => oci,
        _ => {
            let message = format!("\"{}\" is no place to push to", args.to);
            return Err(Trouble::usage(message).hint("write oci://HOST/REPOSITORY:TAG"));
        }
    };
    let source = acquire::source(&args.what)?;
    let acquired = acquire::acquire(&home, &Config::default(), &source)?;
    let artifact = match acquired.found {
        Found::Module(bytes) => {
            let module = build::load(&source.to_string(), &bytes)?;
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
                build::load(name, bytes)?;
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
    };
    let signatures = acquired.signatures;
    let signed = signatures.len();
    let digest = registry::talk(&target, |registry, place| {
        let artifact = &artifact;
        async move {
            let digest = registry.push(&place, artifact).await?;
            for signature in &signatures {
                registry.push_signature(&place, &digest, signature).await?;
            }
            Ok(digest)
        }
    })?;
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
