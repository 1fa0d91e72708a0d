//! `dayfly integration list`

use dayfly_dialog::{CliError, Exit, Table, sanitize, time};
use dayfly_host::{paths, workspace};
use dayfly_integrations::{Found, Kind, SignInRow, azure, found, sso};
use dayfly_runtime::clock;
use serde::Serialize;

use crate::terminal::{print, print_json};

/// List the integrations, and whether you are signed in.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly integration list")]
pub(crate) struct Args {
    /// Print an array of JSON objects.
    #[arg(long)]
    json: bool,
}

/// What is known of an integration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: String,
    name: String,
    kind: Kind,
    /// The portal's address, the tenant.
    place: String,
    sessions: usize,
    #[serde(flatten)]
    sign_in: SignInRow,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let mut lines = Vec::new();
    for found in found::all(&workspace) {
        let served = workspace.sessions().iter();
        let sign_in = match &found {
            Found::Sso(integration) => sso::standing(&home, integration)?,
            Found::Azure(one) => azure::standing(&home, &workspace, &one.id)?,
        };
        lines.push(Line {
            id: found.id().to_owned(),
            name: found.name().to_owned(),
            kind: found.kind(),
            place: found.place().to_owned(),
            sessions: served.filter(|entry| found.serves(&entry.session)).count(),
            sign_in,
        });
    }
    if args.json {
        return print_json(&lines);
    }
    if lines.is_empty() {
        print("no integrations; see `dayfly integration add --help` for how to add one\n");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["NAME", "KIND", "PLACE", "SESSIONS", "SIGNED IN"]);
    for line in &lines {
        table.row([
            sanitize(&line.name),
            line.kind.to_string(),
            sanitize(&line.place),
            line.sessions.to_string(),
            words(&line.sign_in),
        ]);
    }
    print(&table.to_string());
    Ok(Exit::Done)
}

fn words(standing: &SignInRow) -> String {
    match (standing.signed_in, standing.until) {
        (Some(true), Some(until)) => format!("until {}", time::relative(until, clock::now())),
        (Some(true), None) => match standing.ends {
            Some(ends) => {
                let ends = time::relative(ends, clock::now());
                format!("yes, renewed automatically until {ends}")
            }
            None => "yes, renewed automatically".to_owned(),
        },
        (Some(false), _) => "no".to_owned(),
        (None, _) => "unknown".to_owned(),
    }
}
