//! `dayfly integration sync`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, workspace};
use dayfly_integrations::{Found, azure_sync, find, sso_sync};
use dayfly_workspace::Entry;
use serde::Serialize;

use crate::commands::session::add::warn_of_blocked_profiles;
use crate::progress::ProgressLine;
use crate::terminal::{print, print_json};

/// Import the accounts and roles, or the subscriptions, of an integration as sessions.
///
/// Dayfly adds new sessions, updates what the portal says about existing ones, and stops and
/// removes sessions of roles that you no longer have. Names, labels, profiles, regions, delivery
/// and everything else you wrote do not change.
///
/// If the shared AWS files have a profile for one of the roles, its session takes over that profile,
/// as with `dayfly import`: Dayfly sets the lines aside until the session is removed. Other new
/// sessions get a profile that is named as `profileTemplate` of the integration says.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly integration sync corp --dry-run\n  dayfly integration sync corp"
)]
pub(crate) struct Args {
    /// A name, an id, or the beginning of an id.
    integration: String,
    /// Show what would change, but change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Remove all its sessions even if the portal lists no account at all.
    #[arg(long)]
    remove_all: bool,
    /// Give new sessions profiles of their own, even if the shared AWS files have profiles for their
    /// roles.
    #[arg(long)]
    new_profiles: bool,
    /// Print what changed as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let found = find(&workspace, &args.integration)?;
    let how = sso_sync::How {
        dry_run: args.dry_run,
        remove_all: args.remove_all,
        new_profiles: args.new_profiles,
    };
    let progress = ProgressLine::start();
    let exit = match &found {
        Found::Sso(integration) => {
            let outcome = sso_sync::run(&home, integration, how, &progress)?;
            told(args, &outcome, |outcome| outcome.text(found.name()))
        }
        Found::Azure(one) => {
            let outcome = azure_sync::run(&home, &one.id, how, &progress)?;
            told(args, &outcome, |outcome| outcome.text(found.name()))
        }
    };
    if !args.dry_run {
        let after = workspace::require(&home)?;
        let of = |entry: &&Entry| entry.session.sign_in() == Some(found.id());
        let sessions = after.sessions().iter().filter(of);
        let sessions = sessions.map(|entry| entry.session.id.clone()).collect();
        warn_of_blocked_profiles(&home, &after, &sessions);
    }
    exit
}

fn told<T: Serialize>(
    args: &Args,
    outcome: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<Exit, CliError> {
    if args.json {
        return print_json(outcome);
    }
    print(&text(outcome));
    Ok(Exit::Done)
}
