//! A long-lived key in the shared files of the AWS CLI and SDKs: found as the AWS CLI finds it, or
//! refused, and taken out of its file once it is kept elsewhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dayfly_awsfiles::{AwsFile, Both, Kind, load, without};
use dayfly_dialog::{CliError, Code, sanitize};
use dayfly_host::settings;
use dayfly_runtime::Home;
use dayfly_vault::private_file::PrivateFileError;
use dayfly_vault::shared_file;
use dayfly_vault::{AccessKey, SecretString};

/// The longest file that is changed, in bytes.
const LIMIT: u64 = 64 << 20;
/// How long another process may keep the file locked.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);

const KEY_ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
const TOKENS: [&str; 2] = ["aws_session_token", "aws_security_token"];
/// What the AWS CLI uses before a key of the same profile.
///
/// Source: botocore, `create_credential_resolver`.
const FIRST: [&str; 6] = [
    "role_arn",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "login_session",
];
/// The same, where the key stands in the config file.
const PROCESS: &str = "credential_process";

/// Why something cannot be a long-lived access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Id,
    Secret,
    Temporary,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => {
                "this is not an access key id: an access key id has 16 to 128 letters and \
                         digits"
            }
            Self::Secret => {
                "the secret is empty or contains a character that is not valid in a secret access \
                 key"
            }
            Self::Temporary => "this is a temporary key, which expires",
        })
    }
}

/// What is wrong with a key.
///
/// Source: AWS IAM API reference, `AccessKey`: the id has 16 to 128 word characters.
pub(crate) fn unusable(key: &AccessKey) -> Option<Unusable> {
    let id = &key.access_key_id;
    let is_id = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !(16..=128).contains(&id.len()) || !id.bytes().all(is_id) {
        return Some(Unusable::Id);
    }
    let secret = key.secret_access_key.expose();
    if secret.is_empty() || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(Unusable::Secret);
    }
    id.starts_with("ASIA").then_some(Unusable::Temporary)
}

/// Both shared files.
#[derive(Debug)]
pub(crate) struct Files {
    credentials: PathBuf,
    config: PathBuf,
    both: Both,
}

/// What a profile has.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: PathBuf,
    kind: Kind,
    profile: String,
    pub(crate) key: AccessKey,
    pub(crate) region: Option<String>,
    pub(crate) mfa_device: Option<String>,
    /// What it has and a session cannot have.
    pub(crate) left: Vec<String>,
    /// Other profiles with the same key.
    pub(crate) twins: Vec<String>,
}

impl Files {
    /// Reads both.
    pub(crate) fn read(home: &Home) -> Result<Self, CliError> {
        let configured = settings::load(home)?;
        let credentials = settings::credentials_file(&configured)?;
        let config = settings::config_file(&configured)?;
        let read = |path: &Path, kind| {
            load(path, kind).map_err(|unreadable| {
                let told = format!("{unreadable}; nothing was changed");
                CliError::failed(told).hint(unreadable.hint())
            })
        };
        let both = Both {
            credentials: read(&credentials, Kind::Credentials)?,
            config: read(&config, Kind::Config)?,
        };
        Ok(Self {
            credentials,
            config,
            both,
        })
    }

    fn of(&self, kind: Kind) -> (&Path, &AwsFile) {
        match kind {
            Kind::Credentials => (&self.credentials, &self.both.credentials),
            Kind::Config => (&self.config, &self.both.config),
        }
    }

    /// `PATH:LINE`.
    fn place(&self, kind: Kind, line: usize) -> String {
        format!("{}:{line}", self.of(kind).0.display())
    }

