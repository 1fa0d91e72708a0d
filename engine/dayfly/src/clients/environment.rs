//! The environment in which a program finds credentials.

use dayfly_runtime::report;
use dayfly_vault::SecretString;

use super::given::Given;

/// What would be found before, or beside, what is set here.
///
/// Source: botocore and the AWS SDKs look at the environment first, in this order: keys, web
/// identity, profile, container endpoint.
pub(crate) const CONFLICTING: [&str; 15] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
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

/// Variables and their values.
#[derive(Clone, Debug)]
pub(crate) struct Environment(Vec<(&'static str, SecretString)>);

impl Environment {
    /// Credentials are asked for at an endpoint. Shared files that would be looked at before are
    /// put out of the way.
    pub(crate) fn endpoint(
        url: &str,
        token: &SecretString,
        region: Option<&str>,
        shadowing: &[(&'static str, std::path::PathBuf)],
    ) -> Self {
        let url = SecretString::from(url.to_owned());
        let mut pairs = vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.clone()),
        ];
        let nothing = || SecretString::from("/dev/null".to_owned());
        pairs.extend(shadowing.iter().map(|(variable, _)| (*variable, nothing())));
        Self(pairs).with_region(region)
    }

    /// The credentials themselves.
    pub(crate) fn fixed(given: &Given, region: Option<&str>) -> Self {
        let id = SecretString::from(given.access_key_id.clone());
        let mut pairs = vec![
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", given.secret_access_key.clone()),
        ];
        let token = given.session_token.clone();
        pairs.extend(token.map(|token| ("AWS_SESSION_TOKEN", token)));
        let end = given.expires_at.map(report::moment).map(SecretString::from);
        pairs.extend(end.map(|end| ("AWS_CREDENTIAL_EXPIRATION", end)));
        Self(pairs).with_region(region)
    }

    fn with_region(mut self, region: Option<&str>) -> Self {
        if let Some(region) = region {
            // Some tools read the one, some the other.
            for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
                self.0.push((name, SecretString::from(region.to_owned())));
            }
        }
        self
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.expose()))
    }

    /// Variables to take away: what conflicts and is not set here.
    pub(crate) fn unset(&self) -> impl Iterator<Item = &'static str> {
        let set: Vec<&str> = self.0.iter().map(|(name, _)| *name).collect();
        CONFLICTING
            .into_iter()
            .filter(move |name| !set.contains(name))
    }
}
