//! `dayfly secret import-aws`

use dayfly_core::session::{Session, SessionId, SessionType};
use dayfly_core::text::shell_word;
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

/// Import the long-lived access key of a profile in the shared AWS files into the vault, and create
/// a session for it.
///
/// Dayfly reads the profile as the AWS CLI does: the key from the credentials file or else the
/// config file, region and MFA device from both. If something is ambiguous, Dayfly changes nothing:
/// a key that is given twice or in both files, a value with quotes or a comment. If a session of
/// that name exists, it gets the key. With --remove, Dayfly then removes the key from its file,
/// changes nothing else in it, and publishes the session under the profile's name: programs that
/// use the profile continue, with temporary credentials.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly secret import-aws default --session main --remove\n  dayfly secret import-aws legacy"
)]
pub(crate) struct Args {
    /// The profile.
    profile: String,
    /// The name of the session; by default the profile's name.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Named profile of the session; by default the profile's name with --remove, and otherwise
    /// that name with "-dayfly".
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
        return Err(CliError::failed(
            "the vault did not return the key that Dayfly had just stored",
        )
        .hint("the shared file is unchanged; see `dayfly doctor`"));
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
        format!("added session {shown} and stored its key {key_id}\n")
    } else {
        format!("stored key {key_id} for session {shown}\n")
    };
    let file = found.file.display();
    if args.remove {
        text += &format!("removed the key from {file}; nothing else in the file changed\n");
    } else {
        text += &format!("the key is also still in {file}; --remove removes it there\n");
    }
    for left in &found.left {
        text += &format!("not imported: {left}\n");
    }
    for twin in &found.twins {
        text += &format!("profile {twin} has the same key\n");
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
            "the profile is in region {region} (partition {b}), but session \"{shown}\" is in \
             {own} (partition {a}), where the key is not valid"
        );
        let hint = format!(
            "run `dayfly session edit {} --region {region}`, or use another --session",
            shell_word(&session.name)
        );
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
                "the vault already has another key for session \"{shown}\" ({}), which would be \
                 lost",
                kept.access_key_id
            );
            let hint = format!(
                "use another session with --session, or run `dayfly secret remove {}` first",
                shell_word(&session.name)
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
                format!("session \"{name}\" is of type {kind}, which does not use an access key");
            return Err(CliError::usage(message).hint("use another session with --session"));
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
