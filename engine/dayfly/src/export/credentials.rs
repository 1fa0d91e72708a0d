//! Credentials on their way to a program.

use chrono::DateTime;
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_runtime::report;
use dayfly_vault::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Credentials as a running engine, or one in this process, gave them.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: SecretString,
    pub(crate) session_token: Option<SecretString>,
    /// The end as clients are told of it.
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Container<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    code: &'static str,
    last_updated: String,
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(flatten)]
    container: Container<'a>,
}

impl Given {
    /// Reads what `credential_process` prints.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, CliError> {
        // What the parser says could quote a secret, so it is not passed on.
        let odd = || CliError::failed("the credentials came in a form that is not understood");
        let printed: Printed = serde_json::from_slice(text).map_err(|_| odd())?;
        let expires_at = match printed.expiration {
            Some(text) => {
                let date = DateTime::parse_from_rfc3339(&text).map_err(|_| odd())?;
                let millis = u64::try_from(date.timestamp_millis()).map_err(|_| odd())?;
                Some(Timestamp::from_millis(millis))
            }
            None => None,
        };
        if printed.access_key_id.is_empty() || printed.secret_access_key.is_empty() {
            return Err(CliError::failed("the credentials are incomplete"));
        }
        Ok(Self {
            access_key_id: printed.access_key_id,
            secret_access_key: SecretString::from(printed.secret_access_key),
            session_token: printed.session_token.map(SecretString::from),
            expires_at,
        })
    }

    /// What a container credentials endpoint answers. Clients want to be told of an end, so
    /// credentials without one are said to be good until `otherwise`.
    ///
    /// Source: AWS SDKs and Tools Reference Guide, "Container credential provider".
    pub(crate) fn container(&self, otherwise: Timestamp) -> std::io::Result<Zeroizing<Vec<u8>>> {
        written(&self.fields(otherwise))
    }

    /// What an instance metadata service answers; `now` is when they were renewed at the latest.
    /// Moments have a fraction of a second, so that botocore takes the end as it is told: one
    /// without it it puts off by 12 to 20 minutes from now when it is near
    /// (`InstanceMetadataFetcher._evaluate_expiration`).
    ///
    /// Source: EC2 user guide, "Retrieve security credentials from instance metadata".
    pub(crate) fn metadata(
        &self,
        now: Timestamp,
        otherwise: Timestamp,
    ) -> std::io::Result<Zeroizing<Vec<u8>>> {
        written(&Metadata {
            code: "Success",
            last_updated: report::moment(now),
            kind: "AWS-HMAC",
            container: self.fields(otherwise),
        })
    }

    fn fields(&self, otherwise: Timestamp) -> Container<'_> {
        Container {
            access_key_id: &self.access_key_id,
            secret_access_key: self.secret_access_key.expose(),
            token: self.session_token.as_ref().map_or("", SecretString::expose),
            expiration: report::moment(self.expires_at.unwrap_or(otherwise)),
        }
    }
}

fn written(answer: &impl Serialize) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Room enough, so that the buffer is not moved and a copy left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(8_192));
    serde_json::to_writer(&mut *text, answer)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_same() {
        let printed = br#"{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-03-01T10:00:00.000Z"}"#;
        let given = Given::parse(printed).unwrap();
        let container = given.container(Timestamp::ZERO).unwrap();
        assert_eq!(
            std::str::from_utf8(&container).unwrap(),
            r#"{"AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"t","Expiration":"2026-03-01T10:00:00.000Z"}"#
        );
        let metadata = given.metadata(Timestamp::ZERO, Timestamp::ZERO).unwrap();
        assert_eq!(
            std::str::from_utf8(&metadata).unwrap(),
            r#"{"Code":"Success","LastUpdated":"1970-01-01T00:00:00.000Z","Type":"AWS-HMAC","AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"t","Expiration":"2026-03-01T10:00:00.000Z"}"#
        );
        let empty = br#"{"Version":1,"AccessKeyId":"","SecretAccessKey":"s"}"#;
        assert!(Given::parse(empty).is_err());
        assert!(
            Given::parse(br#"{"SecretAccessKey":"canary"#)
                .unwrap_err()
                .to_string()
                .find("canary")
                .is_none()
        );
        assert!(!format!("{given:?}").contains("\"s\""));
    }
}
