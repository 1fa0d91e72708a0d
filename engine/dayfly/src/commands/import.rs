//! `dayfly import`

mod sources;
mod start;

use std::collections::BTreeSet;
use std::path::Path;

use dayfly_dialog::{CliError, Code, Exit, Table, sanitize};
use dayfly_host::{paths, vault, workspace};
use dayfly_import::{
    Applied, AwsProfiles, Candidate, ImportError, Importer, Listing, Plan, Requirement, Row,
    Source, SourceError, Verdict,
};
use dayfly_integrations::aws_profiles;
use dayfly_runtime::Home;
use dayfly_workspace::{Workspace, WorkspaceFile};
use serde_json::{Value, json};

use crate::commands::init;
use crate::terminal::{print, print_json};

/// Take over the sessions that you have in other tools.
///
/// Without --apply nothing changes: the command shows what would come, as which session and under which
/// profile, what each needs of you, and what cannot come and why. Sources: aws (the profiles of the AWS
/// config and credentials files), awsume, aws-vault, granted, aws-sso-cli, saml2aws, leapp, hopkey and azure
/// (the subscriptions of the Azure CLI).
///
/// An imported session keeps the name of its profile. What the profile said about its credentials is set
/// aside in its place, as comments, and comes back when the session is removed; long-lived keys move into
/// the vault. Nothing else of the files changes. A tool that is running is not imported from: it would go on to
/// write the same files.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly import\n  dayfly import --apply\n  dayfly import --apply --start\n  dayfly import aws --apply\n  dayfly import --undo"
)]
pub(crate) struct Args {
    /// The sources to look at; without this, all of them.
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// Import what can come.
    #[arg(long)]
    apply: bool,
    /// Also start the imported sessions that need nothing of you, so that their profiles work at once.
    #[arg(long, requires = "apply", conflicts_with = "json")]
    start: bool,
    /// Leave long-lived keys where they are; store each with `dayfly secret set`.
    #[arg(long)]
    without_keys: bool,
    /// Take the last import back, while nothing of it was edited since.
    #[arg(long, conflicts_with_all = ["apply", "sources", "without_keys"])]
    undo: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let files = aws_profiles(&home)?;
    if args.undo {
        return undo(args, &home, &files);
    }
    let sources = sources::all(&files)?;
    let sources: Vec<&dyn Source> = sources.iter().map(Box::as_ref).collect();
    let found = look(args, &sources)?;
    let known = known(&home)?;
    let mut plan = Plan::new(&known, &found);
    if args.without_keys {
        plan.leave_keys();
    }
    if !args.apply {
        return tell(args, &plan, &found, None);
    }
    prepare(&mut plan, &sources)?;
    if plan.added().next().is_some() {
        init::make_home(&home)?;
    }
    let applied = with(&home, &files, |importer| importer.apply(&plan))?;
    let told = tell(args, &plan, &found, Some(&applied))?;
    match args.start {
        true => start::start_imported(&home, &plan),
        false => Ok(told),
    }
}

/// What is to be known before anything is changed: that no tool would go on beside, and all keys.
fn prepare(plan: &mut Plan, sources: &[&dyn Source]) -> Result<(), CliError> {
    // Of a session that is there, lines may wait from an import that was interrupted.
    let waits = |row: &&Row| match row.verdict {
        Verdict::Add(_) => true,
        Verdict::Present(_) => !row.candidate.lines.is_empty(),
        Verdict::Twice(_) | Verdict::Collides { .. } => false,
    };
    let coming: BTreeSet<&str> = plan
        .rows
        .iter()
        .filter(waits)
        .map(|row| row.source.as_str())
        .collect();
    let coming = sources
        .iter()
        .filter(|source| coming.contains(source.name()));
    for source in coming {
        source.may_import().map_err(unread)?;
    }
    plan.fetch_keys(sources).map_err(unread)
}

fn unread(error: SourceError) -> CliError {
    let message = sanitize(&error.to_string());
    CliError::failed(format!("{message}; nothing was imported")).hint(sanitize(&error.hint))
}

/// What the sources have that were named, or all of them.
fn look<'a>(args: &Args, sources: &[&'a dyn Source]) -> Result<Vec<(&'a str, Listing)>, CliError> {
    for asked in &args.sources {
        if !sources.iter().any(|source| source.name() == asked) {
            let known: Vec<&str> = sources.iter().map(|source| source.name()).collect();
            let message = format!("there is no source \"{}\"", sanitize(asked));
            return Err(CliError::new(Code::NotFound, message)
                .hint(format!("the sources are: {}", known.join(", "))));
        }
    }
    let wanted = |source: &&&dyn Source| {
        args.sources.is_empty() || args.sources.iter().any(|asked| asked == source.name())
    };
    let listed = sources
        .iter()
        .filter(wanted)
        .map(|source| Ok((source.name(), source.list()?)));
    listed.collect::<Result<_, SourceError>>().map_err(unread)
}

