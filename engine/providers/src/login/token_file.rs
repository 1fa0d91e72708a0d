//! A sign-in as it stands in the AWS CLI's cache.
//!
//! Source: AWS CLI, `BaseLoginTokenFetcher._exchange_auth_code_for_access_token`; botocore,
//! `LoginCredentialFetcher`: names of fields, and moments as `%Y-%m-%dT%H:%M:%SZ`. Fields that are not
//! known here stay in the file.

use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::cli_cache::{bytes, moment, secret, text};

/// Who a client of the service is: one whose browser is on this machine, or elsewhere.
pub(super) const SAME_DEVICE: &str = "arn:aws:signin:::devtools/same-device";
pub(super) const CROSS_DEVICE: &str = "arn:aws:signin:::devtools/cross-device";

/// A sign-in, with the credentials that it last gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoginToken {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: SecretString,
    pub(super) session_token: SecretString,
    pub(super) account_id: Option<String>,
    pub(super) expires_at: Timestamp,
    pub(super) token_type: Option<String>,
    pub(super) client_id: String,
    pub(super) refresh_token: SecretString,
    pub(super) id_token: Option<SecretString>,
    /// The key of the sign-in, as PEM.
    pub(super) dpop_key: SecretString,
    /// The region whose service it belongs to, where the file says it.
    pub(super) sign_in_region: Option<String>,
    /// What else stands in the file.
    pub(super) others: Map<String, Value>,
}

impl LoginToken {
    /// The sign-in that a file holds.
    ///
    /// # Errors
    /// What is wrong with it, and nothing of it.
    pub(super) fn read(content: &[u8]) -> Result<Self, String> {
        let file: TokenFile = serde_json::from_slice(content)
            .map_err(|_| "it is not a JSON object of one".to_owned())?;
        let missing = |field: &str| format!("`{field}` is missing");
        let access = file.access_token.ok_or_else(|| missing("accessToken"))?;
        let end = access.expires_at.ok_or_else(|| missing("expiresAt"))?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            access_key_id: filled(access.access_key_id).ok_or_else(|| missing("accessKeyId"))?,
            secret_access_key: access
                .secret_access_key
                .ok_or_else(|| missing("secretAccessKey"))?,
            session_token: access
                .session_token
                .ok_or_else(|| missing("sessionToken"))?,
            account_id: access.account_id,
            expires_at: moment(&end).ok_or("`expiresAt` is not a time in ISO 8601")?,
            token_type: file.token_type,
            client_id: filled(file.client_id).ok_or_else(|| missing("clientId"))?,
            refresh_token: file.refresh_token.ok_or_else(|| missing("refreshToken"))?,
            id_token: file.id_token,
            dpop_key: file.dpop_key.ok_or_else(|| missing("dpopKey"))?,
            sign_in_region: file.sign_in_region,
            others: file.others,
        })
    }

    /// The content of a file for it.
    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        let file = TokenFile {
            access_token: Some(Access {
                access_key_id: Some(self.access_key_id.clone()),
                secret_access_key: Some(self.secret_access_key.clone()),
                session_token: Some(self.session_token.clone()),
                account_id: self.account_id.clone(),
                expires_at: Some(text(self.expires_at)),
            }),
            token_type: self.token_type.clone(),
            client_id: Some(self.client_id.clone()),
            refresh_token: Some(self.refresh_token.clone()),
            id_token: self.id_token.clone(),
            dpop_key: Some(self.dpop_key.clone()),
            sign_in_region: self.sign_in_region.clone(),
            others: self.others.clone(),
        };
        bytes(&file)
    }

    /// What no message may show.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let mut all = vec![
            self.secret_access_key.clone(),
            self.session_token.clone(),
            self.refresh_token.clone(),
            self.dpop_key.clone(),
        ];
        all.extend(self.id_token.clone());
        all
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenFile {
    access_token: Option<Access>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<String>,
    client_id: Option<String>,
    #[serde(default, with = "secret")]
    refresh_token: Option<SecretString>,
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    id_token: Option<SecretString>,
    #[serde(default, with = "secret")]
    dpop_key: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_region: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The credentials.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Access {
    access_key_id: Option<String>,
    #[serde(default, with = "secret")]
    secret_access_key: Option<SecretString>,
    #[serde(default, with = "secret")]
    session_token: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    expires_at: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the AWS CLI writes it, and one field of a later version.
    const FILE: &str = r#"{"accessToken": {"accessKeyId": "ASIAX", "secretAccessKey": "secret-x",
        "sessionToken": "token-x", "accountId": "123456789012", "expiresAt": "2026-03-01T09:30:00Z"},
        "tokenType": "aws_sigv4", "clientId": "arn:aws:signin:::devtools/same-device",
        "refreshToken": "refresh-x", "idToken": "id-x", "dpopKey": "key-x",
        "signInRegion": "eu-west-1", "later": {"kept": [1]}}"#;

    #[test]
    fn a_file_of_the_aws_cli_is_read_and_written_back_field_by_field() {
        let token = LoginToken::read(FILE.as_bytes()).unwrap();
        let written: Value = serde_json::from_slice(&token.write()).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(FILE).unwrap());
        let shown = format!("{token:?}");
        for secret in ["secret-x", "token-x", "refresh-x", "id-x", "key-x"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_by_the_name_of_its_field() {
        for (field, part) in [
            (
                "\"refreshToken\": \"refresh-x\",",
                "`refreshToken` is missing",
            ),
            ("\"dpopKey\": \"key-x\",", "`dpopKey` is missing"),
            ("\"accessKeyId\": \"ASIAX\",", "`accessKeyId` is missing"),
        ] {
            let told = LoginToken::read(FILE.replacen(field, "", 1).as_bytes()).unwrap_err();
            assert_eq!(told, part);
        }
        let odd = FILE.replacen("2026-03-01T09:30:00Z", "soon", 1);
        assert!(
            LoginToken::read(odd.as_bytes())
                .unwrap_err()
                .contains("expiresAt")
        );
        for text in ["{", "[]", "\"refresh-x\""] {
            let told = LoginToken::read(text.as_bytes()).unwrap_err();
            assert!(
                told.contains("JSON") && !told.contains("refresh-x"),
                "{told}"
            );
        }
    }
}
