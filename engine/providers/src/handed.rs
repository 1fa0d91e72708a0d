//! Credentials that a program or this machine hands over: read, checked, and given an end.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Process credential provider" (`Version` 1,
//! `Expiration` in ISO 8601 where they are temporary); EC2 User Guide, "Retrieve security credentials
//! from instance metadata" (the same members, with `Token`).

use std::time::Duration;

use aws_smithy_types::date_time::{DateTime, Format};
use dayfly_core::session::{Lease, Session};
use dayfly_core::time::Timestamp;
use dayfly_vault::{AccessKey, Material, SecretString, TemporaryCredentials};
use serde::Deserialize;

use crate::aws_iam_user::{LIFETIME_SECONDS, session_token};
use crate::aws_sts::Sts;
use crate::errors::ProviderError;
use crate::errors_handed::{Giver, HandedProblem};

/// How long temporary credentials are believed in whose end nobody says, before whoever gave them is
/// asked again: the shortest lifetime that STS gives.
const UNKNOWN_END: Duration = Duration::from_secs(900);

/// Credentials of somebody else.
pub(crate) struct Handed {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: SecretString,
    /// Absent for a long-lived key.
    pub(crate) session_token: Option<SecretString>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// What programs print and services answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: Option<u64>,
    access_key_id: Option<String>,
    secret_access_key: Option<Text>,
    session_token: Option<Text>,
    token: Option<Text>,
    expiration: Option<String>,
    code: Option<String>,
}

/// A text that is overwritten when it is dropped, used or not.
struct Text(SecretString);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(SecretString::from(text)))
    }
}

impl Handed {
    /// Reads what a program printed. The error says what is wrong with it, and nothing of it.
    pub(crate) fn of_program(text: &[u8]) -> Result<Self, String> {
        let printed = read(text)?;
        match printed.version {
            Some(1) => Self::of(printed),
            Some(other) => Err(format!("`Version` is {other}, and only 1 is known")),
            None => Err("`Version` is missing".to_owned()),
        }
    }

    /// Reads what a service answered.
    pub(crate) fn of_service(text: &[u8]) -> Result<Self, String> {
        let printed = read(text)?;
        match printed.code.as_deref() {
            None | Some("Success") => Self::of(printed),
            Some(code) => Err(format!("its code is {}", crate::answer::word(code))),
        }
    }

    fn of(printed: Printed) -> Result<Self, String> {
        let filled = |text: Option<Text>| text.map(|t| t.0).filter(|t| !t.expose().is_empty());
        let missing = |name: &str| format!("`{name}` is missing");
        let id = printed.access_key_id.filter(|id| !id.is_empty());
        let expires_at = match printed.expiration.as_deref() {
            None | Some("") => None,
            Some(text) => Some(moment(text).ok_or("`Expiration` is not a time in ISO 8601")?),
        };
        Ok(Self {
            access_key_id: id.ok_or_else(|| missing("AccessKeyId"))?,
            secret_access_key: filled(printed.secret_access_key)
                .ok_or_else(|| missing("SecretAccessKey"))?,
            session_token: filled(printed.session_token).or_else(|| filled(printed.token)),
            expires_at,
        })
    }

    /// What no message may show.
    pub(crate) fn secrets(&self) -> Vec<SecretString> {
        let token = self.session_token.iter();
        std::iter::once(&self.secret_access_key)
            .chain(token)
            .cloned()
            .collect()
    }

    /// Temporary credentials with an end. A long-lived key is exchanged for some.
    pub(crate) async fn into_temporary(
        self,
        sts: &Sts,
        session: &Session,
        giver: Giver,
        now: Timestamp,
    ) -> Result<TemporaryCredentials, ProviderError> {
        let Some(session_token) = self.session_token else {
            let key = AccessKey {
                access_key_id: self.access_key_id,
                secret_access_key: self.secret_access_key,
            };
            return self::session_token(sts, session, &key, None, LIFETIME_SECONDS, now).await;
        };
        let expires_at = self.expires_at.unwrap_or_else(|| now.plus(UNKNOWN_END));
        if expires_at <= now {
            return Err(ProviderError::Handed {
                session: session.name.clone(),
                problem: HandedProblem::Expired {
                    giver,
                    seconds: now.since(expires_at).as_secs(),
                },
            });
        }
        Ok(TemporaryCredentials {
            lease: Lease {
                issued_at: now,
                expires_at: Some(expires_at),
            },
            material: Material::Aws {
                access_key_id: self.access_key_id,
                secret_access_key: self.secret_access_key,
                session_token: Some(session_token),
                region: Some(sts.region(session)),
            },
        })
    }
}

