//! awsume: roles of the AWS files with what its configuration adds to them.
//!
//! Source: awsume 4, `lib/profile.py`, `lib/config_management.py`.

use std::path::PathBuf;

use serde_json::Value;

use crate::aws_profiles::{self, Access, AwsProfiles, Dialect, No, Profile, no};
use crate::candidate::{Listing, Requirement};
use crate::source::{Source, SourceError};
use crate::yaml;

/// Seconds that AssumeRole takes (AWS STS API reference).
const ROLE_SECONDS: std::ops::RangeInclusive<i64> = 900..=43_200;

/// What awsume has on this machine.
#[derive(Debug)]
pub struct Awsume {
    /// Its configuration.
    pub config: PathBuf,
    /// The shared AWS files.
    pub aws: AwsProfiles,
}

struct Reader(Value);

impl Dialect for Reader {
    fn role(&self, profile: &Profile<'_>, access: &mut Access) -> Result<bool, No> {
        let mut adds = false;
        let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
        let seconds = self.0.get("role-duration").and_then(number);
        let seconds = seconds.filter(|seconds| *seconds != 0);
        if let Some(seconds) = seconds.filter(|_| !profile.has("duration_seconds")) {
            if !ROLE_SECONDS.contains(&seconds) {
                let why =
                    format!("awsume's role-duration is {seconds}, and AWS takes 900 to 43200");
                return Err(no(
                    "role_arn",
                    why,
                    "correct it in the configuration of awsume",
                ));
            }
            access
                .fields
                .insert("durationSeconds".to_owned(), Value::from(seconds));
            adds = true;
        }
        let name = self.0.get("role-session-name").and_then(Value::as_str);
        if let Some(name) = name.filter(|_| !profile.has("role_session_name")) {
            access
                .fields
                .insert("roleSessionName".to_owned(), Value::from(name));
            adds = true;
        }
        // A role has the device of the profile whose credentials it takes.
        let source = profile.text("source_profile").unwrap_or("default");
        let device = profile.text_of(source, "mfa_serial");
        if let Some(device) = device.filter(|_| !profile.has("mfa_serial")) {
            access
                .fields
                .insert("mfaDevice".to_owned(), Value::from(device));
            access.require(Requirement::MfaCode);
            adds = true;
        }
        Ok(adds)
    }
}

impl Source for Awsume {
    fn name(&self) -> &'static str {
        "awsume"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let Some(config) = yaml::configuration(&self.config, "awsume")? else {
            return Ok(Listing::default());
        };
        let mut listing = aws_profiles::list_own(&self.aws, &Reader(config))?;
        listing.files.push(self.config.clone());
        Ok(listing)
    }
}

#[cfg(test)]
mod tests;
