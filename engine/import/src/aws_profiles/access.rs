//! The access method of one profile, without whom it is chained to.

use dayfly_awsfiles::Kind;
use dayfly_core::session::{InstanceSource, SessionType};
use dayfly_vault::{AccessKey, SecretString};
use serde_json::{Map, Value};

use super::profile::Profile;
use super::signing_helper;
use crate::candidate::{Portal, Requirement};

/// What a profile comes to.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(super) kind: Option<SessionType>,
    pub(crate) fields: Map<String, Value>,
    pub(super) portal: Option<Portal>,
    pub(super) secret: Option<AccessKey>,
    /// What the tool that keeps the key calls it.
    pub(super) kept_as: Option<String>,
    pub(super) requires: Vec<Requirement>,
    /// The keys of the profile that these come from.
    pub(crate) used: Vec<&'static str>,
}

/// Why a profile comes to nothing.
#[derive(Debug)]
pub(crate) struct No {
    pub(super) why: String,
    pub(super) key: &'static str,
    pub(super) hint: Option<String>,
}

pub(crate) fn no(key: &'static str, why: impl Into<String>, hint: impl Into<String>) -> No {
    No {
        why: why.into(),
        key,
        hint: Some(hint.into()),
    }
}

impl Access {
    fn of(kind: SessionType) -> Self {
        Self {
            kind: Some(kind),
            ..Self::default()
        }
    }

    /// Takes the value of a key for a field.
    pub(crate) fn take(&mut self, profile: &Profile<'_>, key: &'static str, field: &str) {
        self.used.push(key);
        if let Some(text) = profile.text(key) {
            self.fields.insert(field.to_owned(), Value::from(text));
        }
    }

    pub(crate) fn require(&mut self, need: Requirement) {
        self.requires.push(need);
    }

    fn take_duration(
        &mut self,
        profile: &Profile<'_>,
        bounds: std::ops::RangeInclusive<u32>,
    ) -> Result<(), No> {
        self.used.push("duration_seconds");
        let Some(text) = profile.text("duration_seconds") else {
            return Ok(());
        };
        let seconds = text
            .trim()
            .parse()
            .ok()
            .filter(|seconds| bounds.contains(seconds));
        let Some(seconds) = seconds else {
            let (least, most) = (bounds.start(), bounds.end());
            let why = format!("duration_seconds is \"{text}\", and AWS takes {least} to {most}");
            return Err(no(
                "duration_seconds",
                why,
                "correct the number in the file",
            ));
        };
        self.fields
            .insert("durationSeconds".to_owned(), Value::from(seconds));
        Ok(())
    }

    fn take_mfa(&mut self, profile: &Profile<'_>) {
        self.take(profile, "mfa_serial", "mfaDevice");
        if profile.text("mfa_serial").is_some() {
            self.requires.push(Requirement::MfaCode);
        }
    }
}

/// Seconds that AssumeRole takes (AWS STS API reference).
const ROLE_SECONDS: std::ops::RangeInclusive<u32> = 900..=43_200;

/// A role that another's credentials assume.
pub(super) fn role(profile: &Profile<'_>) -> Result<Access, No> {
    let mut access = Access::of(SessionType::AwsIamRoleChained);
    access.used.push("source_profile");
    access.take(profile, "role_arn", "roleArn");
    access.take(profile, "external_id", "externalId");
    access.take(profile, "role_session_name", "roleSessionName");
    access.take_duration(profile, ROLE_SECONDS)?;
    access.take_mfa(profile);
    Ok(access)
}

/// The ways of a profile by itself, in the order in which botocore tries them.
///
/// Source: botocore, `create_credential_resolver`, `ProfileProviderBuilder`.
pub(super) fn own(profile: &Profile<'_>) -> Result<Access, No> {
    if profile.has("web_identity_token_file") {
        return web_identity(profile);
    }
    if [
        "sso_session",
        "sso_start_url",
        "sso_account_id",
        "sso_role_name",
    ]
    .iter()
    .any(|key| profile.has(key))
    {
        return sso(profile);
    }
    if profile.has("login_session") {
        return login(profile);
    }
    let in_file = |kind| profile.file_of("aws_access_key_id") == Some(kind);
    if in_file(Kind::Credentials) {
        return key(profile);
    }
    if let Some(program) = profile.text("credential_process") {
        return process(program);
    }
    if in_file(Kind::Config) || profile.has("aws_secret_access_key") {
        return key(profile);
    }
    if profile.has("credential_source") && !profile.has("role_arn") {
        return Err(no(
            "credential_source",
            "credential_source is there without role_arn",
            "complete the profile",
        ));
    }
    Err(No {
        why: "the profile has no way to sign in".to_owned(),
        key: "",
        hint: None,
    })
}

