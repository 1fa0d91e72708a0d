//! Signature Version 4, checked by signing the same request again with the AWS SDK's signer.
//!
//! Source: IAM User Guide, "AWS Signature Version 4 for API requests".

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use chrono::{DateTime, NaiveDateTime, Utc};
use dayfly_vault::SecretString;

use crate::wire::{Incoming, Refusal};

/// How far the client's clock may be off.
const SKEW_MAX: Duration = Duration::from_secs(15 * 60);
/// The form of `X-Amz-Date`.
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";
/// The headers that the signer puts in by itself.
const SIGNERS_OWN: [&str; 2] = ["x-amz-date", "x-amz-security-token"];

/// What a request says about its signature.
pub(crate) struct Claim<'a> {
    pub access_key_id: &'a str,
    pub session_token: Option<&'a str>,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    signed_at: SystemTime,
}

impl<'a> Claim<'a> {
    /// Reads the `Authorization` header and what belongs to it.
    pub(crate) fn read(request: &'a Incoming) -> Result<Self, Refusal> {
        let authorization = request.header("authorization").ok_or_else(|| {
            Refusal::forbidden(
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            )
        })?;
        Self::parse(request, authorization).ok_or_else(|| {
            Refusal::forbidden(
                "IncompleteSignature",
                "The Authorization header is not that of AWS4-HMAC-SHA256, or X-Amz-Date is \
                 missing.",
            )
        })
    }

    fn parse(request: &'a Incoming, authorization: &'a str) -> Option<Self> {
        let parameters = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let parameter = |name: &str| {
            parameters
                .split(',')
                .filter_map(|part| part.trim().split_once('='))
                .find_map(|(key, value)| (key == name).then_some(value))
        };
        let mut scope = parameter("Credential")?.split('/');
        let (id, _date, region, service) =
            (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        if scope.next() != Some("aws4_request") || scope.next().is_some() {
            return None;
        }
        let date = request.header("x-amz-date")?;
        let date = NaiveDateTime::parse_from_str(date, DATE_FORMAT).ok()?;
        Some(Self {
            access_key_id: id,
            session_token: request.header("x-amz-security-token"),
            region,
            service,
            signed_headers: parameter("SignedHeaders")?,
            signature: parameter("Signature")?,
            signed_at: date.and_utc().into(),
        })
    }

    /// Whether the holder of the secret signed this request now.
    pub(crate) fn verify(
        &self,
        request: &Incoming,
        secret_access_key: &SecretString,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        if self.service != "sts" {
            return Err(mismatch(
                "Credential should be scoped to correct service: 'sts'.",
            ));
        }
        let written = |at: SystemTime| DateTime::<Utc>::from(at).format(DATE_FORMAT);
        if self.signed_at + SKEW_MAX < now {
            return Err(mismatch(format!(
                "Signature expired: {} is now earlier than {} ({} - 15 min.)",
                written(self.signed_at),
                written(now - SKEW_MAX),
                written(now)
            )));
        }
        if now + SKEW_MAX < self.signed_at {
            return Err(mismatch(format!(
                "Signature not yet current: {} is still later than {} ({} + 15 min.)",
                written(self.signed_at),
                written(now + SKEW_MAX),
                written(now)
            )));
        }
        match self.expected(request, secret_access_key) {
            Some(expected) if expected == self.signature => Ok(()),
            _ => Err(mismatch(
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service \
                 documentation for details.",
            )),
        }
    }

    /// The signature that the holder of the secret would have made.
    fn expected(&self, request: &Incoming, secret: &SecretString) -> Option<String> {
        let identity = Credentials::new(
            self.access_key_id,
            secret.expose(),
            self.session_token.map(str::to_owned),
            None,
            "demo",
        )
        .into();
        let mut settings = SigningSettings::default();
        // The client says which headers it signed.
        settings.excluded_headers = None;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.signed_at)
            .settings(settings)
            .build()
            .ok()?
            .into();
        let headers: Vec<_> = self
            .signed_headers
            .split(';')
            .filter(|name| !SIGNERS_OWN.contains(name))
            .filter_map(|name| Some((name, request.header(name)?)))
            .collect();
        let host = request.header("host")?;
        let path = request
            .head
            .uri
            .path_and_query()
            .map_or("/", |p| p.as_str());
        let signable = SignableRequest::new(
            request.head.method.as_str(),
            format!("http://{host}{path}"),
            headers.into_iter(),
            SignableBody::Bytes(&request.body),
        )
        .ok()?;
        let (_, signature) = sign(signable, &parameters).ok()?.into_parts();
        Some(signature)
    }
}

fn mismatch(message: impl Into<String>) -> Refusal {
    Refusal::forbidden("SignatureDoesNotMatch", message)
}
