//! What is sent and what of it is signed: Signature Version 4 with a certificate in the place of a key.
//!
//! Source: IAM Roles Anywhere user guide, "The IAM Roles Anywhere authentication signing process".

use aws_smithy_types::date_time::{DateTime, Format};
use data_encoding::{BASE64, HEXLOWER};
use dayfly_core::session::RolesAnywhere;
use dayfly_core::time::Timestamp;
use dayfly_x509::{Algorithm, Certificate};
use serde_json::json;
use sha2::{Digest as _, Sha256};

const SERVICE: &str = "rolesanywhere";

/// A call of `CreateSession`.
pub(super) struct Call<'a> {
    /// The endpoint.
    pub(super) url: &'a str,
    /// The region that it is signed for.
    pub(super) region: &'a str,
    pub(super) role_arn: &'a str,
    pub(super) anywhere: &'a RolesAnywhere,
    pub(super) role_session_name: Option<&'a str>,
    pub(super) seconds: u32,
    pub(super) certificate: &'a Certificate,
    pub(super) chain: &'a [Certificate],
    pub(super) now: Timestamp,
}

/// A call with its headers in the order in which they are signed.
pub(super) struct Signed {
    /// Where it goes.
    pub(super) url: String,
    /// The names in lower case, and the values; `host` among them.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    path: String,
    query: String,
    scope: String,
    date: String,
    serial: String,
}

impl Signed {
    /// None where the endpoint is no address.
    pub(super) fn of(call: &Call<'_>) -> Option<Self> {
        let uri: http::Uri = call.url.parse().ok()?;
        let host = uri.authority()?.as_str();
        // A name and a password in front of it are not part of it.
        let host = host.rsplit('@').next().unwrap_or(host).to_owned();
        let path = format!("{}/sessions", uri.path().trim_end_matches('/'));
        let query = [
            ("profileArn", call.anywhere.profile_arn.as_str()),
            ("roleArn", call.role_arn),
            ("trustAnchorArn", call.anywhere.trust_anchor_arn.as_str()),
        ];
        let query = query
            .map(|(name, value)| format!("{name}={}", escaped(value)))
            .join("&");
        let mut body = json!({ "durationSeconds": call.seconds });
        if let Some(name) = call.role_session_name {
            body["roleSessionName"] = json!(name);
        }
        let date = date(call.now)?;
        let day = date.get(..8)?;
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", call.region);
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("host", host.clone()),
            ("x-amz-date", date.clone()),
            ("x-amz-x509", BASE64.encode(call.certificate.der())),
        ];
        if !call.chain.is_empty() {
            let chain: Vec<String> = call
                .chain
                .iter()
                .map(|one| BASE64.encode(one.der()))
                .collect();
            headers.push(("x-amz-x509-chain", chain.join(",")));
        }
        Some(Self {
            url: format!("{}://{host}{path}?{query}", uri.scheme_str()?),
            headers,
            body: body.to_string(),
            path,
            query,
            scope,
            date,
            serial: call.certificate.serial().to_owned(),
        })
    }

    /// The request in the form in which both sides have it.
    fn canonical(&self) -> String {
        let lines = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"));
        let body = HEXLOWER.encode(&Sha256::digest(self.body.as_bytes()));
        format!(
            "POST\n{}\n{}\n{}\n{}\n{body}",
            self.path,
            self.query,
            lines.collect::<String>(),
            self.names()
        )
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        names.join(";")
    }

    /// The text that the key signs.
    pub(super) fn text(&self, algorithm: Algorithm) -> String {
        let digest = HEXLOWER.encode(&Sha256::digest(self.canonical().as_bytes()));
        format!(
            "{}\n{}\n{}\n{digest}",
            word(algorithm),
            self.date,
            self.scope
        )
    }

    /// The header that carries the signature.
    pub(super) fn authorization(&self, algorithm: Algorithm, signature: &[u8]) -> String {
        format!(
            "{} Credential={}/{}, SignedHeaders={}, Signature={}",
            word(algorithm),
            self.serial,
            self.scope,
            self.names(),
            HEXLOWER.encode(signature)
        )
    }
}

/// The word for an algorithm in what is signed.
const fn word(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rsa => "AWS4-X509-RSA-SHA256",
        Algorithm::Ecdsa => "AWS4-X509-ECDSA-SHA256",
    }
}

/// `20240706T113859Z`
fn date(now: Timestamp) -> Option<String> {
    let seconds = i64::try_from(now.as_millis() / 1_000).ok()?;
    let text = DateTime::from_secs(seconds).fmt(Format::DateTime).ok()?;
    Some(text.replace(['-', ':'], ""))
}

/// A value of a query as Signature Version 4 escapes it: all but letters, digits and `-_.~`.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len() * 2);
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
