//! `dayfly secret import-aws`

use std::path::Path;
use std::time::Duration;

use dayfly_chain::ini::{Document, Kind, Section};
use dayfly_core::session::{SessionId, SessionType};
use dayfly_runtime::Home;
use dayfly_vault::shared_file::{self, SharedFile};
use dayfly_vault::{AccessKey, SecretString};
use dayfly_workspace::splice::{self, List};
use serde_json::{Map, Value, json};

use crate::commands::session_add::edit;
use crate::commands::{init, print, print_json, secret_set};
use crate::exit::Exit;
use crate::show::table::tame;
use crate::trouble::{Code, Trouble};
use crate::{engine, locate};

/// Take the long-lived access key of a profile of the AWS credentials file into the vault, and make a
/// session of it.
///
/// Region and MFA device are taken from the profile in the AWS config file. An existing session of
/// that name is given the key. With --remove the key is then taken out of the credentials file, of
/// which nothing else changes, and the session is published under the profile's own name: programs
/// that use it go on, with temporary credentials.
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
    /// Remove the key from the credentials file.
    #[arg(long)]
    remove: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// The longest file that is read, in bytes.
const LIMIT: u64 = 64 << 20;
/// How long another process may keep the file locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);
/// How often the removal is made anew because the file changed meanwhile.
const ATTEMPTS: usize = 20;

const KEY_ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let file = engine::credentials_file(&home)?;
    let key = key(&file, &args.profile)?;
    let settings = Settings::read(&engine::config_file(&home)?, &args.profile);
    if !home.workspace().exists() {
        init::make_workspace(&home)?;
    }
    let (id, name, made) = session(&home, args, &settings)?;
    let before = secret_set::keep(&home, &id, &key)?;
    // The file is the only other place of the key, so nothing is removed on trust.
    let kept = engine::vault(&home).access_key(&id);
    let kept = kept.map_err(|e| Trouble::failed(e.to_string()))?;
    if kept.as_ref() != Some(&key) {
        return Err(
            Trouble::failed("the vault does not give back the key that it was given")
                .hint("the credentials file is as it was; see `dayfly doctor`"),
        );
    }
    if args.remove {
        remove(&file, &args.profile, &key)?;
    }
    if args.json {
        return print_json(&json!({
            "sessionId": id,
            "sessionName": name,
            "created": made,
            "accessKeyId": key.access_key_id,
            "removed": args.remove,
            "file": file,
        }));
    }
    let (shown, key_id) = (tame(&name), &key.access_key_id);
    let mut text = match (made, before) {
        (true, _) => format!("{shown} is added, and its key {key_id} is kept\n"),
        (false, Some(before)) if before.access_key_id != *key_id => format!(
            "{shown}: {key_id} is kept, in the place of {}\n",
            before.access_key_id
        ),
        (false, _) => format!("{shown}: {key_id} is kept\n"),
    };
    let file = file.display();
    if args.remove {
        text += &format!("it is removed from {file}; nothing else in it changed\n");
    } else {
        text += &format!("it still stands in {file} as well; --remove takes it out\n");
    }
    text += &format!("next: dayfly session start {shown}\n");
    print(&text);
    Ok(Exit::Done)
}

/// The value of a key, where the section has it once.
fn value<'a>(section: &'a Section<'_>, name: &str) -> Option<&'a str> {
    let mut found = section.lines.iter().filter(|line| line.is_key(name));
    let (_, value) = found.next()?.pair()?;
    std::str::from_utf8(value).ok().filter(|v| !v.is_empty())
}

/// The one section of a profile.
fn section<'d, 'a>(
    document: &'d Document<'a>,
    names: &[String],
) -> Result<Option<&'d Section<'a>>, Trouble> {
    let named = |section: &&Section<'_>| {
        let name = section.name.as_deref().unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        section.name.is_some() && names.iter().any(|wanted| name.trim() == wanted)
    };
    let mut found = document.sections.iter().filter(named);
    let first = found.next();
    if first.is_some() && found.next().is_some() {
        let message = format!("the profile \"{}\" stands twice in its file", names[0]);
        return Err(Trouble::failed(message).hint("leave the one that is meant, and try again"));
    }
    Ok(first)
}

