//! `dayfly session edit`

use dayfly_control::protocol::not_found;
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{paths, workspace};
use dayfly_workspace::Workspace;
use dayfly_workspace::splice::{self, List};
use serde_json::Value;

use crate::commands::session::add::edit;
use crate::commands::session::fields::{Fields, refuse_profile};
use crate::terminal::print;

/// Change fields of a session in the Workspace; nothing else in the file changes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly session edit deploy --region eu-central-1\n  dayfly session edit deploy --name release --unset externalId"
)]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// The new name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Remove a field, with its name in the file; repeat the option for several fields.
    #[arg(long, value_name = "FIELD")]
    unset: Vec<String>,
}

/// What the engine writes, and what makes a session the one that it is.
const KEPT: [&str; 6] = [
    "sessionId",
    "sessionName",
    "type",
    "status",
    "startDateTime",
    "sessionTokenExpiration",
];

/// Whether a session can have this field, or has it.
fn known(workspace: &Workspace, id: &str, field: &str) -> bool {
    let of_schema = dayfly_workspace::schema()["$defs"]
        .as_object()
        .into_iter()
        .flat_map(|defs| defs.values())
        .any(|of| of["properties"].get(field).is_some());
    let file: Value = serde_json::from_str(workspace.source()).unwrap_or_default();
    let mut sessions = file["sessions"].as_array().into_iter().flatten();
    let written = sessions.find(|session| session["sessionId"] == id);
    of_schema || written.is_some_and(|session| session.get(field).is_some())
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let entry = workspace
        .resolve(&args.session)
        .map_err(|e| not_found(&e))?;
    let session = &entry.session;
    let mut changes = args
        .fields
        .object(session.session_type(), Some(&workspace))?;
    // A profile has one name, whichever way it was written.
    if changes.contains_key("profileName") {
        changes.insert("profileId".to_owned(), Value::Null);
    }
    if let Some(name) = &args.name {
        changes.insert("sessionName".to_owned(), Value::from(name.as_str()));
    }
    for field in &args.unset {
        if KEPT.contains(&field.as_str()) {
            return Err(CliError::usage(format!("`{field}` cannot be removed")));
        }
        if !known(&workspace, session.id.as_str(), field) {
            let message = format!(
                "\"{}\" has no field `{}`",
                sanitize(&session.name),
                sanitize(field)
            );
            return Err(CliError::usage(message)
                .hint("use the field names of the file: profileName, externalId, labels, …"));
        }
        if changes.get(field).is_some_and(|value| !value.is_null()) {
            return Err(CliError::usage(format!(
                "`{field}` is both set and removed"
            )));
        }
        changes.insert(field.clone(), Value::Null);
    }
    if changes.is_empty() {
        return Err(CliError::usage("there is nothing to change")
            .hint("see `dayfly session edit --help` for the fields"));
    }
    let id = session.id.clone();
    if changes.contains_key("profileName") || changes.contains_key("delivery") {
        refuse_profile(&home, &workspace, &id, &changes)?;
    }
    let after = edit(&home, &id, |text| {
        splice::update(text, List::Sessions, id.as_str(), &changes)
    })?;
    let name = sanitize(&session.name);
    let same = after.source() == workspace.source();
    print(&if same {
        format!("{name}: no change\n")
    } else {
        let fields: Vec<&str> = changes
            .iter()
            .filter(|(field, value)| !(value.is_null() && field.as_str() == "profileId"))
            .map(|(field, _)| field.as_str())
            .collect();
        format!("changed {name}: {}\n", fields.join(", "))
    });
    Ok(Exit::Done)
}
