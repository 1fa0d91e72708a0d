//! Credentials in the forms that clients of an endpoint read.

use dayfly_control::credentials::Given;
use dayfly_core::time::Timestamp;
use dayfly_runtime::report;
use dayfly_vault::SecretString;
use serde::Serialize;
use zeroize::Zeroizing;

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

/// What a container credentials endpoint answers. Clients want to be told of an end, so
/// credentials without one are said to be good until `otherwise`.
///
/// Source: AWS SDKs and Tools Reference Guide, "Container credential provider".
pub(crate) fn container(
    given: &Given,
    otherwise: Timestamp,
) -> std::io::Result<Zeroizing<Vec<u8>>> {
    written(&fields(given, otherwise))
}

/// What an instance metadata service answers; `now` is when they were renewed at the latest.
/// Moments have a fraction of a second, so that botocore takes the end as it is told: one
/// without it it puts off by 12 to 20 minutes from now when it is near
/// (`InstanceMetadataFetcher._evaluate_expiration`).
///
/// Source: EC2 user guide, "Retrieve security credentials from instance metadata".
pub(crate) fn metadata(
    given: &Given,
    now: Timestamp,
    otherwise: Timestamp,
) -> std::io::Result<Zeroizing<Vec<u8>>> {
    written(&Metadata {
        code: "Success",
        last_updated: report::moment(now),
        kind: "AWS-HMAC",
        container: fields(given, otherwise),
    })
}

fn fields(given: &Given, otherwise: Timestamp) -> Container<'_> {
    Container {
        access_key_id: &given.access_key_id,
        secret_access_key: given.secret_access_key.expose(),
        token: given
            .session_token
            .as_ref()
            .map_or("", SecretString::expose),
        expiration: report::moment(given.expires_at.unwrap_or(otherwise)),
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
        let container = container(&given, Timestamp::ZERO).unwrap();
        assert_eq!(
            std::str::from_utf8(&container).unwrap(),
            r#"{"AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"t","Expiration":"2026-03-01T10:00:00.000Z"}"#
        );
        let metadata = metadata(&given, Timestamp::ZERO, Timestamp::ZERO).unwrap();
        assert_eq!(
            std::str::from_utf8(&metadata).unwrap(),
            r#"{"Code":"Success","LastUpdated":"1970-01-01T00:00:00.000Z","Type":"AWS-HMAC","AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"t","Expiration":"2026-03-01T10:00:00.000Z"}"#
        );
    }
}
