//! What a section of ours looks like in each of the two shared files of the AWS SDKs and tools.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Format of the shared config and credentials files";
//! botocore's `configloader.build_profile_map` (see [`dayfly_awsfiles`]).

use dayfly_awsfiles::{Kind, profile_of};

use crate::keys::{KEY_ID, PROCESS, SECRET, TOKEN};
use crate::process::Process;

/// Which of the two files.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// The credentials file: credentials under the plain name of the profile.
    Credentials,
    /// The config file: a `credential_process` under `[profile NAME]`.
    Config(Process),
}

impl Form {
    /// Which file it is, for the reader.
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Credentials => Kind::Credentials,
            Self::Config(_) => Kind::Config,
        }
    }

    /// Keys that we write over, and so must be ours or absent.
    pub(crate) const fn written(&self) -> &'static [&'static str] {
        match self {
            Self::Credentials => &[KEY_ID, SECRET, TOKEN, "aws_security_token"],
            // Static keys in the same profile would be used before the process.
            Self::Config(_) => &[PROCESS, KEY_ID, SECRET, TOKEN],
        }
    }

    /// Keys that make a profile get its credentials in another way.
    pub(crate) const fn other_ways(&self) -> &'static [&'static str] {
        &[
            PROCESS,
            "credential_source",
            "login_session",
            "role_arn",
            "source_profile",
            "sso_account_id",
            "sso_session",
            "sso_start_url",
            "web_identity_token_file",
        ]
    }

    /// The profiles that a section may be, by what stands between its brackets: what botocore takes
    /// it for, and what readers take it for that pass over blanks and quotes. Both are the same
    /// where the name is written as usual.
    pub(crate) fn profiles(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let strict = std::str::from_utf8(name).ok();
        let strict = strict.and_then(|name| profile_of(name, self.kind()));
        let strict = strict.map(|name| name.into_owned().into_bytes());
        let mut found: Vec<Vec<u8>> = self.loosely(name.trim_ascii()).into_iter().collect();
        found.extend(strict.filter(|name| !found.contains(name)));
        found
    }

    fn loosely(&self, name: &[u8]) -> Option<Vec<u8>> {
        if matches!(self, Self::Credentials) || name == b"default" {
            return Some(name.to_owned());
        }
        let rest = name.strip_prefix(b"profile")?;
        let bare = rest.trim_ascii();
        let signs = bare.iter().filter(|b| !b"\"'".contains(b)).copied();
        (bare.len() < rest.len()).then(|| signs.collect())
    }

    /// The name of a new section for a profile.
    pub(crate) fn header(&self, profile: &str) -> String {
        match self {
            Self::Config(_) if profile != "default" => format!("profile {profile}"),
            Self::Credentials | Self::Config(_) => profile.to_owned(),
        }
    }

    /// Whether every client takes the section with this name for that profile.
    pub(crate) fn is_plain(&self, name: &[u8], profile: &str) -> bool {
        let quoted = || format!("profile \"{profile}\"");
        let long = || format!("profile {profile}");
        name == self.header(profile).as_bytes()
            || (matches!(self, Self::Config(_))
                && (name == quoted().as_bytes() || name == long().as_bytes()))
    }
}
