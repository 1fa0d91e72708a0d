//! One certificate: what has to be known of it to sign in its name.

use pkcs8::der::{Decode as _, Encode as _};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use crate::pem;
use crate::problem::Problem;

/// RFC 8017, appendix C.
pub(crate) const RSA: &str = "1.2.840.113549.1.1.1";
/// RFC 5480, 2.1.1.
pub(crate) const EC: &str = "1.2.840.10045.2.1";
/// RFC 5480, 2.1.1.1.
pub(crate) const P256: &str = "1.2.840.10045.3.1.7";
pub(crate) const P384: &str = "1.3.132.0.34";
const P521: &str = "1.3.132.0.35";

/// With what a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// PKCS#1 v1.5 with SHA-256.
    Rsa,
    /// ECDSA with SHA-256, the signature in DER.
    Ecdsa,
}

/// The public key of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
}

/// A certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    serial: String,
    subject: String,
    issuer: String,
    not_before: u64,
    not_after: u64,
    curve: Option<Curve>,
    public_key: Vec<u8>,
    authority: bool,
    may_sign: bool,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("serial", &self.serial)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// The certificates of PEM text in their order, or the one that DER bytes are.
///
/// # Errors
/// There is none, or one of them cannot be read.
pub fn certificates(bytes: &[u8]) -> Result<Vec<Certificate>, Problem> {
    if !pem::is_pem(bytes) {
        return Certificate::of_der(bytes).map(|one| vec![one]);
    }
    let mut found = Vec::new();
    for section in pem::sections(bytes)? {
        if matches!(section.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE") {
            found.push(Certificate::of_der(&section.der)?);
        }
    }
    match found.is_empty() {
        true => Err(Problem::NoCertificate),
        false => Ok(found),
    }
}

impl Certificate {
    /// Reads DER bytes.
    ///
    /// # Errors
    /// They are no certificate, or its key is of a kind that is not used.
    pub fn of_der(der: &[u8]) -> Result<Self, Problem> {
        let damaged = |_| Problem::Damaged("certificate");
        let parsed = x509_cert::Certificate::from_der(der).map_err(damaged)?;
        let tbs = &parsed.tbs_certificate;
        let constraints = tbs.get::<BasicConstraints>().map_err(damaged)?;
        let usage = tbs.get::<KeyUsage>().map_err(damaged)?;
        let info = &tbs.subject_public_key_info;
        let parameters = info.algorithm.parameters.as_ref();
        let parameters = parameters
            .map(|any| any.to_der().map_err(damaged))
            .transpose()?;
        let curve = curve(&info.algorithm.oid.to_string(), parameters.as_deref())?;
        let public_key = info.subject_public_key.as_bytes();
        Ok(Self {
            serial: decimal(tbs.serial_number.as_bytes())?,
            subject: tbs.subject.to_string(),
            issuer: tbs.issuer.to_string(),
            not_before: tbs.validity.not_before.to_unix_duration().as_secs(),
            not_after: tbs.validity.not_after.to_unix_duration().as_secs(),
            curve,
            public_key: public_key.ok_or(Problem::Damaged("certificate"))?.to_vec(),
            authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
            may_sign: usage.is_none_or(|(_, usage)| usage.digital_signature()),
            der: der.to_vec(),
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its serial number as a decimal number.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Whose it is (RFC 4514).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether the other is that of its issuer, by name.
    #[must_use]
    pub fn is_issued_by(&self, other: &Self) -> bool {
        self.issuer == other.subject
    }

    /// From when on it counts, in seconds since 1970.
    #[must_use]
    pub fn not_before(&self) -> u64 {
        self.not_before
    }

    /// Until when it counts, in seconds since 1970.
    #[must_use]
    pub fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Whether it is that of an authority, which signs certificates and nothing else.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.authority
    }

    /// Whether its key may sign anything but certificates.
    #[must_use]
    pub fn may_sign(&self) -> bool {
        self.may_sign
    }

    /// With what its key signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.curve {
            Some(_) => Algorithm::Ecdsa,
            None => Algorithm::Rsa,
        }
    }

    /// Whether its key made the signature, with SHA-256.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match self.curve {
            None => &RSA_PKCS1_2048_8192_SHA256,
            Some(Curve::P256) => &ECDSA_P256_SHA256_ASN1,
            Some(Curve::P384) => &ECDSA_P384_SHA256_ASN1,
        };
        let key = UnparsedPublicKey::new(algorithm, &self.public_key);
        key.verify(message, signature).is_ok()
    }
}

/// The curve of a public key; none for RSA.
fn curve(algorithm: &str, parameters: Option<&[u8]>) -> Result<Option<Curve>, Problem> {
    let unsupported = |kind: &str| Problem::Unsupported {
        what: "public key",
        kind: kind.to_owned(),
        why: "Dayfly does not sign with; use RSA with 2048 to 4096 bits, or EC on P-256 or P-384",
    };
    match algorithm {
        RSA => return Ok(None),
        EC => {}
        _ => return Err(unsupported(&format!("of the algorithm {algorithm}"))),
    }
    let named = parameters.and_then(|der| pkcs8::ObjectIdentifier::from_der(der).ok());
    match named.map(|curve| curve.to_string()).as_deref() {
        Some(P256) => Ok(Some(Curve::P256)),
        Some(P384) => Ok(Some(Curve::P384)),
        Some(P521) => Err(unsupported("EC on P-521")),
        Some(other) => Err(unsupported(&format!("EC on the curve {other}"))),
        None => Err(unsupported("EC without a named curve")),
    }
}

/// A number of big-endian bytes, in decimal.
fn decimal(bytes: &[u8]) -> Result<String, Problem> {
    if bytes.first().is_none_or(|first| *first >= 0x80) {
        // RFC 5280, 4.1.2.2: it is positive.
        return Err(Problem::Damaged("serial number"));
    }
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = u8::try_from(carry % 10).unwrap_or_default();
            carry /= 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    Ok(digits
        .iter()
        .rev()
        .map(|digit| char::from(b'0' + digit))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_decimal() {
        for (bytes, number) in [
            (&[0][..], "0"),
            (&[21], "21"),
            (&[0x00, 0xff], "255"),
            (&[0x01, 0x00], "256"),
            // 2^64 + 1
            (&[1, 0, 0, 0, 0, 0, 0, 0, 1], "18446744073709551617"),
            (
                &[
                    0x7f, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                    255, 255, 255, 255, 255,
                ],
                "730750818665451459101842416358141509827966271487",
            ),
        ] {
            assert_eq!(decimal(bytes).unwrap(), number);
        }
        assert!(decimal(&[0x80]).is_err() && decimal(&[]).is_err());
    }
}
