//! Credentials on their way to a program.

use chrono::DateTime;
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_runtime::{clock, report};
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::early_expiry;

/// Why there is nothing to print for a session of another cloud.
const NOT_AWS: &str = "the session is an Azure session, which has no AWS credentials";
const NOT_AWS_HINT: &str = "use `dayfly exec` or `dayfly env`, which give its tokens to programs";

/// Credentials as a running engine, or one in this process, gave them.
#[derive(Clone, Debug)]
pub struct Given {
    /// The public part of the key.
    pub access_key_id: String,
    /// The secret part of it.
    pub secret_access_key: SecretString,
    /// The session token, where there is one.
    pub session_token: Option<SecretString>,
    /// The end as clients are told of it.
    pub expires_at: Option<Timestamp>,
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
struct Process<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
}

impl Given {
    /// Reads what `credential_process` prints.
    pub fn parse(text: &[u8]) -> Result<Self, CliError> {
        // What the parser says could quote a secret, so it is not passed on.
        let odd = || CliError::failed("Dayfly does not understand the form of the credentials");
        let printed: Printed = serde_json::from_slice(text).map_err(|_| odd())?;
        let expires_at = match printed.expiration {
            Some(text) => {
                let date = DateTime::parse_from_rfc3339(&text).map_err(|_| odd())?;
                let millis = u64::try_from(date.timestamp_millis()).map_err(|_| odd())?;
                Some(Timestamp::from_millis(millis))
            }
            None => None,
        };
        Self {
            access_key_id: printed.access_key_id,
            secret_access_key: SecretString::from(printed.secret_access_key),
            session_token: printed.session_token.map(SecretString::from),
            expires_at,
        }
        .complete()
    }

    /// These credentials, which have not ended, with the end that clients are told.
    pub fn of(credentials: &TemporaryCredentials) -> Result<Self, CliError> {
        let Material::Aws {
            access_key_id,
            secret_access_key,
            session_token,
            region: _,
        } = &credentials.material
        else {
            return Err(CliError::usage(NOT_AWS).hint(NOT_AWS_HINT));
        };
        Self {
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
            session_token: session_token.clone(),
            expires_at: early_expiry::end(&credentials.lease, clock::now()),
        }
        .complete()
    }

    fn complete(self) -> Result<Self, CliError> {
        if self.access_key_id.is_empty() || self.secret_access_key.expose().is_empty() {
            return Err(CliError::failed("the credentials are incomplete"));
        }
        Ok(self)
    }

    /// What `credential_process` prints; wiped from memory when dropped.
    ///
    /// Source: AWS SDKs and Tools Reference Guide, "Process credential provider".
    pub fn process(&self) -> Result<Zeroizing<Vec<u8>>, CliError> {
        let printed = Process {
            version: 1,
            access_key_id: &self.access_key_id,
            secret_access_key: self.secret_access_key.expose(),
            session_token: self.session_token.as_ref().map(SecretString::expose),
            expiration: self.expires_at.map(report::moment),
        };
        // Room enough, so that the buffer is not moved and a copy left behind.
        let mut text = Zeroizing::new(Vec::with_capacity(8_192));
        let printing = serde_json::to_writer(&mut *text, &printed);
        printing.map_err(|e| CliError::failed(e.to_string()))?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use dayfly_core::session::Lease;

    use super::*;

    #[test]
    fn what_is_incomplete_is_refused_and_what_is_odd_is_not_quoted() {
        let printed = br#"{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-03-01T10:00:00.000Z"}"#;
        let given = Given::parse(printed).unwrap();
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

    #[test]
    fn what_is_printed_is_read_as_it_was_given() {
        let credentials = TemporaryCredentials {
            material: Material::Aws {
                access_key_id: "ASIA1".into(),
                secret_access_key: SecretString::from("s".to_owned()),
                session_token: Some(SecretString::from("t".to_owned())),
                region: None,
            },
            lease: Lease {
                issued_at: clock::now(),
                expires_at: Some(clock::now().plus(std::time::Duration::from_secs(3_600))),
            },
        };
        let given = Given::of(&credentials).unwrap();
        let read = Given::parse(&given.process().unwrap()).unwrap();
        assert_eq!(given.access_key_id, read.access_key_id);
        assert_eq!(given.secret_access_key, read.secret_access_key);
        assert_eq!(given.session_token, read.session_token);
        assert_eq!(given.expires_at, read.expires_at);
    }
}
