//! The environment in which a program finds credentials.

use dayfly_control::credentials::Given;
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

/// What would keep a metadata endpoint from being asked.
const METADATA: [&str; 3] = [
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
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
}

impl Environment {
    /// These variables, in the place of all that conflicts.
    pub const fn of(
        pairs: Vec<(&'static str, SecretString)>,
        conflicting: &'static [&'static str],
    ) -> Self {
        Self { pairs, conflicting }
    }

    /// Credentials are asked for at an endpoint. Shared files that would be looked at before are
    /// put out of the way.
    pub fn endpoint(
        at: At<'_>,
        region: Option<&str>,
        hiding: &[(&'static str, std::path::PathBuf)],
    ) -> Self {
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
        let nothing = || SecretString::from("/dev/null".to_owned());
        pairs.extend(hiding.iter().map(|(variable, _)| (*variable, nothing())));
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
        let conflicting = self.conflicting.iter().copied().chain(more);
        conflicting.filter(move |name| !set.contains(name))
    }
}