/// What a program prints, run as the AWS CLI runs it.
///
/// Source: botocore, `ProcessProvider._retrieve_credentials_using`, `compat_shell_split`.
fn process(command: &str) -> Result<Access, No> {
    let words = dayfly_awsfiles::split_words(command).unwrap_or_default();
    let Some(program) = words.first() else {
        let why = "its command cannot be taken apart into words";
        return Err(no(
            "credential_process",
            why,
            "correct the quotes in the file",
        ));
    };
    let name = program.rsplit('/').next().unwrap_or_default();
    if name == signing_helper::NAME
        && let Some(access) = rolesanywhere(&words)?
    {
        return Ok(access);
    }
    let (why, hint) = match name {
        "dayfly" => (
            "Dayfly itself published this profile",
            "nothing is to be done",
        ),
        "leapp" | "hopkey" => (
            "a program of Leapp gives its credentials",
            "import the sessions of Leapp instead",
        ),
        "aws-sso" => (
            "aws-sso-cli gives its credentials",
            "import the roles of aws-sso-cli instead",
        ),
        "aws-vault" => (
            "aws-vault gives its credentials",
            "import the keys of aws-vault instead",
        ),
        "granted" | "assume" => (
            "Granted gives its credentials",
            "import the profiles of Granted instead",
        ),
        _ => {
            let mut access = Access::of(SessionType::Process);
            access.used.push("credential_process");
            access
                .fields
                .insert("command".to_owned(), Value::from(words));
            return Ok(access);
        }
    };
    Err(no("credential_process", why, hint))
}

/// AWS's helper for IAM Roles Anywhere, where a session says all that its command does.
fn rolesanywhere(words: &[String]) -> Result<Option<Access>, No> {
    let session = signing_helper::session(words).map_err(|_| {
        no(
            "credential_process",
            "its command has a passphrase or a PIN in it, which Dayfly does not write into a file",
            "add the session with `dayfly session add --type awsRolesAnywhere`, and store the secret with \
             `dayfly secret set`",
        )
    })?;
    Ok(session.map(|session| {
        let mut access = Access::of(SessionType::AwsRolesAnywhere);
        access.used.push("credential_process");
        access.fields = session.fields;
        if session.needs_secret {
            access.require(Requirement::KeyByHand);
        }
        access
    }))
}

/// A sign-in to the console that `aws login` made; whoever shares it finds it by the ARN.
fn login(profile: &Profile<'_>) -> Result<Access, No> {
    let mut access = Access::of(SessionType::AwsLogin);
    if let Some(problem) = profile
        .text("login_session")
        .and_then(dayfly_workspace::login_session_problem)
    {
        return Err(no(
            "login_session",
            problem,
            "run `aws login` again for this profile",
        ));
    }
    access.take(profile, "login_session", "loginSession");
    access.require(Requirement::SignIn);
    Ok(access)
}

/// What the machine has of itself, by the word of `credential_source`.
pub(super) fn machine(source: InstanceSource) -> Access {
    let mut access = Access::of(SessionType::AwsInstance);
    access
        .fields
        .insert("credentialSource".to_owned(), Value::from(source.as_str()));
    access
}

fn web_identity(profile: &Profile<'_>) -> Result<Access, No> {
    let mut access = Access::of(SessionType::AwsIamRoleWebIdentity);
    if profile.text("role_arn").is_none() {
        return Err(no(
            "web_identity_token_file",
            "web_identity_token_file is there without role_arn",
            "complete the profile",
        ));
    }
    access.take(profile, "role_arn", "roleArn");
    access.take(profile, "web_identity_token_file", "tokenFile");
    access.take(profile, "role_session_name", "roleSessionName");
    access.take_duration(profile, ROLE_SECONDS)?;
    Ok(access)
}

/// A role of a portal, with the settings in the profile itself or in an `[sso-session]`.
///
/// Source: AWS CLI user guide, "Configuring IAM Identity Center authentication"; botocore, `SSOProvider`.
fn sso(profile: &Profile<'_>) -> Result<Access, No> {
    sso_by(
        profile,
        [
            "sso_start_url",
            "sso_region",
            "sso_account_id",
            "sso_role_name",
        ],
    )
}

