//! What SDKs find before they ask an endpoint: credentials of the profile `default`.
//!
//! Source: botocore's and the AWS SDKs' order of credential providers, in which the shared files
//! come before the container endpoint.

use std::path::PathBuf;

use dayfly_chain::ini::Document;

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

/// The shared files whose `default` profile has credentials, as the variable that names each.
pub(crate) fn shadowing() -> Vec<(&'static str, PathBuf)> {
    let own = std::env::home_dir().unwrap_or_default().join(".aws");
    [
        ("AWS_SHARED_CREDENTIALS_FILE", own.join("credentials")),
        ("AWS_CONFIG_FILE", own.join("config")),
    ]
    .into_iter()
    .map(|(variable, usual)| {
        let set = std::env::var_os(variable).filter(|value| !value.is_empty());
        (variable, set.map_or(usual, PathBuf::from))
    })
    .filter(|(_, path)| {
        // One that cannot be read is read by no SDK either.
        let text = zeroize::Zeroizing::new(std::fs::read(path).unwrap_or_default());
        default_says(&text)
    })
    .collect()
}

fn default_says(text: &[u8]) -> bool {
    let document = Document::parse(text);
    let sections = document.sections.iter();
    let defaults = sections.filter(|section| {
        let name = section.name.as_deref().map(<[u8]>::trim_ascii);
        matches!(name, Some(b"default" | b"profile default"))
    });
    defaults
        .flat_map(|section| &section.lines)
        .any(|line| SAYS.iter().any(|key| line.is_key(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_default_profile_with_credentials_shadows() {
        for (text, shadows) in [
            ("[default]\naws_access_key_id = A\n", true),
            ("[ default ]\nrole_arn=x", true),
            ("[profile default]\nsso_session = x", true),
            ("[default]\nregion = eu-west-1\n", false),
            ("[other]\naws_access_key_id = A\n", false),
            ("# [default]\n# role_arn = x", false),
            ("", false),
        ] {
            assert_eq!(default_says(text.as_bytes()), shadows, "{text}");
        }
    }
}
