//! `dayfly layer push`

use dayfly_dialog::{CliError, Code, Exit, sanitize};
use dayfly_host::paths;
use dayfly_registry::{Artifact, Kind, Layer as Part};
use dayfly_runtime::config::{Config, ModuleSource};
use dayfly_sharing::acquire::{self, Found};
use dayfly_sharing::registry;
use dayfly_store::{OciSource, Remote};
use dayfly_workspace::layers::Layer;
use dayfly_workspace::{Severity, Workspace};
use serde_json::json;

use crate::terminal::{print, print_json};

/// Push a Workspace to an OCI registry, with the signature beside it, for others to add as a layer.
///
/// Dayfly uses Docker's credentials. The file has to say its version, so that nobody goes back to an older one
/// unnoticed: `dayfly workspace export --layer-version 1.0.0` writes one. `dayfly policy sign` signs the file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly layer push cloud.json oci://registry.example/team/cloud:stable\n  dayfly layer push git:~/team//cloud.json?ref=main oci://registry.example/team/cloud:stable"
)]
pub(crate) struct Args {
    /// A Workspace: a file, or git:FOLDER//FILE?ref=REVISION.
    what: String,
    /// The destination: oci://HOST/REPOSITORY:TAG.
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
    let artifact = artifact(&source, acquired.found, &target)?;
    let signed = acquired.signatures.len();
    let digest = registry::push(&target, &artifact, &acquired.signatures)?;
    let name = Remote::Oci(target);
    if args.json {
        return print_json(&json!({
            "source": name.to_string(),
            "version": artifact.version,
            "digest": digest,
            "signatures": signed,
        }));
    }
    let with = match signed {
        0 => "without a signature",
        _ => "with its signature",
    };
    print(&format!(
        "{name}: version {} {with}\n  {digest}\n  next: dayfly layer add {name}\n",
        sanitize(&artifact.version)
    ));
    Ok(Exit::Done)
}

fn target(text: &str) -> Result<OciSource, CliError> {
    let here = std::env::current_dir()
        .map_err(|e| CliError::failed(format!("there is no current folder: {e}")))?;
    let refused = |message: String| {
        CliError::usage(message).hint(
            "use oci://HOST/REPOSITORY:TAG; to hand a Workspace out as a file or by git, copy it there",
        )
    };
    let source = ModuleSource::parse(&here, text).map_err(|(message, _)| refused(message))?;
    match source {
        ModuleSource::Remote(Remote::Oci(oci)) if oci.digest.is_none() && oci.file.is_none() => {
            Ok(oci)
        }
        _ => Err(refused(format!(
            "Dayfly cannot push a Workspace to \"{text}\""
        ))),
    }
}

/// What a registry is to have of it: a Workspace that others can use, and can tell from an older one.
fn artifact(source: &ModuleSource, found: Found, target: &OciSource) -> Result<Artifact, CliError> {
    let refused = |problem: String, hint: &str| {
        Err(CliError::new(Code::Usage, format!("{source} {problem}"))
            .hint(format!("nothing was pushed; {hint}")))
    };
    let Found::Workspace(bytes) = found else {
        let what = found.what();
        return refused(
            format!("is {what}, not a Workspace"),
            "`dayfly policy push` pushes a policy",
        );
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let layer = match Layer::of_file("", &text) {
        Ok(layer) => layer,
        Err(problem) => {
            let problem = format!("is not a Workspace: {problem}");
            return refused(problem, "`dayfly workspace schema` prints what one is");
        }
    };
    let path = std::path::PathBuf::from(source.to_string());
    let first = match Workspace::parse(&text, &path, None) {
        Ok(workspace) => {
            let mut problems = workspace.problems().iter();
            problems.find(|p| p.severity == Severity::Error).cloned()
        }
        Err(rejected) => rejected.problems.into_iter().next(),
    };
    if let Some(problem) = first {
        return refused(
            format!(
                "has errors, first in line {}: {}",
                problem.line, problem.message
            ),
            "mend the file first; `dayfly workspace validate FILE` lists all of them",
        );
    }
    let Some(version) = layer.version().map(str::to_owned) else {
        return refused(
            "does not say its version".to_owned(),
            "write \"layerVersion\": \"1.0.0\" into it (and a higher one each time), then sign it again: \
             without it nobody would notice an older one",
        );
    };
    let name = target.repository.rsplit('/').next().unwrap_or_default();
    Ok(Artifact {
        kind: Kind::Workspace,
        layers: vec![Part {
            name: "workspace.json".into(),
            bytes,
        }],
        name: name.to_owned(),
        version,
        summary: String::new(),
        interfaces: (Vec::new(), Vec::new()),
    })
}
