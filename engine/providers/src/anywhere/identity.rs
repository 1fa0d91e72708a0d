//! Certificate, chain and key of a session, as they stand now.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use dayfly_core::session::RolesAnywhere;
use dayfly_fs::{bounded, private_file, trusted};
use dayfly_vault::{SecretString, helper};
use dayfly_x509::{Bundle, Certificate, PrivateKey, certificates};
use zeroize::Zeroizing;

use super::problem::{AnywhereProblem, Field};

/// The longest file, in bytes.
const LENGTH: u64 = 1 << 20;
/// The most certificates that go beside the first.
const CHAIN: usize = 16;

/// What a session signs with, and whose it is.
pub(super) struct Identity {
    pub(super) certificate: Certificate,
    /// The certificates between it and the trust anchor's.
    pub(super) chain: Vec<Certificate>,
    pub(super) signer: Signer,
}

/// Who signs.
pub(super) enum Signer {
    Key(Box<PrivateKey>),
    /// The token, with the key that this URI means.
    Token(String),
}

impl Identity {
    /// Reads what is in files; `in_token` is the certificate where it is in a token, in base64.
    pub(super) fn read(
        anywhere: &RolesAnywhere,
        in_token: Option<&str>,
        secret: Option<&SecretString>,
    ) -> Result<Self, AnywhereProblem> {
        let refuse = |field: Field| move |problem| field.of_content(anywhere, problem);
        let place = Field::Certificate;
        let (mut found, own_key) = match in_token {
            Some(text) => {
                let der = BASE64.decode(text.as_bytes());
                let der = der.map_err(|_| place.of_token(dayfly_pkcs11::Trouble::Ended))?;
                (
                    vec![Certificate::of_der(&der).map_err(refuse(place))?],
                    None,
                )
            }
            None => {
                // Where the key is in the same file, it is nobody else's to read.
                let with_key = anywhere.private_key.is_none();
                let bytes = read(place, &anywhere.certificate, with_key)?;
                if Bundle::is_one(&bytes) {
                    // What is in it is the key's, whatever else is named.
                    let bytes = read(place, &anywhere.certificate, true)?;
                    let passphrase = secret.map(SecretString::expose);
                    let bundle = Bundle::read(&bytes, passphrase).map_err(refuse(place))?;
                    (bundle.certificates, Some(bundle.key))
                } else {
                    let found = certificates(&bytes).map_err(refuse(place))?;
                    let key =
                        with_key.then(|| key(&bytes, secret).map_err(refuse(Field::PrivateKey)));
                    (found, key.transpose()?)
                }
            }
        };
        if let Some(path) = &anywhere.certificate_chain {
            let bytes = read(Field::Chain, path, false)?;
            found.extend(certificates(&bytes).map_err(refuse(Field::Chain))?);
        }
        let certificate = found.remove(0);
        let signer = match (&anywhere.private_key, own_key) {
            (Some(uri), _) if dayfly_pkcs11::is_uri(uri) => Signer::Token(uri.clone()),
            (Some(path), _) => {
                let bytes = read(Field::PrivateKey, path, true)?;
                let key = key(&bytes, secret).map_err(refuse(Field::PrivateKey))?;
                Signer::Key(Box::new(key))
            }
            (None, Some(key)) => Signer::Key(Box::new(key)),
            (None, None) => Signer::Token(anywhere.certificate.clone()),
        };
        Ok(Self {
            chain: chain(&certificate, found),
            certificate,
            signer,
        })
    }
}

fn key(bytes: &[u8], secret: Option<&SecretString>) -> Result<PrivateKey, dayfly_x509::Problem> {
    PrivateKey::read(bytes, secret.map(|secret| secret.expose().as_bytes()))
}

/// Each certificate once, without those that nobody needs: the service has the trust anchor's own.
fn chain(certificate: &Certificate, found: Vec<Certificate>) -> Vec<Certificate> {
    let mut chain: Vec<Certificate> = Vec::new();
    for one in found {
        let root = one.is_issued_by(&one);
        if !root && one != *certificate && !chain.contains(&one) && chain.len() < CHAIN {
            chain.push(one);
        }
    }
    chain
}

/// Reads a file; one with a private key only where it is its owner's alone.
pub(super) fn read(
    field: Field,
    path: &str,
    private: bool,
) -> Result<Zeroizing<Vec<u8>>, AnywhereProblem> {
    let refuse = |problem: String| AnywhereProblem::File {
        what: field.as_str(),
        path: path.to_owned(),
        problem,
    };
    let place = absolute(path).map_err(refuse)?;
    let none = || refuse("the file does not exist".to_owned());
    let bytes = if private {
        // Those who keep keys in order (Kubernetes, cert-manager) put links there.
        let place = std::fs::canonicalize(&place).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => none(),
            _ => refuse(error.to_string()),
        })?;
        private_file::read(&place).map(|bytes| bytes.map(Zeroizing::new))
    } else {
        bounded::read_secret(&place, LENGTH)
    };
    let bytes = bytes.map_err(|error| refuse(error.to_string()))?;
    let bytes = bytes.ok_or_else(none)?;
    match u64::try_from(bytes.len()).is_ok_and(|length| length <= LENGTH) {
        true => Ok(bytes),
        false => Err(refuse(format!("it has more than {LENGTH} bytes"))),
    }
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    let place = helper::own(path).unwrap_or_else(|| PathBuf::from(path));
    match place.is_absolute() {
        true => Ok(place),
        false => Err("the path must begin with / or ~/".to_owned()),
    }
}

/// The module of a token, which nobody else may have written: it runs as this person.
pub(super) fn module(path: &str) -> Result<PathBuf, AnywhereProblem> {
    let refuse = |problem: String| AnywhereProblem::File {
        what: "PKCS#11 module",
        path: path.to_owned(),
        problem,
    };
    if !Path::new(path).is_absolute() {
        return Err(refuse("the path must begin with /".to_owned()));
    }
    let found = trusted::inspect(Path::new(path)).map_err(|error| refuse(error.to_string()))?;
    found.ok_or_else(|| refuse("the file does not exist".to_owned()))
}
