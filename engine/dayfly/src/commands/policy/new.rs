//! `dayfly policy new`

use std::path::{Path, PathBuf};

use dayfly_authoring::lang::Lang;
use dayfly_authoring::project::{Project, check_name};
use dayfly_authoring::{c, templates};
use dayfly_dialog::{CliError, Exit};

use crate::terminal::print;

/// Begin a policy of your own: a project with the contract, a rule that works, and a test.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly policy new stop-idle\n  dayfly policy new stop-idle --lang python\n  dayfly policy new stop-idle --lang c --folder rules/stop-idle"
)]
pub(crate) struct Args {
    /// What it is called: small letters, digits and "-".
    name: String,
    /// What it is written in.
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    lang: Lang,
    /// Where it goes, instead of a folder of its name.
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
        let message = format!("{} is there already", folder.display());
        return Err(
            CliError::failed(message).hint("nothing was written; give another name, or --folder")
        );
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
    let failed = |e| CliError::failed(format!("{} cannot be written: {e}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
