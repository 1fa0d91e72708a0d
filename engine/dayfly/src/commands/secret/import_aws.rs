//! `dayfly secret import-aws`

use dayfly_core::session::{Session, SessionId, SessionType};
use dayfly_dialog::{CliError, Exit, sanitize};
use dayfly_host::{paths, vault, workspace};
use dayfly_runtime::Home;
use dayfly_workspace::splice::{self, List};
use dayfly_workspace::{Workspace, partition};
use serde_json::{Map, Value, json};

use crate::aws_key::{Files, Found};
use crate::commands::init;
use crate::commands::secret::set as secret_set;
use crate::commands::session::add::edit;
use crate::terminal::{print, print_json};

/// Take the long-lived access key of a profile of the shared AWS files into the vault, and make a
/// session of it.
///
/// The profile is read as the AWS CLI reads it: the key from the credentials file or else the config
/// file, region and MFA device from both. What is not clear is refused before anything is changed: a
/// key that stands there twice or in both files, a value with quotes or a comment. An existing session
/// of that name is given the key. With --remove the key is then taken out of its file, of which
/// nothing else changes, and the session is published under the profile's own name: programs that use
/// it go on, with temporary credentials.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly secret import-aws default --session main --remove\n  dayfly secret import-aws legacy"
)]
pub(crate) struct Args {
    /// The profile.
    profile: String,
    /// The name of the session; without this, the profile's.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Named profile of the session. Without this, the profile's name where the key is removed from
    /// the file, else that with "-dayfly".
    #[arg(long = "profile", value_name = "NAME")]
    named: Option<String>,
    /// Remove the key from its file.
    #[arg(long)]
    remove: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let found = Files::read(&home)?.find(&args.profile)?;
    if home.workspace().exists() {
        let workspace = workspace::require(&home)?;
        refuse_another(&home, known(&workspace, args), &found)?;
    } else {
        init::make_workspace(&home)?;
    }
    let (id, name, made) = session(&home, args, &found)?;
    secret_set::keep(&home, &id, &found.key)?;
    // The file is the only other place of the key, so nothing is removed on trust.
    let kept = vault::open(&home)?.access_key(&id);
    let kept = kept.map_err(|e| CliError::failed(e.to_string()))?;
    if kept.as_ref() != Some(&found.key) {
        return Err(
            CliError::failed("the vault does not give back the key that it was given")
                .hint("the shared file is as it was; see `dayfly doctor`"),
        );
    }
    if args.remove {
        found.remove()?;
    }
    if args.json {
        return print_json(&json!({
            "sessionId": id,
            "sessionName": name,
            "created": made,
            "accessKeyId": found.key.access_key_id,
            "removed": args.remove,
            "file": found.file,
            "notTaken": found.left,
            "sameKeyIn": found.twins,
        }));
    }
    print(&text(args, &found, &name, made));
    Ok(Exit::Done)
}

fn text(args: &Args, found: &Found, name: &str, made: bool) -> String {
    let (shown, key_id) = (sanitize(name), &found.key.access_key_id);
    let mut text = if made {
        format!("{shown} is added, and its key {key_id} is kept\n")
    } else {
        format!("{shown}: {key_id} is kept\n")
    };
    let file = found.file.display();
    if args.remove {
        text += &format!("it is removed from {file}; nothing else in it changed\n");
    } else {
        text += &format!("it still stands in {file} as well; --remove takes it out\n");
    }
    for left in &found.left {
        text += &format!("not taken over: {left}\n");
    }
    for twin in &found.twins {
        text += &format!("the same key stands in the profile {twin}\n");
    }
    text + &format!("next: dayfly session start {shown}\n")
}

/// The session that is meant, where there is one.
fn known<'w>(workspace: &'w Workspace, args: &Args) -> Option<&'w Session> {
    let name = args.session.as_ref().unwrap_or(&args.profile);
    let entry = workspace.resolve(name).ok()?;
    Some(&entry.session)
}

