//! `dayfly layer list`

use dayfly_dialog::{CliError, Exit, Table, sanitize};
use dayfly_host::{locking, paths, settings, workspace};
use dayfly_runtime::Home;
use dayfly_runtime::layer_worker::{self, Standing};
use serde::Serialize;

use crate::terminal::{print, print_json};

/// List the layers of the Workspace, in the order in which they are merged.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly layer list\n  dayfly layer list --json")]
pub(crate) struct Args {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    source: String,
    /// Sessions of the Workspace that came from it.
    sessions: usize,
    /// Whether it was ever merged.
    merged: bool,
    /// The version that was merged last, where the layer says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// What the source named what was merged last: a commit, the digest of a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<String>,
    /// Who signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    /// Whether `dayfly.toml` still names it; if not, its sessions are left over.
    included: bool,
    /// Whether its source says something else by now. Registries are not asked.
    changed: bool,
    /// Why its source cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let rows = rows(&home)?;
    if args.json {
        return print_json(&rows);
    }
    if rows.is_empty() {
        print("no layers; add one with `dayfly layer add`\n");
        return Ok(Exit::Done);
    }
    print(&table(&rows).to_string());
    Ok(Exit::Done)
}

/// The layers of the configuration, then those that are left over.
fn rows(home: &Home) -> Result<Vec<Row>, CliError> {
    let config = settings::load(home)?;
    let lock = locking::load(home)?;
    let workspace = match home.workspace().exists() {
        true => Some(workspace::require(home)?),
        false => None,
    };
    let sessions = |name: &str| {
        let entries = workspace.iter().flat_map(|workspace| {
            let entries = workspace.sessions().iter();
            entries.filter_map(|entry| workspace.layer(&entry.session.id))
        });
        entries.filter(|layer| *layer == name).count()
    };
    let standing = layer_worker::standing(home, &config.includes);
    let row = |name: &str, source: String, included: bool| {
        let locked = lock.layer(name);
        let standing = standing.get(name);
        let problem = match standing {
            Some(Standing::Unreadable(problem)) => Some(problem.clone()),
            _ => None,
        };
        Row {
            name: name.to_owned(),
            source,
            sessions: sessions(name),
            merged: locked.is_some(),
            version: locked.and_then(|layer| layer.version.clone()),
            resolved: locked.and_then(|layer| layer.resolved.clone()),
            signer: locked.and_then(|layer| layer.signer.clone()),
            included,
            changed: standing == Some(&Standing::Differs),
            problem,
        }
    };
    let includes = config.includes.iter();
    let mut rows: Vec<Row> = includes
        .map(|one| row(&one.name, one.source.to_string(), true))
        .collect();
    let known = |name: &str| config.includes.iter().any(|one| one.name == name);
    let left = lock.layers().iter().filter(|layer| !known(&layer.name));
    rows.extend(left.map(|layer| row(&layer.name, layer.source.clone(), false)));
    Ok(rows)
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(["LAYER", "VERSION", "SESSIONS", "SOURCE", "NOTE"]);
    for row in rows {
        let note = match (row.included, row.merged, &row.problem) {
            (false, _, _) => "not in dayfly.toml; `dayfly layer remove` takes its sessions out",
            (true, false, _) => "not merged yet; run `dayfly layer update`",
            (true, true, Some(problem)) => &format!("{problem}; its sessions stay"),
            (true, true, None) if row.changed => {
                "changed since it was merged; run `dayfly layer update`"
            }
            (true, true, None) => "",
        };
        table.row([
            sanitize(&row.name),
            sanitize(row.version.as_deref().unwrap_or_default()),
            row.sessions.to_string(),
            sanitize(&row.source),
            sanitize(note),
        ]);
    }
    table
}
