//! `dayfly integration remove`

use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{paths, workspace};
use dayfly_integrations::{find, remove};

use crate::terminal::print;

/// Remove an integration from the Workspace.
///
/// This does not sign you out: use `dayfly integration logout`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly integration remove corp\n  dayfly integration remove corp --with-sessions"
)]
pub(crate) struct Args {
    /// A name, an id, or the beginning of an id.
    integration: String,
    /// Remove its sessions as well; Dayfly stops active ones first.
    #[arg(long)]
    with_sessions: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let found = find(&workspace, &args.integration)?;
    let served = workspace.sessions().iter();
    let served = served.filter(|entry| found.serves(&entry.session));
    let sessions: Vec<_> = served.map(|entry| entry.session.id.clone()).collect();
    let name = sanitize(found.name());
    if !args.with_sessions && !sessions.is_empty() {
        let count = sessions.len();
        let s = if count == 1 { "session" } else { "sessions" };
        let message = format!("removing integration \"{name}\" leaves {count} {s} without it");
        return Err(
            CliError::usage(message).hint("pass --with-sessions to remove those sessions too")
        );
    }
    remove::integration(&home, &workspace, &found, &sessions)?;
    let and = match sessions.len() {
        0 => String::new(),
        1 => " with 1 session".to_owned(),
        n => format!(" with {n} sessions"),
    };
    print(&format!("removed integration {name}{and}\n"));
    Ok(Exit::Done)
}