/// Keeps another key of the session from being lost, and this one from being sent to another
/// partition's STS.
fn refuse_another(home: &Home, session: Option<&Session>, found: &Found) -> Result<(), CliError> {
    let Some(session) = session else {
        return Ok(());
    };
    let shown = sanitize(&session.name);
    let own = session.region.as_deref();
    if let (Some(own), Some(region)) = (own, found.region.as_deref())
        && let (Some(a), Some(b)) = (partition(own), partition(region))
        && a != b
    {
        let message = format!(
            "the profile says region {region} (partition {b}), but session \"{shown}\" is in {own} \
             (partition {a}), where the key is not known"
        );
        let hint = format!("dayfly session edit {shown} --region {region}, or another --session");
        return Err(CliError::usage(message).hint(hint));
    }
    if !home.vault().exists() {
        return Ok(());
    }
    let kept = vault::open(home)?.access_key(&session.id);
    let kept = kept.map_err(|e| CliError::failed(e.to_string()))?;
    match kept {
        Some(kept) if kept != found.key => {
            let message = format!(
                "session \"{shown}\" has another key already ({}), which would be lost",
                kept.access_key_id
            );
            let hint = format!(
                "name another session with --session, or first `dayfly secret remove {shown}`"
            );
            Err(CliError::usage(message).hint(hint))
        }
        _ => Ok(()),
    }
}

/// Whether the file itself gives the session a region.
fn says_region(workspace: &Workspace, id: &SessionId) -> bool {
    let file: Value = serde_json::from_str(workspace.source()).unwrap_or_default();
    let mut sessions = file["sessions"].as_array().into_iter().flatten();
    sessions.any(|session| session["sessionId"] == id.as_str() && session["region"].is_string())
}

/// The session that gets the key: id, name, and whether it is new.
fn session(home: &Home, args: &Args, found: &Found) -> Result<(SessionId, String, bool), CliError> {
    let workspace = workspace::require(home)?;
    let name = args.session.clone().unwrap_or_else(|| args.profile.clone());
    let named = match (&args.named, args.remove) {
        (Some(named), _) => named.clone(),
        (None, true) => args.profile.clone(),
        (None, false) => format!("{}-dayfly", args.profile),
    };
    let text = |field: &str, value: &Option<String>| {
        let value = value.clone();
        value.map(|value| (field.to_owned(), Value::from(value)))
    };
    let mut object = Map::new();
    if let Some(session) = known(&workspace, args) {
        let kind = session.session_type();
        if kind != SessionType::AwsIamUser {
            let message =
                format!("session \"{name}\" is of type {kind}, which has no key of its own");
            return Err(CliError::usage(message).hint("name another one with --session"));
        }
        // What the person wrote stays.
        if !says_region(&workspace, &session.id) {
            object.extend(text("region", &found.region));
        }
        if session.mfa_device().is_none() {
            object.extend(text("mfaDevice", &found.mfa_device));
        }
        if args.named.is_some() || args.remove {
            object.insert("profileName".to_owned(), named.into());
            object.insert("profileId".to_owned(), Value::Null);
        }
        let id = session.id.clone();
        if !object.is_empty() {
            edit(home, &id, |text| {
                splice::update(text, List::Sessions, id.as_str(), &object)
            })?;
        }
        return Ok((id, session.name.clone(), false));
    }
    let id = SessionId::new(&uuid::Uuid::new_v4().to_string());
    let fields = [
        ("sessionId", Some(id.to_string())),
        ("sessionName", Some(name.clone())),
        ("type", Some(SessionType::AwsIamUser.to_string())),
        ("profileName", Some(named)),
        ("region", found.region.clone()),
        ("mfaDevice", found.mfa_device.clone()),
    ];
    for (field, value) in &fields {
        object.extend(text(field, value));
    }
    edit(home, &id, |text| splice::add(text, List::Sessions, &object))?;
    Ok((id, name, true))
}
