//! `dayfly policy new`

use std::path::{Path, PathBuf};

use dayfly_authoring::lang::Lang;
use dayfly_authoring::project::{Project, check_name};
use dayfly_authoring::{c, templates};
use dayfly_dialog::{CliError, Exit};

use crate::terminal::print;

/// Create a project for your own policy, with the contract, a working rule, and a test.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy new stop-idle\n  dayfly policy new stop-idle --lang python\n  dayfly policy new stop-idle --lang c --folder rules/stop-idle"
)]
pub(crate) struct Args {
    /// The name: lower-case letters, digits and "-".
    name: String,
    /// The language.
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    lang: Lang,
    /// The folder, instead of one with its name.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    check_name(&args.name)?;
    let folder = args
        .folder
        .clone()
        .unwrap_or_else(|| PathBuf::from(&args.name));
    let taken = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    if taken || folder.is_file() {
        let message = format!("{} already exists", folder.display());
        return Err(CliError::failed(message)
            .hint("nothing was written; choose another name, or use --folder"));
    }
    for (path, text) in templates::files(&args.name, args.lang) {
        write(&folder.join(path), &text)?;
    }
    if args.lang == Lang::C {
        // So that an editor finds the types before the first build.
        c::bindings(&Project::require(&folder)?)?;
    }
    let place = folder.display();
    print(&format!(
        "{place}: a policy in {}; the rule is in {}\n\n  cd {place}\n  {}\n  \
         dayfly policy build\n  dayfly policy test\n",
        args.lang.name(),
        args.lang.source(),
        args.lang.setup(),
    ));
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |e| CliError::failed(format!("Dayfly cannot write {}: {e}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
