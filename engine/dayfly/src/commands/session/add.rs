//! `dayfly session add`

use std::collections::BTreeSet;

use dayfly_core::session::{SessionId, SessionType};
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{blocked_profiles, paths, workspace};
use dayfly_runtime::Home;
use dayfly_workspace::splice::{self, List};
use dayfly_workspace::{EditError, Problem, Workspace, WorkspaceFile, requires};
use serde_json::Value;

use crate::commands::init;
use crate::commands::session::fields::{Fields, flag, refuse_profile};
use crate::terminal::{print, print_json, warn};

/// Add a session to the Workspace; nothing else in the file changes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly session add main --type awsIamUser --profile main --region eu-west-1\n  dayfly session add deploy --type awsIamRoleChained --parent main --profile deploy \\\n      --role-arn arn:aws:iam::123456789012:role/deploy --label work\n  dayfly session add tool --type process --profile tool --command 'our-tool print'\n  dayfly session add local --type localstack --profile local"
)]
pub(crate) struct Args {
    /// The name.
    name: String,
    /// Access method: awsIamUser, awsIamRoleChained, awsIamRoleFederated, awsIamRoleWebIdentity,
    /// awsSsoRole, azure, localstack, process, awsInstance,
    /// awsRolesAnywhere or awsLogin.
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_type)]
    kind: SessionType,
    /// The id; Dayfly makes a new one by default.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Print the session as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    if !home.workspace().exists() {
        init::make_workspace(&home)?;
    }
    let before = workspace::require(&home)?;
    let mut object = args.fields.object(args.kind, Some(&before))?;
    for field in requires(args.kind) {
        if !object.contains_key(*field) {
            let message = format!("a session of type {} requires {}", args.kind, flag(field));
            return Err(CliError::usage(message));
        }
    }
    let id = match &args.id {
        Some(id) => id.clone(),
        None => uuid::Uuid::new_v4().to_string(),
    };
    for (field, value) in [
        ("sessionId", id.as_str()),
        ("sessionName", &args.name),
        ("type", args.kind.as_str()),
    ] {
        object.insert(field.to_owned(), Value::from(value));
    }
    let session = SessionId::new(&id);
    refuse_profile(&home, &before, &session, &object)?;
    let after = edit(&home, &session, |text| {
        splice::add(text, List::Sessions, &object)
    })?;
    if args.json {
        return print_json(&object);
    }
    let name = sanitize(&args.name);
    let mut text = format!("added session {name} ({id})\n");
    let namesakes = after
        .sessions()
        .iter()
        .filter(|e| e.session.name == args.name);
    if namesakes.count() > 1 {
        text += "another session has the same name, so use the id in commands\n";
    }
    let sessions = || after.sessions().iter().map(|entry| &entry.session);
    let profile = sessions()
        .find(|session| session.id.as_str() == id)
        .and_then(|session| session.named_profile.as_ref());
    let sharing =
        sessions().find(|other| other.id.as_str() != id && other.named_profile.as_ref() == profile);
    if let (Some(_), Some(other)) = (profile, sharing) {
        text += &format!(
            "{} has the same named profile: when one of them starts, the other stops\n",
            sanitize(&other.name)
        );
    }
    // A token asks for its PIN.
    if args.kind == SessionType::AwsIamUser || object.contains_key("pkcs11Module") {
        text += &format!("next: dayfly secret set {name}\n");
    }
    print(&text);
    Ok(Exit::Done)
}

/// Changes the Workspace file; warnings about the session are printed.
pub(crate) fn edit(
    home: &Home,
    session: &SessionId,
    change: impl FnMut(&str) -> Result<String, splice::SpliceError>,
) -> Result<Workspace, CliError> {
    let file = WorkspaceFile::at(&home.workspace());
    let after = file.edit(change).map_err(|error| match &error {
        EditError::Refused { problems } => {
            let lines: Vec<String> = problems.iter().map(plain).collect();
            CliError::usage(lines.join("\n  ")).hint("the Workspace is unchanged")
        }
        EditError::Change(error) => CliError::usage(error.to_string()),
        EditError::Write(_) => CliError::failed(error.to_string()),
    })?;
    let about = |p: &&Problem| p.session.as_ref() == Some(session);
    for problem in after.problems().iter().filter(about) {
        warn(&plain(problem));
    }
    warn_of_blocked_profiles(home, &after, &BTreeSet::from([session.clone()]));
    Ok(after)
}

/// The most sessions whose named profile is held by others that are warned of one by one.
const WARNED: usize = 5;

/// Tells at once, not at the first START, that other programs' lines hold a named profile.
pub(crate) fn warn_of_blocked_profiles(
    home: &Home,
    workspace: &Workspace,
    sessions: &BTreeSet<SessionId>,
) {
    let found = match blocked_profiles::blocked(home, workspace, sessions) {
        Ok(found) => found,
        Err(trouble) => {
            let why = trouble.message;
            return warn(&format!(
                "Dayfly could not look whether the named profile is free: {why}"
            ));
        }
    };
    for one in found.iter().take(WARNED) {
        warn(&one.warning());
    }
    if let Some(more) = found.len().checked_sub(WARNED).filter(|more| *more > 0) {
        warn(&format!(
            "other programs' lines hold the named profiles of {more} more sessions; \
             `dayfly import` lists the profiles that Dayfly can take over"
        ));
    }
}

/// A problem without its place: the person wrote flags, not lines.
fn plain(problem: &Problem) -> String {
    match &problem.hint {
        Some(hint) => format!("{} ({hint})", problem.message),
        None => problem.message.clone(),
    }
}

fn parse_type(word: &str) -> Result<SessionType, String> {
    SessionType::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = SessionType::ALL.iter().map(|t| t.as_str()).collect();
        format!("the choices are {}", known.join(", "))
    })
}