fn read(text: &[u8]) -> Result<Printed, String> {
    // What the parser says may quote the text.
    serde_json::from_slice(text).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "a member has the wrong type",
            _ => "it is not a JSON object",
        };
        let place = match error.line() {
            0 => String::new(),
            line => format!(" (line {line}, column {})", error.column()),
        };
        format!("{problem}{place}")
    })
}

/// A moment in ISO 8601, as the SDKs read it.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let read = DateTime::from_str(text.trim(), Format::DateTimeWithOffset).ok()?;
    let millis = u64::try_from(read.to_millis().ok()?).ok()?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"Version":1,"AccessKeyId":"ASIAX","SecretAccessKey":"canary",
        "SessionToken":"token","Expiration":"2026-03-01T10:00:00Z","AccountId":"123456789012"}"#;

    #[test]
    fn what_a_program_prints_is_read_as_the_sdks_read_it() {
        let handed = Handed::of_program(WHOLE.as_bytes()).unwrap();
        assert_eq!(handed.access_key_id, "ASIAX");
        assert_eq!(handed.secrets().len(), 2);
        assert_eq!(
            handed.expires_at,
            Some(Timestamp::from_millis(1_772_359_200_000))
        );
        let offset = WHOLE.replace("10:00:00Z", "12:00:00+02:00");
        let handed_too = Handed::of_program(offset.as_bytes()).unwrap();
        assert_eq!(handed_too.expires_at, handed.expires_at);
        let key = r#"{"Version":1,"AccessKeyId":"AKIAX","SecretAccessKey":"canary"}"#;
        let key = Handed::of_program(key.as_bytes()).unwrap();
        assert!(key.session_token.is_none() && key.expires_at.is_none());
    }

    #[test]
    fn what_is_wrong_is_said_without_what_was_printed() {
        for (from, to, said) in [
            ("\"Version\":1,", "", "`Version` is missing"),
            (
                "\"Version\":1",
                "\"Version\":2",
                "`Version` is 2, and only 1 is known",
            ),
            (
                "AccessKeyId\":\"ASIAX",
                "AccessKeyId\":\"",
                "`AccessKeyId` is missing",
            ),
            ("SecretAccessKey", "Secret", "`SecretAccessKey` is missing"),
            (
                "2026-03-01T10:00:00Z",
                "canary",
                "`Expiration` is not a time in ISO 8601",
            ),
            (
                "\"canary\"",
                "[\"canary\"]",
                "a member has the wrong type (line 1, column 53)",
            ),
            (
                "{",
                "canary {",
                "it is not a JSON object (line 1, column 1)",
            ),
        ] {
            let text = WHOLE.replacen(from, to, 1);
            let told = Handed::of_program(text.as_bytes()).err();
            assert_eq!(told.as_deref(), Some(said), "{text}");
        }
    }

    #[test]
    fn a_service_says_by_its_code_that_there_are_none() {
        let text = r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"canary"}"#;
        let told = Handed::of_service(text.as_bytes()).err();
        assert_eq!(
            told.as_deref(),
            Some("its code is AssumeRoleUnauthorizedAccess")
        );
        let text = r#"{"Code":"Success","AccessKeyId":"ASIAX","SecretAccessKey":"s","Token":"t",
            "Expiration":"2026-03-01T10:00:00Z"}"#;
        let handed = Handed::of_service(text.as_bytes()).unwrap();
        assert_eq!(handed.session_token.unwrap().expose(), "t");
    }
}
