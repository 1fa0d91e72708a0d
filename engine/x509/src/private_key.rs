//! Private keys, in the forms that they have in files.

use pkcs8::der::Decode as _;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo};
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use sec1::EcPrivateKey;
use sha2::{Digest as _, Sha256};

use crate::certificate::{Algorithm, EC, P256, P384, RSA};
use crate::ec_key::EcKey;
use crate::pem;
use crate::problem::Problem;

/// The most bytes of derivation that opening a key may cost: scrypt's memory, or rounds of PBKDF2.
const SCRYPT_BYTES: u64 = 256 << 20;
const ROUNDS: u32 = 10_000_000;

/// A private key.
pub struct PrivateKey(Kind);

enum Kind {
    Rsa(RsaKeyPair),
    P256(EcKey<p256::NistP256>),
    P384(EcKey<p384::NistP384>),
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl PrivateKey {
    /// Reads PEM text or DER bytes: PKCS#8, encrypted or not, PKCS#1 for RSA, SEC 1 for EC.
    ///
    /// # Errors
    /// There is no key, it is of a kind that is not used, or the passphrase is missing or another.
    pub fn read(bytes: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Problem> {
        if !pem::is_pem(bytes) {
            return Self::of_der(bytes, passphrase);
        }
        for section in pem::sections(bytes)? {
            let der = &section.der;
            return match section.label.as_str() {
                "PRIVATE KEY" => Self::of_pkcs8(der),
                "ENCRYPTED PRIVATE KEY" => Self::of_encrypted(der, passphrase),
                "RSA PRIVATE KEY" => Self::of_pkcs1(der),
                "EC PRIVATE KEY" => Self::of_sec1(der, None),
                "TSS2 PRIVATE KEY" => Err(Problem::Unsupported {
                    what: "private key",
                    kind: "wrapped by a TPM".to_owned(),
                    why: "Dayfly reaches through PKCS#11 alone (tpm2-pkcs11)",
                }),
                _ => continue,
            };
        }
        Err(Problem::NoKey)
    }

    fn of_der(der: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Problem> {
        if PrivateKeyInfo::from_der(der).is_ok() {
            return Self::of_pkcs8(der);
        }
        if EncryptedPrivateKeyInfo::from_der(der).is_ok() {
            return Self::of_encrypted(der, passphrase);
        }
        if EcPrivateKey::from_der(der).is_ok() {
            return Self::of_sec1(der, None);
        }
        Self::of_pkcs1(der)
    }

    /// Reads PKCS#8 as it is.
    pub(crate) fn of_pkcs8(der: &[u8]) -> Result<Self, Problem> {
        let info = PrivateKeyInfo::from_der(der).map_err(|_| Problem::Damaged("private key"))?;
        match info.algorithm.oid.to_string().as_str() {
            RSA => Self::of_pkcs1(info.private_key),
            EC => {
                let curve = info.algorithm.parameters_oid().ok();
                Self::of_sec1(info.private_key, curve.map(|oid| oid.to_string()))
            }
            other => Err(unsupported(format!("of the algorithm {other}"))),
        }
    }

    /// Opens PKCS#8 that is encrypted.
    pub(crate) fn of_encrypted(der: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Problem> {
        let damaged = |_| Problem::Damaged("private key");
        let info = EncryptedPrivateKeyInfo::from_der(der).map_err(damaged)?;
        Self::bounded(&info.encryption_algorithm)?;
        let passphrase = passphrase.ok_or(Problem::NeedsPassphrase)?;
        // What comes out with another passphrase is no key, but may have a good padding.
        let opened = info
            .decrypt(passphrase)
            .map_err(|_| Problem::WrongPassphrase)?;
        match PrivateKeyInfo::from_der(opened.as_bytes()) {
            Ok(_) => Self::of_pkcs8(opened.as_bytes()),
            Err(_) => Err(Problem::WrongPassphrase),
        }
    }

    fn of_pkcs1(der: &[u8]) -> Result<Self, Problem> {
        match RsaKeyPair::from_der(der) {
            Ok(pair) => Ok(Self(Kind::Rsa(pair))),
            Err(rejected) => {
                let why = rejected.to_string();
                match why.as_str() {
                    "TooSmall" => Err(unsupported("RSA with fewer than 2048 bits".to_owned())),
                    "TooLarge" => Err(unsupported("RSA with more than 4096 bits".to_owned())),
                    _ => Err(Problem::Damaged("private key")),
                }
            }
        }
    }

    fn of_sec1(der: &[u8], curve: Option<String>) -> Result<Self, Problem> {
        let damaged = || Problem::Damaged("private key");
        let key = EcPrivateKey::from_der(der).map_err(|_| damaged())?;
        let own = key.parameters.and_then(|p| p.named_curve());
        let curve = curve.or_else(|| own.map(|oid| oid.to_string()));
        let curve = curve.ok_or_else(|| unsupported("EC without a named curve".to_owned()))?;
        match curve.as_str() {
            P256 => {
                let key = EcKey::of(key.private_key).ok_or_else(damaged)?;
                Ok(Self(Kind::P256(key)))
            }
            P384 => {
                let key = EcKey::of(key.private_key).ok_or_else(damaged)?;
                Ok(Self(Kind::P384(key)))
            }
            other => Err(unsupported(format!("EC on the curve {other}"))),
        }
    }

    /// Refuses a key whose opening would cost without end.
    pub(crate) fn bounded(scheme: &EncryptionScheme<'_>) -> Result<(), Problem> {
        let EncryptionScheme::Pbes2(parameters) = scheme else {
            return Err(Problem::Unsupported {
                what: "private key",
                kind: "encrypted with a method of PKCS#5 v1.5".to_owned(),
                why: "protects it badly; write it anew with `openssl pkcs8 -topk8`",
            });
        };
        let costs = match &parameters.kdf {
            Kdf::Pbkdf2(kdf) => kdf.iteration_count > ROUNDS,
            Kdf::Scrypt(kdf) => {
                let memory = kdf.cost_parameter.saturating_mul(u64::from(kdf.block_size));
                memory.saturating_mul(128) > SCRYPT_BYTES || kdf.parallelization > 16
            }
            _ => false,
        };
        match costs {
            true => Err(Problem::Unsupported {
                what: "private key",
                kind: "encrypted with a key derivation of endless work".to_owned(),
                why: "Dayfly does not do",
            }),
            false => Ok(()),
        }
    }

    /// With what it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Kind::Rsa(_) => Algorithm::Rsa,
            Kind::P256(_) | Kind::P384(_) => Algorithm::Ecdsa,
        }
    }

    /// Signs with SHA-256: PKCS#1 v1.5 for RSA, DER for EC.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Problem> {
        let failed = || Problem::Damaged("private key");
        let digest = Sha256::digest(message);
        match &self.0 {
            Kind::Rsa(pair) => {
                let random = ring::rand::SystemRandom::new();
                let mut signature = vec![0; pair.public_key().modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.map_err(|_| failed())?;
                Ok(signature)
            }
            Kind::P256(key) => key.sign(&digest).ok_or_else(failed),
            Kind::P384(key) => key.sign(&digest).ok_or_else(failed),
        }
    }
}

fn unsupported(kind: String) -> Problem {
    Problem::Unsupported {
        what: "private key",
        kind,
        why: "Dayfly does not sign with; use RSA with 2048 to 4096 bits, or EC on P-256 or P-384",
    }
}
