//! saml2aws: its accounts, as the program that it is: it signs in to some twenty identity providers.
//!
//! Source: saml2aws 2, `pkg/cfg/cfg.go`, `cmd/saml2aws/commands/login.go`.

use std::path::PathBuf;

use dayfly_awsfiles::{AwsFile, Kind, Section};
use dayfly_core::session::SessionType;
use dayfly_fs::bounded;
use serde_json::{Map, Value};

use crate::aws_profiles::AwsProfiles;
use crate::candidate::{Candidate, Listing, NotTaken, Refused, Requirement};
use crate::in_the_way;
use crate::source::{Source, SourceError};

/// The longest configuration, in bytes.
const LIMIT: u64 = 1 << 20;
/// What is read here, or says nothing of one session.
const KNOWN: [&str; 4] = ["name", "aws_profile", "role_arn", "region"];

/// What saml2aws has on this machine.
#[derive(Debug)]
pub struct Saml2aws {
    /// Its configuration.
    pub config: PathBuf,
    /// The shared AWS files.
    pub aws: AwsProfiles,
}

impl Saml2aws {
    fn candidate(&self, name: &str, account: &Section) -> Result<Candidate, String> {
        let place = format!("{}:{}", self.config.display(), account.line);
        let of = |key: &str| account.text(key).filter(|text| !text.is_empty());
        let role = of("role_arn")
            .ok_or("it has no role_arn, so saml2aws asks which role is wanted at each sign-in")?;
        let profile = of("aws_profile").unwrap_or("saml");
        let command = [
            "saml2aws",
            "login",
            "--idp-account",
            name,
            "--role",
            role,
            "--profile",
            profile,
            "--skip-prompt",
            "--quiet",
            "--credential-process",
        ];
        let mut fields = Map::from_iter([("command".to_owned(), Value::from(command.to_vec()))]);
        if let Some(region) = of("region") {
            fields.insert("region".to_owned(), Value::from(region));
        }
        let others = account
            .keys
            .iter()
            .filter(|(key, _)| !KNOWN.contains(&key.as_str()));
        let others = others.filter(|(_, key)| key.text().is_some_and(|text| !text.is_empty()));
        let not_taken = others.map(|(key, found)| NotTaken {
            field: key.clone(),
            place: format!("{}:{}", self.config.display(), found.line),
            why: "stays there, where saml2aws reads it".to_owned(),
        });
        Ok(Candidate {
            key: name.to_owned(),
            id: None,
            name: profile.to_owned(),
            profile: Some(profile.to_owned()),
            kind: SessionType::Process,
            fields,
            parent: None,
            portal: None,
            secret: None,
            kept_as: None,
            requires: vec![Requirement::SignIn],
            not_taken: not_taken.collect(),
            lines: Vec::new(),
            place,
        })
    }
}

impl Source for Saml2aws {
    fn name(&self) -> &'static str {
        "saml2aws"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let failed = |message: String| SourceError {
            file: self.config.clone(),
            message,
            hint: "correct the file, or name the sources that you want".to_owned(),
        };
        let text = bounded::read(&self.config, LIMIT).map_err(|error| failed(error.to_string()))?;
        let mut listing = Listing::default();
        let Some(text) = text else {
            return Ok(listing);
        };
        let file = AwsFile::read(&text, Kind::Credentials).map_err(|faults| {
            failed(format!(
                "{} is no configuration of saml2aws: {faults}",
                self.config.display()
            ))
        })?;
        for (name, account) in file.profiles() {
            match self.candidate(name, account) {
                Ok(candidate) => listing.candidates.push(candidate),
                Err(why) => listing.refused.push(Refused {
                    name: name.to_owned(),
                    place: format!("{}:{}", self.config.display(), account.line),
                    why,
                    hint: Some(
                        "complete the account, or add a session for its role with `dayfly session add`"
                            .to_owned(),
                    ),
                }),
            }
        }
        listing.files.push(self.config.clone());
        // What it left in a profile ends by itself.
        in_the_way::settle(&self.aws, &mut listing, &|_| None)?;
        Ok(listing)
    }
}

#[cfg(test)]
mod tests;
