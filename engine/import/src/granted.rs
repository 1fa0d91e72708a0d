//! Granted: profiles of the AWS files with its own keys, and long-lived keys that it keeps.
//!
//! Source: Granted, `pkg/cfaws/granted_config.go`, `pkg/cfaws/profiles.go`,
//! `pkg/securestorage/iam_credential_storage.go`.

use dayfly_vault::AccessKey;

use crate::aws_profiles::{self, Access, AwsProfiles, Dialect, No, Profile, kept_key, no, sso_by};
use crate::candidate::{Candidate, Listing, Refused};
use crate::go_keyring::{GoKeyring, Opened};
use crate::source::{Source, SourceError};

/// What Granted has on this machine.
#[derive(Debug)]
pub struct Granted {
    /// The shared AWS files.
    pub aws: AwsProfiles,
    /// Where it keeps long-lived keys.
    pub ring: GoKeyring,
}

struct Reader<'a>(&'a Opened<'a>);

/// Whether a `credential_process` is Granted's.
fn is_granted(process: &str) -> bool {
    let mut words = process.split_whitespace();
    let program = words.next().and_then(|word| word.rsplit('/').next());
    program.is_some_and(|program| ["granted", "dgranted"].contains(&program))
        && words.next() == Some("credential-process")
}

impl Dialect for Reader<'_> {
    fn own(&self, profile: &Profile<'_>) -> Option<Result<Access, No>> {
        let own = [
            "granted_sso_account_id",
            "granted_sso_role_name",
            "granted_sso_start_url",
        ];
        if own.iter().any(|key| profile.has(key)) {
            let keys = [
                "granted_sso_start_url",
                "granted_sso_region",
                "granted_sso_account_id",
                "granted_sso_role_name",
            ];
            return Some(sso_by(profile, keys).map(|mut access| {
                access
                    .used
                    .extend(["credential_process", "granted_sso_registration_scopes"]);
                access
            }));
        }
        let process = profile.text("credential_process")?;
        if !is_granted(process) {
            return None;
        }
        if self.0.has(profile.name) {
            return Some(Ok(kept_key(profile, profile.name)));
        }
        Some(Err(no(
            "credential_process",
            "it asks Granted for a key that Dayfly cannot see",
            "unlock where Granted keeps it, and import again",
        )))
    }
}

impl Source for Granted {
    fn name(&self) -> &'static str {
        "granted"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let opened = self.ring.open();
        let mut listing = aws_profiles::list_own(&self.aws, &Reader(&opened))?;
        if let Some(error) = &opened.locked {
            listing.refused.push(Refused {
                name: "the keys of Granted in the keyring".to_owned(),
                place: format!("collection {}", self.ring.collection),
                why: crate::keyring::refused("Granted", &self.ring.files, error).message,
                hint: Some("unlock that keyring, and import again".to_owned()),
            });
        }
        Ok(listing)
    }

    fn key(&self, candidate: &Candidate) -> Result<Option<AccessKey>, SourceError> {
        match &candidate.kept_as {
            Some(name) => self.ring.key(name),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
