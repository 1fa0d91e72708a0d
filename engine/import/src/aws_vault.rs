//! aws-vault: profiles of the AWS files whose keys it keeps.
//!
//! Source: aws-vault 7, `vault/config.go`, `vault/vault.go`, `USAGE.md`.

use serde_json::{Map, Value};

use crate::aws_profiles::{self, Access, AwsProfiles, Dialect, No, Profile, kept_key, no};
use crate::candidate::{Candidate, Listing, Refused};
use crate::go_keyring::{GoKeyring, Opened};
use crate::source::{Source, SourceError};
use dayfly_vault::AccessKey;

/// What aws-vault has on this machine.
#[derive(Debug)]
pub struct AwsVault {
    /// The shared AWS files.
    pub aws: AwsProfiles,
    /// Its keyring.
    pub ring: GoKeyring,
}

struct Reader<'a>(&'a Opened<'a>);

/// The profile that a `credential_process` asks aws-vault for: `aws-vault export|exec … PROFILE`.
fn profile_of(process: &str) -> Option<&str> {
    let mut words = process.split_whitespace();
    let program = words.next()?.rsplit('/').next()?;
    if program.trim_matches(['"', '\'']) != "aws-vault" {
        return None;
    }
    // Options that stand for themselves, or have their value behind `=`, are none.
    words
        .skip_while(|word| !["export", "exec"].contains(word))
        .skip(1)
        .find(|word| !word.starts_with('-'))
}

impl Dialect for Reader<'_> {
    fn has_key(&self, profile: &str) -> bool {
        self.0.has(profile)
    }

    fn own(&self, profile: &Profile<'_>) -> Option<Result<Access, No>> {
        if self.0.has(profile.name) {
            return Some(Ok(kept_key(profile, profile.name)));
        }
        let asked = profile_of(profile.text("credential_process")?)?;
        if self.0.has(asked) {
            return Some(Ok(kept_key(profile, asked)));
        }
        Some(Err(no(
            "credential_process",
            format!(
                "it asks aws-vault for \"{asked}\", of which there is no key that Dayfly can see"
            ),
            "unlock where aws-vault keeps it, or import that profile and name it as source_profile",
        )))
    }

    fn role(&self, profile: &Profile<'_>, access: &mut Access) -> Result<bool, No> {
        access.take(profile, "source_identity", "sourceIdentity");
        access
            .used
            .extend(["session_tags", "transitive_session_tags"]);
        if let Some(text) = profile.text("session_tags") {
            let pairs = text.split(',').map(|pair| pair.split_once('='));
            let tags: Option<Map<String, Value>> = pairs
                .map(|pair| pair.map(|(k, v)| (k.trim().to_owned(), Value::from(v.trim()))))
                .collect();
            let tags = tags.ok_or_else(|| {
                no(
                    "session_tags",
                    "session_tags is no list of KEY=VALUE",
                    "correct it in the file",
                )
            })?;
            access.fields.insert("tags".to_owned(), Value::Object(tags));
        }
        if let Some(text) = profile.text("transitive_session_tags") {
            let keys: Vec<&str> = text.split(',').map(str::trim).collect();
            access
                .fields
                .insert("transitiveTagKeys".to_owned(), Value::from(keys));
        }
        // What aws-vault alone reads changes nothing for those who have no key with it.
        Ok(false)
    }

    fn stands_in<'a>(&self, profile: &Profile<'a>) -> Option<&'a str> {
        let named = profile.text("include_profile");
        named.or((profile.name != "default").then_some("default"))
    }
}

impl Source for AwsVault {
    fn name(&self) -> &'static str {
        "aws-vault"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let opened = self.ring.open();
        let mut listing = aws_profiles::list_own(&self.aws, &Reader(&opened))?;
        if let Some(error) = &opened.locked {
            listing.refused.push(Refused {
                name: "the keys of aws-vault in the keyring".to_owned(),
                place: format!("collection {}", self.ring.collection),
                why: crate::keyring::refused("aws-vault", &self.ring.files, error).message,
                hint: Some("unlock that keyring, and import again".to_owned()),
            });
        }
        Ok(listing)
    }

    fn key(&self, candidate: &Candidate) -> Result<Option<AccessKey>, SourceError> {
        let Some(name) = &candidate.kept_as else {
            return Ok(None);
        };
        self.ring.key(name)
    }
}

#[cfg(test)]
mod tests;
