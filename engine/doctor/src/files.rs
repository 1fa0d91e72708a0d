//! The shared files: whether sessions can be published there, and what would be found before them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dayfly_awsfiles::{AwsFile, Kind};
use dayfly_chain::{Change, Profiles, Publication};
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::session::{Lease, Session};
use dayfly_core::text::shell_word;
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_host::{paths, settings};
use dayfly_runtime::Home;
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use dayfly_workspace::Workspace;

use crate::findings::Findings;

/// The longest shared file that is read.
const LIMIT: u64 = 64 << 20;

/// Whether each session could be published under its profile, wherever it is to be, and would be
/// found there.
pub fn shared_files(
    home: &Home,
    workspace: Option<&Workspace>,
    findings: &mut Findings,
) -> Result<(), CliError> {
    let config = match settings::in_force(home) {
        Ok(config) => config,
        Err(_) => {
            let hint = "fix dayfly.toml first";
            findings.notice(
                "credentials file",
                "not checked: dayfly.toml, which says where it is, cannot be read",
                hint,
            );
            return Ok(());
        }
    };
    let credentials = settings::credentials_file(&config)?;
    let sessions = workspace.map(Workspace::sessions).unwrap_or_default();
    let sessions: Vec<Going<'_>> = sessions
        .iter()
        .filter_map(|entry| {
            let session = &*entry.session;
            let profile = session.named_profile.as_deref()?;
            let to = workspace?.delivery_in_force(&session.id, config.delivery.as_ref());
            Some((session, profile, to))
        })
        .collect();
    for (place, about, path, usual) in [
        (
            Place::CredentialsFile,
            "credentials file",
            credentials.clone(),
            paths::credentials_file()?,
        ),
        (
            Place::CredentialProcess,
            "config file",
            settings::config_file(&config)?,
            paths::config_file()?,
        ),
    ] {
        let file = File {
            place,
            about,
            path,
            usual,
        };
        let to = sessions.iter().filter(|(.., d)| d.contains(&place));
        file.look(home, &to.collect::<Vec<_>>(), findings)?;
    }
    if let Some(text) = read(&credentials, "credentials file", &mut Findings::default()) {
        for (session, profile, delivery) in &sessions {
            if delivery.contains(&Place::CredentialProcess) {
                hidden(&credentials, &text, session, profile, delivery, findings);
            }
        }
    }
    Ok(())
}

/// A session, its named profile, and where its credentials go.
type Going<'a> = (&'a Session, &'a str, Delivery);

/// A shared file that sessions go into.
struct File {
    place: Place,
    about: &'static str,
    path: PathBuf,
    /// What programs in this shell read.
    usual: PathBuf,
}

