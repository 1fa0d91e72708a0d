//! `dayfly secret remove`

use dayfly_vault::ACCESS_KEY;

use crate::commands::print;
use crate::exit::Exit;
use crate::show::table::tame;
use crate::trouble::{Code, Trouble};
use crate::{engine, locate};

/// Remove the access key of a session from the vault. Credentials that were obtained with it
/// stay until they end or the session is stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly secret remove main")]
pub(crate) struct Args {
    /// An id, the beginning of one, or a unique name; or the whole id of one that is gone.
    session: String,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let workspace = engine::load(&home).ok();
    let known = workspace
        .as_ref()
        .and_then(|w| w.resolve(&args.session).ok())
        .map(|entry| entry.session.id.to_string());
    let id = known.unwrap_or_else(|| args.session.clone());
    let removed = engine::vault(&home)
        .remove(&format!("{ACCESS_KEY}{id}"))
        .map_err(|e| Trouble::failed(e.to_string()))?;
    if !removed {
        let message = format!("no access key is kept for \"{}\"", args.session);
        return Err(Trouble::new(Code::NotFound, message).hint("`dayfly secret list` shows all"));
    }
    print(&format!(
        "the access key of {} is removed\n",
        tame(&args.session)
    ));
    Ok(Exit::Done)
}