fn key(file: &Path, profile: &str) -> Result<AccessKey, Trouble> {
    let seen = shared_file::peek(file, LIMIT).map_err(|e| Trouble::failed(e.to_string()))?;
    let document = Document::parse(seen.bytes());
    let shown = tame(profile);
    let found = section(&document, &[profile.to_owned()])?.ok_or_else(|| {
        let message = format!("there is no profile \"{shown}\" in {}", file.display());
        let names = document.sections.iter().filter_map(|s| s.name.as_deref());
        let names: Vec<_> = names.map(|n| tame(&String::from_utf8_lossy(n))).collect();
        Trouble::new(Code::NotFound, message).hint(format!("there are: {}", names.join(", ")))
    })?;
    let ours = found.lines.iter().any(|line| line.is_key("dayfly_session"));
    if ours || value(found, "aws_session_token").is_some() {
        let message =
            format!("the credentials of \"{shown}\" are temporary, and end by themselves");
        return Err(Trouble::usage(message).hint("give a profile with a long-lived key (AKIA…)"));
    }
    let (Some(id), Some(secret)) = (value(found, KEY_ID), value(found, SECRET)) else {
        let message = format!("the profile \"{shown}\" has no access key of its own");
        return Err(Trouble::usage(message));
    };
    let key = AccessKey {
        access_key_id: id.to_owned(),
        secret_access_key: SecretString::from(secret.to_owned()),
    };
    secret_set::check(&key)?;
    Ok(key)
}

/// What the AWS config file says of the profile.
#[derive(Debug, Default)]
struct Settings {
    region: Option<String>,
    mfa_device: Option<String>,
}

impl Settings {
    fn read(file: &Path, profile: &str) -> Self {
        // One that cannot be read says nothing; the session can be edited.
        let Ok(seen) = shared_file::peek(file, LIMIT) else {
            return Self::default();
        };
        let document = Document::parse(seen.bytes());
        let names = [format!("profile {profile}"), profile.to_owned()];
        let names = if profile == "default" {
            &names[..]
        } else {
            &names[..1]
        };
        let Ok(Some(section)) = section(&document, names) else {
            return Self::default();
        };
        Self {
            region: value(section, "region").map(str::to_owned),
            mfa_device: value(section, "mfa_serial").map(str::to_owned),
        }
    }
}