    /// The long-lived key of a profile and what goes with it, where it is clear what that is.
    pub(crate) fn find(&self, profile: &str) -> Result<Found, CliError> {
        let kind = self.key_file(profile)?;
        self.refuse_temporary(profile)?;
        self.refuse_other_ways(profile, kind)?;
        let id = self.value(profile, KEY_ID)?.unwrap_or_default();
        let secret = self.value(profile, SECRET)?.unwrap_or_default();
        let key = AccessKey {
            access_key_id: id,
            secret_access_key: SecretString::from(secret),
        };
        if let Some(unusable) = unusable(&key) {
            let name = match unusable {
                Unusable::Id | Unusable::Temporary => KEY_ID,
                Unusable::Secret => SECRET,
            };
            let line = self.both.key(profile, name).map_or(0, |(_, key)| key.line);
            let message = format!(
                "{}: {unusable}; nothing was changed",
                self.place(kind, line)
            );
            return Err(
                CliError::usage(message).hint("use a profile with a long-lived key (AKIA…)")
            );
        }
        let left = ["mfa_process", "credential_process"].into_iter();
        let left = left.filter_map(|name| {
            let (kind, found) = self.both.key(profile, name)?;
            Some(format!("{name} ({})", self.place(kind, found.line)))
        });
        Ok(Found {
            file: self.of(kind).0.to_owned(),
            kind,
            profile: profile.to_owned(),
            region: self.value(profile, "region")?,
            mfa_device: self.value(profile, "mfa_serial")?,
            left: left.collect(),
            twins: self.twins(profile, &key.access_key_id),
            key,
        })
    }

    /// The one file in which the profile has its key.
    fn key_file(&self, profile: &str) -> Result<Kind, CliError> {
        let shown = sanitize(profile);
        let sections = [Kind::Credentials, Kind::Config]
            .into_iter()
            .filter_map(|kind| Some((kind, self.of(kind).1.profile(profile)?)));
        let sections: Vec<_> = sections.collect();
        if sections.is_empty() {
            return Err(self.not_found(&shown));
        }
        let mut with = Vec::new();
        for (kind, section) in sections {
            for name in [KEY_ID, SECRET] {
                let Some(key) = section.keys.get(name) else {
                    continue;
                };
                let place = self.place(kind, key.line);
                if key.inherited {
                    let message = format!(
                        "the key of \"{shown}\" is in [DEFAULT] ({place}), which every profile \
                         shares"
                    );
                    return Err(CliError::usage(message).hint("move it into the profile itself"));
                }
                with.push((kind, name, place));
            }
        }
        match with.as_slice() {
            [(a, ..), (b, ..)] if a == b => Ok(*a),
            [] => {
                let message = format!("profile \"{shown}\" has no access key");
                Err(CliError::usage(message))
            }
            [(_, name, place)] => {
                let message = format!("profile \"{shown}\" has only half a key: {name} ({place})");
                Err(CliError::usage(message).hint("write the other half beside it"))
            }
            _ => {
                let places: Vec<&str> = with.iter().map(|(.., place)| place.as_str()).collect();
                let message = format!(
                    "profile \"{shown}\" has a key in both files: {}",
                    places.join(", ")
                );
                Err(CliError::usage(message).hint("remove the wrong one, then try again"))
            }
        }
    }

