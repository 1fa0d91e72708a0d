//! `dayfly layer remove`

use dayfly_dialog::{CliError, Code, Exit, sanitize};
use dayfly_host::{locking, paths};
use dayfly_sharing::config_edit::Edit;
use dayfly_sharing::layers::{self, How};

use crate::consent::TALK;
use crate::terminal::{print, print_json};

/// Remove a layer: stops its sessions and takes them out of the Workspace, with what else came from it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly layer remove team")]
pub(crate) struct Args {
    /// The layer.
    name: String,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let (mut edit, config) = Edit::open(&home.config())?;
    let included = config.includes.iter().any(|one| one.name == args.name);
    let name = sanitize(&args.name);
    if !included && locking::load(&home)?.layer(&args.name).is_none() {
        let message = format!("there is no layer \"{name}\"");
        return Err(CliError::new(Code::NotFound, message).hint("`dayfly layer list` lists them"));
    }
    let how = How {
        yes: args.yes,
        quiet: args.json,
        ..How::default()
    };
    let report = layers::take_out(&home, &args.name, how, &TALK)?;
    if included {
        edit.remove_layer(&args.name)?;
        edit.save()?;
    }
    if args.json {
        return print_json(&report);
    }
    print(&format!("removed layer {name}\n"));
    Ok(Exit::Done)
}
