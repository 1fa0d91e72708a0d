//! What the process is asked for, and what it answers: one line of JSON each.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// What is to be done with an object of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Find the certificate.
    Certificate,
    /// Sign this with the private key and SHA-256.
    Sign(String),
}

/// What the process hears.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) module: PathBuf,
    pub(crate) uri: String,
    pub(crate) work: Work,
    pub(crate) pin: Option<String>,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.pin.zeroize();
    }
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The certificate, in base64 of its DER.
    Certificate(String),
    /// The signature in hex: PKCS#1 v1.5 for RSA, DER for EC.
    Signature(String),
    /// There is none.
    Problem(Problem),
}

/// Why a token gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum Problem {
    /// The module is no PKCS#11 module, or does not start.
    #[error("the module cannot be loaded ({0})")]
    Module(String),
    /// No token is there that is meant.
    #[error("no token is there that fits the URI")]
    NoToken,
    /// The token has no such object.
    #[error("the token has no {0} that fits the URI")]
    NoObject(String),
    /// There are several.
    #[error("more than one {0} fits the URI")]
    Several(String),
    /// The token asks for a PIN.
    #[error("the token asks for a PIN, and Dayfly has none for it")]
    NeedsPin,
    /// It is another PIN.
    #[error("the token refused the PIN")]
    WrongPin,
    /// The token takes no PIN any more.
    #[error("the token is locked: a wrong PIN was entered too often")]
    Locked,
    /// One more wrong PIN locks the token, so none is tried.
    #[error("the next wrong PIN locks the token, so Dayfly does not try one")]
    LastTry,
    /// The key is of a kind that is not used.
    #[error("the private key in the token is neither RSA nor EC")]
    Kind,
    /// What the module said.
    #[error("the module failed ({0})")]
    Failed(String),
}

/// Writes a request without leaving copies.
pub(crate) fn written(request: &Request) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    serde_json::to_writer(&mut *bytes, request).ok()?;
    Some(bytes)
}
