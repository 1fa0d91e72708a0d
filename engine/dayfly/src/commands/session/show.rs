//! `dayfly session show`

use dayfly_core::time::Timestamp;
use dayfly_dialog::{CliError, Code, Exit, sanitize, time};
use dayfly_host::{paths, reports, workspace};
use dayfly_runtime::clock;
use dayfly_runtime::report::{KeyReport, SessionReport};
use dayfly_views::{keys, sessions};

use crate::terminal::{print, print_json};

/// Show all details of one session, but no secrets.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly session show dev\n  dayfly session show dev --json")]
pub(crate) struct Args {
    /// An id, the beginning of an id, or a unique name.
    session: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let workspace = workspace::require(&home)?;
    let id = &workspace::session(&workspace, &args.session)?.id;
    let report = reports::of(&home)?;
    let session = report.sessions.iter().find(|s| s.id == *id);
    let session = session.ok_or_else(|| {
        let message = format!(
            "the running engine has not loaded session \"{}\" yet",
            args.session
        );
        CliError::new(Code::NotFound, message).hint("try again in a moment")
    })?;
    if args.json {
        return print_json(session);
    }
    let parent = session
        .parent
        .as_ref()
        .and_then(|parent| report.sessions.iter().find(|s| s.id == *parent))
        .map(|parent| parent.name.clone());
    print(&text(session, parent));
    Ok(Exit::Done)
}

fn text(session: &SessionReport, parent: Option<String>) -> String {
    let now = clock::now();
    let moment = |at| format!("{} ({})", time::date_and_clock(at), time::relative(at, now));
    let labels = session
        .labels
        .iter()
        .map(|(key, value)| match value.as_str() {
            "" => key.clone(),
            value => format!("{key}={value}"),
        });
    let places = sessions::places(session);
    let mut rows = vec![
        ("name", Some(session.name.clone())),
        ("id", Some(session.id.to_string())),
        ("type", Some(session.session_type.to_string())),
        ("layer", session.layer.clone()),
        ("status", Some(session.status.to_string())),
        ("doing", session.doing.clone()),
        ("profile", session.profile.clone()),
        ("region", session.region.clone()),
        ("account", session.account.clone()),
        ("role", session.role_arn.clone()),
        (
            "chained to",
            parent.or_else(|| session.parent.as_ref().map(ToString::to_string)),
        ),
        (
            "labels",
            Some(labels.collect::<Vec<_>>().join(", ")).filter(|l| !l.is_empty()),
        ),
        ("issued", session.started_at.map(moment)),
        ("ends", session.expires_at.map(moment)),
        ("error", session.error.as_ref().map(|e| e.message.clone())),
        ("", session.error.as_ref().and_then(|e| e.hint.clone())),
        (
            "request",
            session.error.as_ref().and_then(|e| e.request_id.clone()),
        ),
        ("next try", session.retry_at.map(moment)),
        (
            "note",
            Some(note_but_key(session, now)).filter(|n| !n.is_empty() && session.error.is_none()),
        ),
    ];
    let ends = rows.iter().position(|(key, _)| *key == "ends");
    let after_ends = ends.map_or(rows.len(), |at| at + 1);
    let labelled = places.into_iter().enumerate().map(|(n, place)| {
        let key = if n == 0 { "delivered" } else { "" };
        (key, Some(place))
    });
    let of_key = session.key.iter().flat_map(|key| key_rows(key, now));
    rows.splice(after_ends..after_ends, labelled.chain(of_key));
    let mut text = String::new();
    for (key, value) in rows {
        if let Some(value) = value {
            text += &format!("{key:<11}{}\n", sanitize(&value));
        }
    }
    text
}

/// How old its access key is, and what is wrong with it.
fn key_rows(key: &KeyReport, now: Timestamp) -> [(&'static str, Option<String>); 3] {
    let hint = key.error.as_ref().and_then(|error| error.hint.clone());
    [
        ("access key", Some(keys::age(key, now))),
        ("", keys::note(key, now)),
        ("", hint),
    ]
}

/// What else is to be said of it: what is to be said of its key has lines of its own.
fn note_but_key(session: &SessionReport, now: Timestamp) -> String {
    let session = SessionReport {
        key: None,
        ..session.clone()
    };
    sessions::note(&session, now)
}
