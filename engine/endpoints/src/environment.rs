//! The environment in which a program finds credentials.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dayfly_awsfiles::{Kind, NOWHERE};
use dayfly_control::credentials::Given;
use dayfly_core::text::is_hidden;
use dayfly_core::time::Timestamp;
use dayfly_runtime::report;
use dayfly_vault::SecretString;

/// What would be found before, or beside, what is set here.
///
/// Source: botocore and the AWS SDKs look at the environment first, in this order: keys, web
/// identity, profile, container endpoint, metadata endpoint.
pub const CONFLICTING: [&str; 18] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    // Older SDKs take these for the first two.
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_ACCOUNT_ID",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_VAULT",
];

/// The session that a shell or a command has: a word by which Dayfly knows it.
pub const SESSION: &str = "DAYFLY_SESSION";
/// Until when the credentials last that were in force when the variable was set. No SDK reads it.
///
/// Source: aws-vault's `exec`, whose name for it prompts know (starship, section "AWS").
pub const UNTIL: &str = "AWS_SESSION_EXPIRATION";

/// By what other tools tell prompts which session a shell has: none of it would be true any more.
///
/// Sources: the variables that starship's module `aws` and powerlevel10k's segment `aws` look at; `AWS_VAULT` and
/// `AWS_PROFILE` are among what conflicts.
const TOLD: [&str; 6] = [
    SESSION,
    UNTIL,
    "AWS_SSO_PROFILE",
    "AWSUME_PROFILE",
    "AWSUME_EXPIRATION",
    "AWSU_PROFILE",
];

/// What would keep a metadata endpoint from being asked.
const METADATA: [&str; 3] = [
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
];

/// What Dayfly sets for a session of any cloud, but for what [`TOLD`] has.
const LEFT: [&str; 19] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_TENANT_ID",
    "AZURE_AUTHORITY_HOST",
    "ARM_SUBSCRIPTION_ID",
    "ARM_TENANT_ID",
];

/// What a person may have set in a shell before it had a session, and where `dayfly use` keeps it meanwhile, so that
/// `dayfly use --clear` gives it back. Nothing secret is among it.
const BEFORE: [(&str, &str); 4] = [
    ("AWS_REGION", "DAYFLY_BEFORE_AWS_REGION"),
    ("AWS_DEFAULT_REGION", "DAYFLY_BEFORE_AWS_DEFAULT_REGION"),
    ("AWS_PROFILE", "DAYFLY_BEFORE_AWS_PROFILE"),
    ("AWS_DEFAULT_PROFILE", "DAYFLY_BEFORE_AWS_DEFAULT_PROFILE"),
];

/// Where an endpoint is, and what opens it.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// The container endpoint, with a token.
    Container {
        /// Where it is.
        url: &'a str,
        /// What opens it.
        token: &'a SecretString,
    },
    /// The container endpoint, with the file that has the token.
    ContainerFile {
        /// Where it is.
        url: &'a str,
        /// The file.
        file: &'a std::path::Path,
    },
    /// The metadata endpoint.
    Metadata {
        /// Where it is.
        url: &'a str,
    },
}

/// Variables and their values.
#[derive(Clone, Debug)]
pub struct Environment {
    pairs: Vec<(&'static str, SecretString)>,
    conflicting: &'static [&'static str],
    also_unset: Vec<&'static str>,
}

impl Environment {
    /// These variables, in the place of all that conflicts.
    pub const fn of(
        pairs: Vec<(&'static str, SecretString)>,
        conflicting: &'static [&'static str],
    ) -> Self {
        Self {
            pairs,
            conflicting,
            also_unset: Vec::new(),
        }
    }

