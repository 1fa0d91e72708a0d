//! How old the access keys of IAM users are, and whether they are replaced as their rules say.

use std::collections::BTreeMap;
use std::time::Duration;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::session::{Session, SessionId, SessionType};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_dialog::time::span;
use dayfly_host::{settings, vault};
use dayfly_providers::interrupted_rotations;
use dayfly_runtime::report::{EngineReport, KeyReport};
use dayfly_runtime::{Home, clock};
use dayfly_vault::ACCESS_KEY;
use dayfly_views::keys;
use dayfly_workspace::Workspace;

use crate::findings::Findings;

const ABOUT: &str = "access key";

/// Keys that are overdue for rotation, rotations that were interrupted, and how old the others are: as the engine
/// knows it, else as long as the vault has had them.
pub fn access_keys(home: &Home, workspace: Option<&Workspace>, findings: &mut Findings) {
    let Some(workspace) = workspace else { return };
    let now = clock::now();
    let looked_after = looked_after(home);
    let stored = stored(home);
    // Where the configuration cannot be read, that is told already.
    let Ok(config) = settings::in_force(home) else {
        return;
    };
    let usual = config.aws.rotate_key_days;
    let mut ages = Vec::new();
    let sessions = workspace.sessions().iter().map(|entry| &entry.session);
    for session in sessions.filter(|s| s.session_type() == SessionType::AwsIamUser) {
        let Some(stored) = stored.get(&session.id) else {
            continue;
        };
        if let Some(key) = looked_after.get(&session.id) {
            match keys::note(key, now) {
                Some(note) => tell(session, key, &note, now, findings),
                None => ages.push(format!("{}: {}", session.name, keys::age(key, now))),
            }
            continue;
        }
        let days = workspace
            .rotate_key_days(&session.id)
            .or(usual)
            .unwrap_or(0);
        let age = now.since(stored.since);
        let name = &session.name;
        if stored.interrupted {
            let message = format!(
                "the rotation of the access key of \"{name}\" was interrupted, so two keys can be used"
            );
            let again = format!("run `dayfly secret rotate {}`", shell_word(name));
            let hint = format!("{again}, or start the engine, which ends it");
            findings.wrong(ABOUT, message, &hint);
        } else if days > 0 && age >= Duration::from_secs(86_400) * days {
            let message = format!(
                "the access key of \"{name}\" is overdue for rotation: it is to be replaced after {days} \
                 days, and the vault has had it for {}",
                span(age)
            );
            let again = format!("`dayfly secret rotate {}`", shell_word(name));
            let hint = format!("start the engine, which replaces it, or run {again}");
            findings.wrong(ABOUT, message, &hint);
        } else {
            ages.push(format!("{name}: in the vault for {}", span(age)));
        }
    }
    if !ages.is_empty() {
        findings.good(ABOUT, ages.join(", "));
    }
}

/// Says what is wrong with a key that the engine looks after.
fn tell(session: &Session, key: &KeyReport, note: &str, now: Timestamp, findings: &mut Findings) {
    // The text of an error names the session already.
    let message = match key.error {
        Some(_) => format!("{note} (the key is {})", keys::age(key, now)),
        None => format!("\"{}\": {note} ({})", session.name, keys::age(key, now)),
    };
    let hint = key.error.as_ref().and_then(|error| error.hint.as_deref());
    match (&key.error, &key.held) {
        (Some(_), _) => findings.wrong(ABOUT, message, hint.unwrap_or_default()),
        (None, Some(_)) => {
            let again = format!("`dayfly secret rotate {}`", shell_word(&session.name));
            let hint = format!("Dayfly replaces it once the policy lets it; {again} does it now");
            findings.notice(ABOUT, message, &hint);
        }
        (None, None) => findings.notice(ABOUT, message, "the engine is at it"),
    }
}

/// What the running engine knows of keys that it looks after.
fn looked_after(home: &Home) -> BTreeMap<SessionId, KeyReport> {
    let report = client::ask::<EngineReport>(home, &Request::Report {});
    let sessions = report.and_then(Result::ok).map(|report| report.sessions);
    let sessions = sessions.unwrap_or_default().into_iter();
    sessions
        .filter_map(|session| Some((session.id, session.key?)))
        .collect()
}

/// A key in the vault.
struct Stored {
    since: Timestamp,
    interrupted: bool,
}

/// The keys in the vault. That it cannot be read is told elsewhere.
fn stored(home: &Home) -> BTreeMap<SessionId, Stored> {
    let vault = vault::open(home).ok().filter(|_| home.vault().exists());
    let Some(vault) = vault else {
        return BTreeMap::new();
    };
    let interrupted = interrupted_rotations(&vault).unwrap_or_default();
    let all = vault.list().unwrap_or_default().into_iter();
    let of = |info: dayfly_vault::SecretInfo| {
        let id = SessionId::new(info.name.strip_prefix(ACCESS_KEY)?);
        let stored = Stored {
            since: info.updated_at,
            interrupted: interrupted.contains(&id),
        };
        Some((id, stored))
    };
    all.filter_map(of).collect()
}
