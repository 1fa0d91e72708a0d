//! `dayfly policy build`

use std::path::PathBuf;

use dayfly_authoring::build;
use dayfly_authoring::project::Project;
use dayfly_dialog::{CliError, Exit};
use dayfly_host::policies;
use dayfly_views::permissions::may;
use serde_json::json;

use crate::terminal::{self, print, print_json};

/// Build the policy of a project into a component, with the tools of its language.
///
/// Rust needs the target wasm32-unknown-unknown, C needs clang, JavaScript and Python need the
/// packages that the project lists; Dayfly says what is missing and how to install it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly policy build\n  dayfly policy build rules/stop-idle")]
pub(crate) struct Args {
    /// The project.
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let project = Project::require(&args.project)?;
    let built = build::build(&project, policies::compiler(), terminal::relay)?;
    let module = &built.module;
    let descriptor = module.descriptor();
    if args.json {
        return print_json(&json!({
            "path": built.path,
            "bytes": module.bytes(),
            "sha256": module.digest().to_string(),
            "contract": module.contract(),
            "world": module.world().as_str(),
            "imports": module.imports(),
        }));
    }
    let shown = built
        .path
        .strip_prefix(&project.folder)
        .unwrap_or(&built.path);
    let asks = may(descriptor.actions.iter().copied(), descriptor.may_hold);
    print(&format!(
        "{}: {} {}, {} bytes\n  sha256    {}\n  contract  {} ({})\n  imports   {}\n  asks for  {asks}\n",
        shown.display(),
        descriptor.name,
        descriptor.version,
        module.bytes(),
        module.digest(),
        module.contract(),
        module.world().as_str(),
        module.imports().join(", "),
    ));
    Ok(Exit::Done)
}
