//! How an application proves itself with a certificate: an assertion that its key signed.
//!
//! Source: Microsoft identity platform, "Application authentication certificate credentials":
//! PS256, the certificate named by its SHA-256 thumbprint.

use std::fmt;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// How long an assertion is good for.
const LIFETIME_SECONDS: u64 = 600;

/// What signs assertions for one application.
pub(crate) struct CertificateKey {
    thumbprint: String,
    key: RsaKeyPair,
}

/// Why a certificate cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Dayfly cannot use the certificate: {0}")]
pub(crate) struct CertificateError(&'static str);

impl CertificateKey {
    /// Takes a certificate and its key, both in one PEM text; further certificates are passed over.
    pub(crate) fn parse(pem: &SecretString) -> Result<Self, CertificateError> {
        let bytes = pem.expose().as_bytes();
        let certificate = CertificateDer::from_pem_slice(bytes)
            .map_err(|_| CertificateError("there is no PEM certificate in it"))?;
        let key = PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
            CertificateError("there is no PEM key in it that opens without a password")
        })?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => {
                return Err(CertificateError(
                    "its key is not an RSA key, which Entra ID requires",
                ));
            }
        };
        let key = key.map_err(|_| {
            CertificateError(
                "its key is not an RSA key of at least 2048 bits, which Entra ID requires",
            )
        })?;
        Ok(Self {
            thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
            key,
        })
    }

    /// An assertion for one call.
    fn sign(&self, audience: &str, client_id: &str, now: Timestamp) -> Option<String> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let seconds = now.as_millis() / 1_000;
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": uuid(),
            "nbf": seconds,
            "iat": seconds,
            "exp": seconds + LIFETIME_SECONDS,
        });
        let encoded = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut text = format!("{}.{}", encoded(header), encoded(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(&RSA_PSS_SHA256, &random, text.as_bytes(), &mut signature)
            .ok()?;
        text.push('.');
        text += &URL_SAFE_NO_PAD.encode(signature);
        Some(text)
    }
}

/// A name for one assertion.
fn uuid() -> String {
    azure_core::Uuid::new_v4().to_string()
}

/// Makes the assertions for `azure_identity`.
pub(crate) struct Assertion {
    pub(crate) key: CertificateKey,
    pub(crate) audience: String,
    pub(crate) client_id: String,
    pub(crate) now: Timestamp,
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let failed = || Error::with_message(ErrorKind::Credential, "the signature failed");
        self.key
            .sign(&self.audience, &self.client_id, self.now)
            .ok_or_else(failed)
    }
}
