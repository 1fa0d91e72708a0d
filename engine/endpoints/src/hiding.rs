//! What SDKs find before they ask an endpoint: credentials of the profile `default`.
//!
//! Source: botocore's and the AWS SDKs' order of credential providers, in which the shared files
//! come before the container endpoint.

use std::path::PathBuf;

use dayfly_awsfiles::{AwsFile, Kind, load};

/// Keys by which a profile says where its credentials come from.
const SAYS: [&str; 8] = [
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
    "login_session",
];

/// The shared files whose `default` profile has credentials, and where each is.
pub fn hiding_files() -> Vec<(Kind, PathBuf)> {
    let own = std::env::home_dir().unwrap_or_default();
    [Kind::Credentials, Kind::Config]
        .into_iter()
        .filter_map(|kind| {
            let path = kind.place(&own);
            // One that cannot be read is one that SDKs stop at; `dayfly doctor` names it.
            let file = load(&path, kind).ok()?;
            default_says(&file).then_some((kind, path))
        })
        .collect()
}

/// The shared files that are out of the way in this process, and where each is.
pub fn hidden_files() -> Vec<(Kind, PathBuf)> {
    let hidden = |kind: Kind| Some((kind, kind.hidden()?));
    [Kind::Credentials, Kind::Config]
        .into_iter()
        .filter_map(hidden)
        .collect()
}

/// Whether the profile `default` has credentials. Blanks around the name count for some readers.
fn default_says(file: &AwsFile) -> bool {
    let named = |name: &str| matches!(name.trim(), "default" | "profile default");
    let sections = file
        .sections()
        .iter()
        .filter(|section| named(&section.name));
    let mut all = sections.chain(file.profile("default"));
    all.any(|section| SAYS.iter().any(|key| section.keys.contains_key(*key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_default_profile_with_credentials_hides_an_endpoint() {
        for (text, hides) in [
            ("[default]\naws_access_key_id = A\n", true),
            ("[ default ]\nrole_arn=x", true),
            ("[profile default]\nsso_session = x", true),
            ("[default]\nregion = eu-west-1\n", false),
            ("[other]\naws_access_key_id = A\n", false),
            ("[profile \"default\"]\nrole_arn = x", true),
            ("# [default]\n# role_arn = x", false),
            ("", false),
        ] {
            let file = AwsFile::read(text.as_bytes(), Kind::Config).unwrap();
            assert_eq!(default_says(&file), hides, "{text}");
        }
    }
}
