//! `dayfly workspace export`

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::ValueEnum;
use dayfly_core::session::{Session, SessionId};
use dayfly_dialog::{CliError, Exit};
use dayfly_host::{paths, workspace};
use dayfly_runtime::Home;
use dayfly_store::seen::is_version;
use dayfly_views::filter::has_label;
use dayfly_workspace::layers::VERSION;
use dayfly_workspace::{Workspace, export, session_object};

use crate::terminal::{print, print_json};

/// Print sessions for others: as a Workspace, as profiles of the AWS config file, or as a list.
///
/// Sessions bring those that they are chained to and what they refer to. Nothing secret is in it: keys stay in
/// the vault. Another person adds the output with `dayfly layer add`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly workspace export > workspace.json\n  dayfly workspace export --label team=cloud > cloud.json\n  dayfly workspace export deploy --format aws-config >> ~/.aws/config"
)]
pub(crate) struct Args {
    /// Ids, beginnings of ids, or unique names; by default all sessions.
    sessions: Vec<String>,
    /// Only sessions with this label: `key` or `key=value`; repeat the option for several labels. Case does not
    /// matter, and `*` stands for any text.
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Workspace)]
    format: Format,
    /// The version of the Workspace for those who add it as a layer, such as 1.4.0.
    #[arg(long, value_name = "VERSION")]
    layer_version: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A Workspace file.
    Workspace,
    /// A profile for each session that has a named profile; it asks this Dayfly for credentials.
    AwsConfig,
    /// A JSON array of the sessions as they are in force, with their states.
    Json,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    if let Some(version) = &args.layer_version
        && !(is_version(version) && matches!(args.format, Format::Workspace))
    {
        let message = format!("\"{version}\" cannot be the version of what is printed");
        let hint = "write a version such as 1.4.0; only `--format workspace` has one";
        return Err(CliError::usage(message).hint(hint));
    }
    let home = paths::home()?;
    let known = workspace::require(&home)?;
    let mut chosen = BTreeSet::new();
    for asked in &args.sessions {
        chosen.insert(workspace::session(&known, asked)?.id.clone());
    }
    let wanted = |session: &Session| {
        (args.sessions.is_empty() || chosen.contains(&session.id))
            && args
                .label
                .iter()
                .all(|label| has_label(&session.labels, label))
    };
    let entries = known.sessions().iter().map(|entry| &*entry.session);
    let ids: BTreeSet<SessionId> = entries
        .filter(|session| wanted(session))
        .map(|session| session.id.clone())
        .collect();
    match args.format {
        Format::Workspace => {
            let mut exported = export(&known, &ids);
            if let (Some(version), Some(fields)) = (&args.layer_version, exported.as_object_mut()) {
                fields.insert(VERSION.to_owned(), version.as_str().into());
            }
            print_json(&exported)
        }
        Format::Json => {
            let entries = known.sessions().iter();
            let entries = entries.filter(|entry| ids.contains(&entry.session.id));
            let objects = entries.map(|entry| session_object(&entry.session, &entry.projection));
            print_json(&objects.collect::<Vec<_>>())
        }
        Format::AwsConfig => {
            print(&profiles(&home, &known, &ids)?);
            Ok(Exit::Done)
        }
    }
}

/// The profiles of the sessions, each of which asks this Dayfly.
fn profiles(
    home: &Home,
    workspace: &Workspace,
    ids: &BTreeSet<SessionId>,
) -> Result<String, CliError> {
    let process = paths::process(home)?;
    let mut text = String::new();
    let entries = workspace.sessions().iter().map(|entry| &*entry.session);
    for session in entries.filter(|session| ids.contains(&session.id)) {
        let Some(profile) = &session.named_profile else {
            continue;
        };
        let line = process.line(session.id.as_str()).map_err(|problem| {
            CliError::failed(format!("session \"{}\": {problem}", session.name))
        })?;
        let section = match profile.as_str() {
            "default" => "[default]".to_owned(),
            name => format!("[profile {name}]"),
        };
        let region = session.region.as_deref().or(workspace.default_region());
        let region = region.map(|region| format!("region = {region}\n"));
        let blank = if text.is_empty() { "" } else { "\n" };
        let _ = write!(
            text,
            "{blank}{section}\ncredential_process = {line}\n{}",
            region.unwrap_or_default()
        );
    }
    Ok(text)
}