    /// Credentials are asked for at an endpoint. Shared files that would be looked at before are
    /// put out of the way.
    pub fn endpoint(at: At<'_>, region: Option<&str>, hiding: &[(Kind, PathBuf)]) -> Self {
        let plain = |text: &str| SecretString::from(text.to_owned());
        let mut pairs = match at {
            At::Container { url, token } => vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", plain(url)),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.clone()),
            ],
            At::ContainerFile { url, file } => vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", plain(url)),
                (
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                    plain(&file.to_string_lossy()),
                ),
            ],
            At::Metadata { url } => vec![
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", plain(url)),
                ("AWS_EC2_METADATA_V1_DISABLED", plain("true")),
            ],
        };
        for (kind, path) in hiding {
            pairs.push((kind.variable(), plain(NOWHERE)));
            pairs.push((kind.hidden_variable(), plain(&path.to_string_lossy())));
        }
        Self::of(pairs, &CONFLICTING).with_region(region)
    }

    /// The credentials themselves.
    pub fn fixed(given: &Given, region: Option<&str>) -> Self {
        let id = SecretString::from(given.access_key_id.clone());
        let mut pairs = vec![
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", given.secret_access_key.clone()),
        ];
        let token = given.session_token.clone();
        pairs.extend(token.map(|token| ("AWS_SESSION_TOKEN", token)));
        let end = given.expires_at.map(report::moment).map(SecretString::from);
        pairs.extend(end.map(|end| ("AWS_CREDENTIAL_EXPIRATION", end)));
        Self::of(pairs, &CONFLICTING).with_region(region)
    }

    fn with_region(mut self, region: Option<&str>) -> Self {
        if let Some(region) = region {
            // Some tools read the one, some the other.
            for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
                self.pairs
                    .push((name, SecretString::from(region.to_owned())));
            }
        }
        self
    }

    /// The same, telling prompts and Dayfly itself which session this is, and until when its present
    /// credentials last.
    #[must_use]
    pub fn told(mut self, session: &str, until: Option<Timestamp>) -> Self {
        let plain = |text: &str| SecretString::from(text.to_owned());
        self.pairs.push((SESSION, plain(session)));
        let until = until.map(report::moment);
        self.pairs.extend(until.map(|until| (UNTIL, plain(&until))));
        self
    }

    /// The same where these files were out of the way before: the ones that are not any more are named again.
    #[must_use]
    pub fn showing(mut self, hidden: &[(Kind, PathBuf)]) -> Self {
        for (kind, path) in hidden {
            if self.pairs.iter().all(|(name, _)| *name != kind.variable()) {
                let path = path.to_string_lossy().into_owned();
                self.pairs.push((kind.variable(), SecretString::from(path)));
                self.also_unset.push(kind.hidden_variable());
            }
        }
        self
    }

    /// The same as the only session of a shell: what was set for another one, of any cloud, is taken away.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.also_unset.extend(LEFT);
        self
    }

    /// The same, keeping what the person set before this shell had a session. `of` is the environment of the shell.
    #[must_use]
    pub fn keeping_own(mut self, of: impl Fn(&str) -> Option<String>) -> Self {
        // What is set in a shell that has one is the session's, and what was before is kept already.
        if of(SESSION).is_some_and(|session| !session.is_empty()) {
            return self;
        }
        for (name, kept) in BEFORE {
            // What would steer a terminal is not repeated.
            match of(name).filter(|value| !value.chars().any(is_hidden)) {
                Some(value) => self.pairs.push((kept, SecretString::from(value))),
                None => self.also_unset.push(kept),
            }
        }
        self
    }

    /// The same, giving back what the person had set before.
    #[must_use]
    pub fn giving_back_own(mut self, of: impl Fn(&str) -> Option<String>) -> Self {
        for (name, kept) in BEFORE {
            if let Some(value) = of(kept) {
                self.pairs.push((name, SecretString::from(value)));
                self.also_unset.push(kept);
            }
        }
        self
    }

    /// No session.
    #[must_use]
    pub const fn none() -> Self {
        Self::of(Vec::new(), &LEFT)
    }

    /// What is set.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let pairs = self.pairs.iter();
        pairs.map(|(name, value)| (*name, value.expose()))
    }

    /// Variables to take away: what conflicts and is not set here.
    pub fn unset(&self) -> impl Iterator<Item = &'static str> {
        let set: Vec<&str> = self.pairs.iter().map(|(name, _)| *name).collect();
        let metadata = set.contains(&"AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let more = METADATA.into_iter().filter(move |_| metadata);
        let also = self.also_unset.iter().copied();
        let conflicting = self.conflicting.iter().copied().chain(more);
        let all = conflicting.chain(TOLD).chain(also);
        let mut once = BTreeSet::new();
        all.filter(move |name| !set.contains(name) && once.insert(*name))
    }
}