impl File {
    /// Whether it can be read, is the one that programs read, and can take these sessions.
    fn look(
        &self,
        home: &Home,
        to: &[&Going<'_>],
        findings: &mut Findings,
    ) -> Result<(), CliError> {
        let Self {
            place,
            about,
            path,
            usual,
        } = self;
        let Some(text) = read(path, about, findings) else {
            return Ok(());
        };
        let kind = match place {
            Place::CredentialProcess => Kind::Config,
            _ => Kind::Credentials,
        };
        if path != usual {
            // What programs read is looked at whether or not something is published there.
            if let Some(text) = read(usual, about, findings) {
                readable(usual, &text, kind, about, findings);
            }
        }
        if !readable(path, &text, kind, about, findings) {
            return Ok(());
        }
        if to.is_empty() {
            return Ok(());
        }
        if path != usual {
            let message = format!(
                "Dayfly publishes sessions in {}, but programs in this shell read {}",
                path.display(),
                usual.display()
            );
            let variable = match place {
                Place::CredentialProcess => "AWS_CONFIG_FILE",
                _ => "AWS_SHARED_CREDENTIALS_FILE",
            };
            let hint = format!("export {variable}={}", path.display());
            findings.notice(about, message, &hint);
        }
        let mut well = true;
        for (session, profile, _) in to {
            if let Err((message, hint)) = try_out(home, *place, path, &text, session, profile)? {
                well = false;
                findings.wrong(about, message, &hint);
            }
        }
        // Where it cannot be written at all, that is said with the delivery.
        if well && dayfly_vault::shared_file::writable(path).is_ok() {
            let message = format!("Dayfly can publish every session in {}", path.display());
            findings.good(about, message);
        }
        Ok(())
    }
}

/// Names what keeps the AWS CLI, the SDKs and Dayfly from reading a file; whether nothing does.
fn readable(
    path: &Path,
    text: &[u8],
    kind: Kind,
    about: &'static str,
    findings: &mut Findings,
) -> bool {
    /// How many faults of a file are told.
    const TOLD: usize = 5;
    let Err(faults) = AwsFile::read(text, kind) else {
        return true;
    };
    let count = faults.all().count();
    for fault in faults.all().take(TOLD) {
        let message = format!(
            "the AWS CLI cannot read {}, so Dayfly publishes nothing there: {fault}",
            path.display()
        );
        findings.wrong(about, message, fault.what.hint());
    }
    if count > TOLD {
        let message = format!(
            "{}: {} more problems like these",
            path.display(),
            count - TOLD
        );
        findings.wrong(about, message, "");
    }
    false
}

fn read(
    path: &Path,
    about: &'static str,
    findings: &mut Findings,
) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    match dayfly_fs::bounded::read_secret(path, LIMIT) {
        Ok(text) => Some(text.unwrap_or_default()),
        Err(e) => {
            let hint = format!(
                "replace {} with a file that you can read and write",
                path.display()
            );
            findings.wrong(
                about,
                format!("Dayfly cannot read {}: {e}", path.display()),
                &hint,
            );
            None
        }
    }
}

/// Publishes into a copy in memory what is worth nothing; why that is refused, and how to mend it.
fn try_out(
    home: &Home,
    place: Place,
    path: &Path,
    text: &[u8],
    session: &Session,
    profile: &str,
) -> Result<Result<(), (String, String)>, CliError> {
    let (word, process) = (home.word(), paths::process(home)?);
    let mut profiles = match place {
        Place::CredentialProcess => Profiles::parse_config(path, text, Some(&word), &process),
        _ => Profiles::parse_for(path, text, Some(&word)),
    };
    let attempt = Change::Publish(Publication {
        session: session.id.clone(),
        session_name: session.name.clone(),
        profile: profile.to_owned(),
        credentials: Arc::new(nothing()),
        displaced: Vec::new(),
        region: None,
    });
    Ok(profiles.apply(&attempt).map_err(|error| {
        let message = format!("session \"{}\": {error}", session.name);
        (message, error.hint().unwrap_or_default())
    }))
}

/// Keys in the credentials file are found before a `credential_process` of the same profile.
fn hidden(
    path: &Path,
    text: &[u8],
    session: &Session,
    profile: &str,
    delivery: &Delivery,
    findings: &mut Findings,
) {
    const ABOUT: &str = "credential_process";
    let name = &session.name;
    if delivery.contains(&Place::CredentialsFile) {
        let message = format!(
            "Dayfly also publishes session \"{name}\" in the credentials file, which programs read \
             first and only once: running programs do not see rotations"
        );
        let hint = format!(
            "dayfly session edit {} --delivery credential-process",
            shell_word(name)
        );
        return findings.notice(ABOUT, message, &hint);
    }
    // One that cannot be read is told already.
    let Ok(file) = AwsFile::read(text, Kind::Credentials) else {
        return;
    };
    let key = file
        .profile(profile)
        .and_then(|own| own.keys.get("aws_access_key_id"));
    if let Some(key) = key {
        let at = format!("{}:{}", path.display(), key.line);
        let message = format!(
            "session \"{name}\": {at}: profile \"{profile}\" has static keys, which programs use \
             instead of Dayfly's"
        );
        let hint = format!("remove the keys from [{profile}], or give the session another profile");
        findings.wrong(ABOUT, message, &hint);
    }
}

fn nothing() -> TemporaryCredentials {
    TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::ZERO,
            expires_at: None,
        },
        material: Material::Aws {
            access_key_id: "none".into(),
            secret_access_key: SecretString::from("none".to_owned()),
            session_token: None,
            region: None,
        },
    }
}