/// The session that gets the key: id, name, and whether it is new.
fn session(
    home: &Home,
    args: &Args,
    settings: &Settings,
) -> Result<(SessionId, String, bool), Trouble> {
    let workspace = engine::require(home)?;
    let name = args.session.clone().unwrap_or_else(|| args.profile.clone());
    let named = match (&args.named, args.remove) {
        (Some(named), _) => named.clone(),
        (None, true) => args.profile.clone(),
        (None, false) => format!("{}-dayfly", args.profile),
    };
    let mut object = Map::new();
    let known = workspace.resolve(&name).ok();
    let wanted = known.map(|entry| &entry.session);
    if let Some(session) = wanted {
        let kind = session.session_type();
        if kind != SessionType::AwsIamUser {
            let message =
                format!("session \"{name}\" is of type {kind}, which has no key of its own");
            return Err(Trouble::usage(message).hint("name another one with --session"));
        }
        // What the person wrote stays.
        if session.region.is_none() {
            object.extend(
                settings
                    .region
                    .clone()
                    .map(|r| ("region".to_owned(), r.into())),
            );
        }
        if session.mfa_device().is_none() {
            let device = settings.mfa_device.clone();
            object.extend(device.map(|d| ("mfaDevice".to_owned(), d.into())));
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
        ("region", settings.region.clone()),
        ("mfaDevice", settings.mfa_device.clone()),
    ];
    for (field, value) in fields {
        object.extend(value.map(|value| (field.to_owned(), value.into())));
    }
    edit(home, &id, |text| splice::add(text, List::Sessions, &object))?;
    Ok((id, name, true))
}

/// Takes the key out of the file. Every other byte stays.
fn remove(path: &Path, profile: &str, key: &AccessKey) -> Result<(), Trouble> {
    let failed = |e: dayfly_vault::private_file::PrivateFileError| {
        Trouble::failed(e.to_string()).hint("the key is kept, and still stands in the file as well")
    };
    let file = SharedFile::lock(path, LOCK_DEADLINE).map_err(failed)?;
    for _ in 0..ATTEMPTS {
        let seen = file.read(LIMIT).map_err(failed)?;
        let mut document = Document::parse(seen.bytes());
        let place = document.sections.iter().position(|section| {
            let name = section.name.as_deref().unwrap_or_default();
            String::from_utf8_lossy(name).trim() == profile
                && value(section, KEY_ID) == Some(&key.access_key_id)
                && value(section, SECRET) == Some(key.secret_access_key.expose())
        });
        let Some(place) = place else {
            // Somebody else has changed it meanwhile; what stands there now was not imported.
            let message = format!("{} was changed meanwhile", path.display());
            return Err(Trouble::failed(message).hint("look at it; the key is kept"));
        };
        strip(&mut document, place);
        if file.replace(&seen, &document.render()).map_err(failed)? {
            return Ok(());
        }
    }
    let message = format!("{} is changed all the time", path.display());
    Err(Trouble::failed(message).hint("the key is kept; try again with --remove"))
}

/// Takes the lines of the key out of a section, and its header where nothing is left below it.
fn strip(document: &mut Document<'_>, place: usize) {
    let Some(section) = document.sections.get_mut(place) else {
        return;
    };
    let mut going = false;
    section.lines.retain(|line| {
        going = match line.kind {
            Kind::Continuation => going,
            _ => line.is_key(KEY_ID) || line.is_key(SECRET),
        };
        !going
    });
    let left = |kind: &Kind| !matches!(kind, Kind::Header | Kind::Blank);
    if !section.lines.iter().any(|line| left(&line.kind)) {
        section.lines.retain(|line| line.kind != Kind::Header);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str, place: usize) -> String {
        let mut document = Document::parse(text.as_bytes());
        strip(&mut document, place);
        String::from_utf8(document.render().to_vec()).unwrap()
    }

    #[test]
    fn only_the_key_goes() {
        let text = "# mine\n[a]\naws_access_key_id=AKIA1\nregion = x\r\n; note\n\
                    aws_secret_access_key : s\n   more\n\n[b]\nx = 1\n";
        assert_eq!(
            stripped(text, 1),
            "# mine\n[a]\nregion = x\r\n; note\n\n[b]\nx = 1\n"
        );
        let text = "[a]\nAWS_ACCESS_KEY_ID = AKIA1\naws_secret_access_key = s\n\n[b]\nx = 1";
        assert_eq!(stripped(text, 1), "\n[b]\nx = 1");
    }

    #[test]
    fn a_temporary_key_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        let base =
            "[a]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = canary\n";
        std::fs::write(&file, base).unwrap();
        assert_eq!(
            key(&file, "a").unwrap().secret_access_key.expose(),
            "canary"
        );
        for (text, profile) in [
            (format!("{base}aws_session_token = t\n"), "a"),
            (format!("{base}dayfly_session = s\n"), "a"),
            (format!("{base}{base}"), "a"),
            ("[a]\nrole_arn = x\n".to_owned(), "a"),
            (base.to_owned(), "b"),
        ] {
            std::fs::write(&file, &text).unwrap();
            let told = key(&file, profile).unwrap_err().to_string();
            assert!(!told.contains("canary"), "{told}");
        }
    }
}
