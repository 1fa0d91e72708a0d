//! What a section of ours looks like in each of the two shared files of the AWS SDKs and tools.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Format of the shared config and credentials files";
//! botocore's `configloader.build_profile_map`, which takes section names of the config file apart
//! as a shell would.

use std::borrow::Cow;

use crate::process::Process;
use crate::section;

/// Which of the two files.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// The credentials file: credentials under the plain name of the profile.
    Credentials,
    /// The config file: a `credential_process` under `[profile NAME]`.
    Config(Process),
}

impl Form {
    /// Keys that we write over, and so must be ours or absent.
    pub(crate) const fn written(&self) -> &'static [&'static str] {
        match self {
            Self::Credentials => &[
                section::KEY_ID,
                section::SECRET,
                section::TOKEN,
                "aws_security_token",
            ],
            // Static keys in the same profile would be used before the process.
            Self::Config(_) => &[
                section::PROCESS,
                section::KEY_ID,
                section::SECRET,
                section::TOKEN,
            ],
        }
    }

    /// Keys that make a profile get its credentials in another way.
    pub(crate) const fn other_ways(&self) -> &'static [&'static str] {
        &[
            section::PROCESS,
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

    /// The profile that a section is, by its trimmed name; none where it is none.
    pub(crate) fn profile<'n>(&self, name: &'n [u8]) -> Option<Cow<'n, [u8]>> {
        let Self::Config(_) = self else {
            return Some(Cow::Borrowed(name));
        };
        if name == b"default" {
            return Some(Cow::Borrowed(name));
        }
        let rest = name.strip_prefix(b"profile")?;
        let bare = rest.trim_ascii();
        if bare.len() == rest.len() {
            return None;
        }
        let signs = bare.iter().filter(|b| !b"\"'".contains(b));
        Some(match signs.clone().count() == bare.len() {
            true => Cow::Borrowed(bare),
            false => Cow::Owned(signs.copied().collect()),
        })
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
