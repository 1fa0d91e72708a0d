//! The files of the AWS CLI's sign-in cache: a sign-in, and the registration of a client.
//!
//! Source: botocore, `tokens.py` (`SSOTokenProvider`) and the AWS CLI's `SSOTokenFetcher`: names
//! of fields, and moments as `%Y-%m-%dT%H:%M:%SZ`. Old versions of both wrote `UTC` for `Z`.

use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::cli_cache::{bytes, moment, secret, text};

/// A client of the sign-in service, as it was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
    /// When the registration ends.
    pub(crate) expires_at: Timestamp,
}

/// A sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignIn {
    /// The portal's start address, as the AWS config file or the Workspace has it.
    pub(crate) start_url: String,
    pub(crate) region: String,
    pub(crate) access_token: SecretString,
    pub(crate) expires_at: Timestamp,
    pub(crate) client: Option<Client>,
    pub(crate) refresh_token: Option<SecretString>,
}

impl SignIn {
    /// What it takes to renew it without a person, where that can be.
    pub(crate) fn renewal(&self, now: Timestamp) -> Option<(&Client, &SecretString)> {
        let client = self.client.as_ref().filter(|c| c.expires_at > now)?;
        Some((client, self.refresh_token.as_ref()?))
    }

    /// The sign-in that a file holds; none where it holds something else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let file: SignInFile = serde_json::from_slice(bytes).ok()?;
        let client = || {
            Some(Client {
                id: file.client_id?,
                secret: file.client_secret?,
                expires_at: moment(&file.registration_expires_at?)?,
            })
        };
        Some(Self {
            start_url: file.start_url.unwrap_or_default(),
            region: file.region.unwrap_or_default(),
            access_token: file.access_token?,
            expires_at: moment(&file.expires_at?)?,
            refresh_token: file.refresh_token,
            client: client(),
        })
    }

    /// The content of a file for it.
    pub(crate) fn write(&self) -> Zeroizing<Vec<u8>> {
        let client = self.client.as_ref();
        bytes(&SignInFile {
            start_url: Some(self.start_url.clone()),
            region: Some(self.region.clone()),
            access_token: Some(self.access_token.clone()),
            expires_at: Some(text(self.expires_at)),
            client_id: client.map(|c| c.id.clone()),
            client_secret: client.map(|c| c.secret.clone()),
            registration_expires_at: client.map(|c| text(c.expires_at)),
            refresh_token: self.refresh_token.clone(),
        })
    }
}

impl Client {
    /// The registration that a file holds; none where it holds something else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let file: ClientFile = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            id: file.client_id,
            secret: file.client_secret?,
            expires_at: moment(&file.expires_at)?,
        })
    }

    /// The content of a file for it.
    pub(crate) fn write(&self, scopes: &[String]) -> Zeroizing<Vec<u8>> {
        bytes(&ClientFile {
            client_id: self.id.clone(),
            client_secret: Some(self.secret.clone()),
            expires_at: text(self.expires_at),
            scopes: scopes.to_vec(),
        })
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct SignInFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    access_token: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    client_secret: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_expires_at: Option<String>,
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    refresh_token: Option<SecretString>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientFile {
    client_id: String,
    #[serde(with = "secret")]
    client_secret: Option<SecretString>,
    expires_at: String,
    #[serde(default)]
    scopes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_of_the_aws_cli_is_read_and_written_alike() {
        let text = r#"{"startUrl": "https://c.awsapps.com/start", "region": "eu-west-1",
            "accessToken": "at", "expiresAt": "2026-03-01T09:30:00Z", "clientId": "id",
            "clientSecret": "cs", "registrationExpiresAt": "2026-05-30T09:30:00Z",
            "refreshToken": "rt"}"#;
        let sign_in = SignIn::read(text.as_bytes()).unwrap();
        assert_eq!(
            sign_in.expires_at,
            Timestamp::from_millis(1_772_357_400_000)
        );
        assert!(sign_in.renewal(sign_in.expires_at).is_some());
        let written = sign_in.write();
        let same = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        assert_eq!(same(&written), same(text.as_bytes()));
        assert_eq!(SignIn::read(&written), Some(sign_in));
    }

    #[test]
    fn old_forms_are_read_and_other_files_are_none() {
        let old = r#"{"startUrl": "s", "region": "r", "accessToken": "at",
            "expiresAt": "2020-06-01T12:00:00UTC"}"#;
        let sign_in = SignIn::read(old.as_bytes()).unwrap();
        assert!(sign_in.client.is_none() && sign_in.renewal(Timestamp::ZERO).is_none());
        for other in [
            "",
            "{",
            "[]",
            r#"{"clientId": "c", "clientSecret": "s", "expiresAt": "2020-06-01T12:00:00Z"}"#,
            r#"{"accessToken": "", "expiresAt": "2020-06-01T12:00:00Z"}"#,
            r#"{"accessToken": "a", "expiresAt": "soon"}"#,
        ] {
            assert_eq!(SignIn::read(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_registration_that_ended_renews_nothing() {
        let end = Timestamp::from_millis(1_000_000);
        let sign_in = SignIn {
            start_url: String::new(),
            region: String::new(),
            access_token: SecretString::from("a".to_owned()),
            expires_at: end,
            client: Some(Client {
                id: "i".to_owned(),
                secret: SecretString::from("s".to_owned()),
                expires_at: end,
            }),
            refresh_token: Some(SecretString::from("r".to_owned())),
        };
        assert!(sign_in.renewal(Timestamp::ZERO).is_some());
        assert!(sign_in.renewal(end).is_none());
        assert!(!format!("{sign_in:?}").contains("\"a\""));
    }
}