/// The Workspace as it is, or an empty one where there is none yet.
fn known(home: &Home) -> Result<std::sync::Arc<Workspace>, CliError> {
    if home.workspace().exists() {
        return workspace::require(home);
    }
    let empty = Workspace::parse("{ \"sessions\": [] }", &home.workspace(), None);
    empty
        .map(std::sync::Arc::new)
        .map_err(|error| CliError::failed(error.to_string()))
}

fn with<T>(
    home: &Home,
    files: &AwsProfiles,
    act: impl FnOnce(Importer<'_>) -> Result<T, ImportError>,
) -> Result<T, CliError> {
    let file = WorkspaceFile::at(&home.workspace());
    let vault = vault::open(home)?;
    let record = home.import_record();
    let importer = Importer {
        workspace: &file,
        vault: &vault,
        files,
        record: &record,
    };
    act(importer).map_err(|error| failed(&error))
}

fn failed(error: &ImportError) -> CliError {
    let message = error.to_string();
    match error {
        ImportError::NoRecord => CliError::new(Code::NotFound, message),
        ImportError::Edited(_) | ImportError::InUse(_) => CliError::failed(message).hint(
            "nothing was changed; `dayfly session remove` takes single sessions back, with the lines of their profiles",
        ),
        ImportError::OtherKey(_) => CliError::failed(message)
            .hint("`dayfly secret list` shows it; remove it, or the key of the profile, and import again"),
        ImportError::Workspace(_) | ImportError::Rejected(_) => {
            CliError::failed(message).hint("mend the Workspace, then try again: what was begun is ended then")
        }
        _ => CliError::failed(message).hint("try again: what was begun is ended then"),
    }
}

fn undo(args: &Args, home: &Home, files: &AwsProfiles) -> Result<Exit, CliError> {
    if !home.workspace().exists() {
        return Err(failed(&ImportError::NoRecord));
    }
    let gone = with(home, files, |importer| importer.undo())?;
    if args.json {
        return print_json(&json!({ "removed": gone }));
    }
    let names: Vec<String> = gone.iter().map(|name| sanitize(name)).collect();
    print(&format!(
        "{} removed; the profiles are as they were\n",
        names.join(", ")
    ));
    Ok(Exit::Done)
}

fn tell(
    args: &Args,
    plan: &Plan,
    found: &[(&str, Listing)],
    applied: Option<&Applied>,
) -> Result<Exit, CliError> {
    if args.json {
        return print_json(&as_json(plan, found, applied));
    }
    print(&text(args, plan, found, applied));
    Ok(Exit::Done)
}

fn text(args: &Args, plan: &Plan, found: &[(&str, Listing)], applied: Option<&Applied>) -> String {
    let mut text = String::new();
    let files: BTreeSet<_> = found
        .iter()
        .flat_map(|(_, listing)| &listing.files)
        .collect();
    let read: Vec<String> = files
        .into_iter()
        .filter(|file| file.exists())
        .map(|file| shown(file))
        .collect();
    if plan.rows.is_empty() && plan.refused.is_empty() {
        let where_ = if read.is_empty() {
            String::new()
        } else {
            format!(" in {}", read.join(", "))
        };
        return format!("there is nothing to import{where_}\n");
    }
    let mut table = Table::new(["SESSION", "TYPE", "PROFILE", "FROM", "NEEDS"]);
    let mut rows = 0;
    for (row, _) in plan.added() {
        rows += 1;
        let candidate = &row.candidate;
        let needs: Vec<&str> = candidate
            .requires
            .iter()
            .map(|need| words(*need, candidate))
            .collect();
        table.row([
            sanitize(&candidate.name),
            candidate.kind.to_string(),
            candidate
                .profile
                .as_deref()
                .map(sanitize)
                .unwrap_or_else(|| "-".to_owned()),
            sanitize(&candidate.place),
            if needs.is_empty() {
                "nothing".to_owned()
            } else {
                needs.join(", ")
            },
        ]);
    }
    if rows > 0 {
        text += &table.to_string();
    }
    text += &notes(plan);
    text + &end(rows, plan, found, applied) + &next(args, plan, applied)
}

/// What does not come, or not wholly.
fn notes(plan: &Plan) -> String {
    let mut text = String::new();
    let of = |row: &Row| {
        format!(
            "{} ({})",
            sanitize(&row.candidate.name),
            sanitize(&row.candidate.place)
        )
    };
    for row in &plan.rows {
        if let Verdict::Collides { why, hint } = &row.verdict {
            let (why, hint) = (sanitize(why), sanitize(hint));
            text += &format!("in the way of {}: {why}\n  {hint}\n", of(row));
        }
    }
    for (_, refused) in &plan.refused {
        let (name, place) = (sanitize(&refused.name), sanitize(&refused.place));
        text += &format!(
            "cannot come: {name} ({place}): {}\n",
            sanitize(&refused.why)
        );
        if let Some(hint) = &refused.hint {
            text += &format!("  {}\n", sanitize(hint));
        }
    }
    for (row, _) in plan.added() {
        for left in &row.candidate.not_taken {
            let (field, place) = (sanitize(&left.field), sanitize(&left.place));
            text += &format!(
                "{}: {field} ({place}) {}\n",
                sanitize(&row.candidate.name),
                sanitize(&left.why)
            );
        }
    }
    text
}

fn end(rows: usize, plan: &Plan, found: &[(&str, Listing)], applied: Option<&Applied>) -> String {
    let present = plan
        .rows
        .iter()
        .filter(|row| matches!(row.verdict, Verdict::Present(_)));
    let known = present.count()
        + found
            .iter()
            .map(|(_, listing)| listing.taken_over)
            .sum::<usize>();
    let known = match known {
        0 => String::new(),
        1 => " (1 is in the Workspace already)".to_owned(),
        _ => format!(" ({known} are in the Workspace already)"),
    };
    let Some(applied) = applied else {
        let next = if rows == 0 {
            ""
        } else {
            "; `dayfly import --apply` imports what can come"
        };
        return format!(
            "{} would be added{known}; nothing was changed{next}\n",
            count(rows, "session")
        );
    };
    let mut text = format!("added {}{known}", count(applied.sessions.len(), "session"));
    if applied.keys > 0 {
        text += &format!("; moved {} into the vault", count(applied.keys, "key"));
    }
    if applied.copied > 0 {
        text += &format!("; copied {} into the vault", count(applied.copied, "key"));
    }
    text + "\n"
}

/// What to do next with what was imported.
fn next(args: &Args, plan: &Plan, applied: Option<&Applied>) -> String {
    if applied.is_none_or(|applied| applied.sessions.is_empty()) {
        return String::new();
    }
    let undo = "`dayfly import --undo` takes it all back";
    let startable = plan
        .added()
        .find(|(row, _)| row.candidate.profile.is_some());
    match startable.filter(|_| !args.start) {
        Some((row, _)) => {
            let name = sanitize(&row.candidate.name);
            format!("next: dayfly session start {name}; {undo}\n")
        }
        None => format!("{undo}\n"),
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

fn words(need: Requirement, candidate: &Candidate) -> &'static str {
    match need {
        Requirement::Secret if candidate.moves_key() => "its key moves into the vault",
        Requirement::Secret => "its key is copied into the vault",
        Requirement::KeyByHand => "its key (`dayfly secret set`)",
        Requirement::SignIn => "a sign-in",
        Requirement::MfaCode => "an MFA code at each start",
    }
}

fn shown(path: &Path) -> String {
    sanitize(&path.display().to_string())
}

fn as_json(plan: &Plan, found: &[(&str, Listing)], applied: Option<&Applied>) -> Value {
    let sources: Vec<Value> = found
        .iter()
        .map(|(name, listing)| json!({ "name": name, "files": listing.files }))
        .collect();
    let rows = plan.rows.iter();
    let once = rows.filter(|row| !matches!(row.verdict, Verdict::Twice(_)));
    let rows: Vec<Value> = once.map(row_json).collect();
    let refused: Vec<Value> = plan
        .refused
        .iter()
        .map(|(source, refused)| {
            json!({ "source": source, "name": refused.name, "place": refused.place, "why": refused.why, "hint": refused.hint })
        })
        .collect();
    json!({
        "applied": applied.is_some(),
        "sources": sources,
        "sessions": rows,
        "refused": refused,
        "keysMoved": applied.map(|applied| applied.keys),
        "keysCopied": applied.map(|applied| applied.copied),
        "profilesTakenOver": applied.map(|applied| &applied.profiles),
    })
}

fn row_json(row: &Row) -> Value {
    let candidate = &row.candidate;
    let (status, id, why, hint) = match &row.verdict {
        Verdict::Add(object) => ("new", object.get("sessionId").cloned(), None, None),
        Verdict::Present(id) | Verdict::Twice(id) => ("present", Some(json!(id)), None, None),
        Verdict::Collides { why, hint } => ("collides", None, Some(why), Some(hint)),
    };
    let needs: Vec<&str> = candidate
        .requires
        .iter()
        .map(|need| match need {
            Requirement::Secret => "key",
            Requirement::KeyByHand => "key-by-hand",
            Requirement::SignIn => "sign-in",
            Requirement::MfaCode => "mfa-code",
        })
        .collect();
    let not_taken: Vec<Value> = candidate
        .not_taken
        .iter()
        .map(|left| json!({ "field": left.field, "place": left.place, "why": left.why }))
        .collect();
    json!({
        "source": row.source,
        "status": status,
        "sessionId": id,
        "sessionName": candidate.name,
        "type": candidate.kind.as_str(),
        "profile": candidate.profile,
        "place": candidate.place,
        "needs": needs,
        "notTaken": not_taken,
        "why": why,
        "hint": hint,
    })
}