/// A role of a portal, with the address, the region, the account and the role in these keys.
pub(crate) fn sso_by(profile: &Profile<'_>, keys: [&'static str; 4]) -> Result<Access, No> {
    let [url_key, region_key, account_key, role_key] = keys;
    let mut access = Access::of(SessionType::AwsSsoRole);
    let named = profile.text("sso_session");
    let section = match named {
        Some(name) => Some(profile.both.config.sso_session(name).ok_or_else(|| {
            let why = format!("there is no [sso-session {name}] in the config file");
            no("sso_session", why, "write the section, or remove the key")
        })?),
        None => None,
    };
    let setting = |key: &'static str, of_section: &str| {
        section
            .and_then(|s| s.text(of_section))
            .or_else(|| profile.text(key))
    };
    let needed = |key: &'static str, value: Option<&str>| {
        value
            .map(str::to_owned)
            .ok_or_else(|| no(key, format!("{key} is missing"), "complete the profile"))
    };
    let url = needed(url_key, setting(url_key, "sso_start_url"))?;
    let region = needed(region_key, setting(region_key, "sso_region"))?;
    let account = needed(account_key, profile.text(account_key))?;
    let role = needed(role_key, profile.text(role_key))?;
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        let why = format!("{account_key} is \"{account}\", and an account has twelve digits");
        return Err(no(account_key, why, "correct the number in the file"));
    }
    let partition = dayfly_workspace::partition(&region).unwrap_or("aws");
    let arn = format!("arn:{partition}:iam::{account}/{role}");
    access.fields.insert("roleArn".to_owned(), Value::from(arn));
    let about = Map::from_iter([("accountId".to_owned(), Value::from(account))]);
    access
        .fields
        .insert("awsAccount".to_owned(), Value::Object(about));
    access.requires.push(Requirement::SignIn);
    access.portal = Some(Portal {
        // Profiles with the old form of one portal sign in once, as those with a named session do.
        key: url.trim_end_matches(['/', '#']).to_owned(),
        alias: named.map_or_else(|| host(&url), str::to_owned),
        url,
        region,
    });
    access
        .used
        .extend(["sso_session", "sso_registration_scopes"]);
    access.used.extend(keys);
    Ok(access)
}

/// What a portal is called where nobody named it: `corp` of `https://corp.awsapps.com/start`.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    host.split('.').next().unwrap_or(host).to_owned()
}

/// A long-lived key that a tool keeps under a name.
pub(crate) fn kept_key(profile: &Profile<'_>, name: &str) -> Access {
    let mut access = Access::of(SessionType::AwsIamUser);
    access.kept_as = Some(name.to_owned());
    access.requires.push(Requirement::Secret);
    access.used.push("credential_process");
    if profile.text("role_arn").is_none() {
        access.take_mfa(profile);
    }
    access
}

/// A long-lived key.
pub(super) fn key(profile: &Profile<'_>) -> Result<Access, No> {
    let mut access = Access::of(SessionType::AwsIamUser);
    let half = "the profile has only half a key";
    let id = profile.text("aws_access_key_id").ok_or_else(|| {
        no(
            "aws_secret_access_key",
            half,
            "write the other half beside it",
        )
    })?;
    let secret = profile
        .text("aws_secret_access_key")
        .ok_or_else(|| no("aws_access_key_id", half, "write the other half beside it"))?;
    if profile.has("aws_session_token")
        || profile.has("aws_security_token")
        || id.starts_with("ASIA")
    {
        let why = "its credentials are temporary, and end by themselves";
        return Err(no("aws_access_key_id", why, "nothing is to be done"));
    }
    if profile.inherits("aws_access_key_id") || profile.inherits("aws_secret_access_key") {
        let why = "its key stands in [DEFAULT], which every profile shares";
        return Err(no(
            "aws_access_key_id",
            why,
            "move the key into the profile",
        ));
    }
    if profile.file_of("aws_access_key_id") != profile.file_of("aws_secret_access_key") {
        let why = "one half of its key is in each of the files";
        return Err(no(
            "aws_access_key_id",
            why,
            "write both halves into one file",
        ));
    }
    access.secret = Some(AccessKey {
        access_key_id: id.to_owned(),
        secret_access_key: SecretString::from(secret.to_owned()),
    });
    access.requires.push(Requirement::Secret);
    access
        .used
        .extend(["aws_access_key_id", "aws_secret_access_key"]);
    // For a role, `mfa_serial` and `duration_seconds` belong to the role.
    if !profile.assumes_role() {
        access.take_mfa(profile);
    }
    Ok(access)
}