    fn not_found(&self, shown: &str) -> CliError {
        let message = format!(
            "there is no profile \"{shown}\" in {} or {}",
            self.credentials.display(),
            self.config.display()
        );
        let mut names: Vec<String> = Vec::new();
        let all = self
            .both
            .credentials
            .profiles()
            .chain(self.both.config.profiles());
        for (name, _) in all {
            let name = sanitize(name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let hint = match names.is_empty() {
            true => "neither file has any profile".to_owned(),
            false => format!("the profiles are: {}", names.join(", ")),
        };
        CliError::new(Code::NotFound, message).hint(hint)
    }

    fn refuse_temporary(&self, profile: &str) -> Result<(), CliError> {
        let mut marks = TOKENS.into_iter().chain(["dayfly_session"]);
        if !marks.any(|name| self.both.key(profile, name).is_some()) {
            return Ok(());
        }
        let shown = sanitize(profile);
        let message = format!("the credentials of \"{shown}\" are temporary");
        Err(CliError::usage(message).hint("use a profile with a long-lived key (AKIA…)"))
    }

    /// A profile whose key is not what programs get under its name.
    fn refuse_other_ways(&self, profile: &str, kind: Kind) -> Result<(), CliError> {
        let process = (kind == Kind::Config).then_some(PROCESS);
        let mut ways = FIRST.into_iter().chain(process);
        let found = ways.find_map(|name| Some((name, self.both.key(profile, name)?)));
        let Some((name, (kind, key))) = found else {
            return Ok(());
        };
        let message = format!(
            "profile \"{}\" also has {name} ({}), which programs prefer to its key",
            sanitize(profile),
            self.place(kind, key.line)
        );
        Err(CliError::usage(message)
            .hint("move the key into a separate profile, and import that one"))
    }

    /// The value of a key as the AWS CLI has it; refused where others have something else.
    fn value(&self, profile: &str, name: &str) -> Result<Option<String>, CliError> {
        let Some((kind, key)) = self.both.key(profile, name) else {
            return Ok(None);
        };
        let refused = |problem: &str, hint: &str| {
            let place = self.place(kind, key.line);
            let message = format!("{place}: the value of {name} {problem}; nothing was changed");
            Err(CliError::usage(message).hint(hint))
        };
        let Some(text) = key.text() else {
            return refused("is a nested list of settings", "write it after the `=`");
        };
        if text.contains('\n') {
            return refused("continues on the next lines", "write it on one line");
        }
        if text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']) {
            let hint = "remove the quotes";
            return refused(
                "has quotes, which the AWS CLI reads as part of the value",
                hint,
            );
        }
        let mut before = ' ';
        for sign in text.chars() {
            if matches!(sign, '#' | ';') && before.is_whitespace() {
                let problem = "ends with a comment, which the AWS CLI reads as part of the value";
                return refused(problem, "move the comment to its own line");
            }
            before = sign;
        }
        if text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
        {
            let hint = "remove that character";
            return refused("contains a space or an invisible character", hint);
        }
        Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    fn twins(&self, profile: &str, id: &str) -> Vec<String> {
        let mut found = Vec::new();
        for kind in [Kind::Credentials, Kind::Config] {
            for (name, section) in self.of(kind).1.profiles() {
                let key = section
                    .keys
                    .get(KEY_ID)
                    .filter(|key| key.text() == Some(id));
                if let Some(key) = key.filter(|_| name != profile) {
                    found.push(format!(
                        "{} ({})",
                        sanitize(name),
                        self.place(kind, key.line)
                    ));
                }
            }
        }
        found
    }
}

/// Characters that nobody sees: zero-width ones, marks of direction, soft hyphens.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl Found {
    /// Takes the key out of its file. Every other byte stays; what is removed is what was found.
    pub(crate) fn remove(&self) -> Result<(), CliError> {
        let path = &self.file;
        let failed = |error: PrivateFileError| {
            let cause = match &error {
                PrivateFileError::Io { source, .. } => format!(": {source}"),
                _ => String::new(),
            };
            CliError::failed(format!("{error}{cause}"))
                .hint("the vault has the key now, but the file still has it too")
        };
        let keys = [
            (KEY_ID, self.key.access_key_id.as_str()),
            (SECRET, self.key.secret_access_key.expose()),
        ];
        let removed = shared_file::edit(path, LOCK_DEADLINE, LIMIT, failed, |before| {
            without(before, self.kind, &self.profile, &keys).ok_or_else(|| {
                // What stands there now was not taken, or more than the key would go with it.
                let message = format!(
                    "another program changed {}, so Dayfly did not remove the key from it",
                    path.display()
                );
                CliError::failed(message)
                    .hint("the vault has the key; check the file, then try again")
            })
        })?;
        if removed {
            return Ok(());
        }
        let message = format!("other programs keep changing {}", path.display());
        Err(CliError::failed(message).hint("the vault has the key; try again with --remove"))
    }
}

#[cfg(test)]
#[path = "aws_key_tests.rs"]
mod tests;
