//! PKCS#12 files (RFC 7292): a key and its certificates under one passphrase.

use cbc_of_pkcs12::cipher::block_padding::Pkcs7;
use cbc_of_pkcs12::cipher::{BlockDecryptMut, KeyIvInit};
use hmac_of_pkcs12::{Hmac, Mac as _};
use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Any, AnyRef, Decode as _, Encode as _};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs12::authenticated_safe::AuthenticatedSafe;
use pkcs12::cert_type::CertBag;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use pkcs12::mac_data::MacData;
use pkcs12::pbe_params::Pkcs12PbeParams;
use pkcs12::pfx::Pfx;
use pkcs12::safe_bag::{SafeBag, SafeContents};
use pkcs12_cms::encrypted_data::EncryptedData;
use sha1_of_pkcs12::Sha1;
use sha2_of_pkcs12::{Sha256, Sha384, Sha512};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use crate::certificate::Certificate;
use crate::private_key::PrivateKey;
use crate::problem::Problem;

/// The most rounds of key derivation.
const ROUNDS: i32 = 10_000_000;
/// The most bags of one file.
const BAGS: usize = 256;

/// What a PKCS#12 file has.
#[derive(Debug)]
pub struct Bundle {
    /// The private key.
    pub key: PrivateKey,
    /// The certificates; the one that issues no other comes first.
    pub certificates: Vec<Certificate>,
}

const DAMAGED: Problem = Problem::Damaged("PKCS#12 content");

fn damaged<E>(_: E) -> Problem {
    DAMAGED
}

impl Bundle {
    /// Whether bytes look like such a file.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        Pfx::from_der(bytes).is_ok()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is damaged or another passphrase's, or has no key or no certificate that is used.
    pub fn read(bytes: &[u8], passphrase: Option<&str>) -> Result<Self, Problem> {
        let pfx = Pfx::from_der(bytes).map_err(damaged)?;
        let passphrase = passphrase.unwrap_or_default();
        let safe = octets(&pfx.auth_safe.content)?;
        match &pfx.mac_data {
            Some(mac) => check(mac, &safe, passphrase)?,
            // Nothing says that it is whole.
            None => {
                return Err(Problem::Unsupported {
                    what: "PKCS#12 content",
                    kind: "without a code that protects it".to_owned(),
                    why: "anybody could have changed; write it anew with `openssl pkcs12 -export`",
                });
            }
        }
        let mut found = Found::default();
        for content in AuthenticatedSafe::from_der(&safe).map_err(damaged)? {
            match content.content_type.to_string().as_str() {
                DATA => found.take(&octets(&content.content)?, passphrase)?,
                ENCRYPTED => {
                    let inner = content.content.to_der().map_err(damaged)?;
                    let inner = EncryptedData::from_der(&inner)
                        .map_err(damaged)?
                        .enc_content_info;
                    let hidden = inner.encrypted_content.ok_or(DAMAGED)?;
                    let opened = open(&inner.content_enc_alg, hidden.as_bytes(), passphrase)?;
                    found.take(&opened, passphrase)?;
                }
                _ => return Err(DAMAGED),
            }
        }
        found.bundle()
    }
}

/// PKCS#7 (RFC 2315), 14.
const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED: &str = "1.2.840.113549.1.7.6";

#[derive(Default)]
struct Found {
    bags: usize,
    key: Option<PrivateKey>,
    certificates: Vec<Certificate>,
}

impl Found {
    fn take(&mut self, contents: &[u8], passphrase: &str) -> Result<(), Problem> {
        for bag in SafeContents::from_der(contents).map_err(damaged)? {
            self.bags += 1;
            if self.bags > BAGS {
                return Err(DAMAGED);
            }
            self.take_bag(&bag, passphrase)?;
        }
        Ok(())
    }

    fn take_bag(&mut self, bag: &SafeBag, passphrase: &str) -> Result<(), Problem> {
        // The value is in an explicit tag of its own.
        let outer = AnyRef::from_der(&bag.bag_value).map_err(damaged)?;
        let value = outer.value();
        let key = match bag.bag_id {
            pkcs12::PKCS_12_KEY_BAG_OID => PrivateKey::of_pkcs8(value)?,
            pkcs12::PKCS_12_PKCS8_KEY_BAG_OID => opened_key(value, passphrase)?,
            pkcs12::PKCS_12_CERT_BAG_OID => {
                let bag = CertBag::from_der(value).map_err(damaged)?;
                if bag.cert_id == pkcs12::PKCS_12_X509_CERT_OID {
                    let certificate = Certificate::of_der(bag.cert_value.as_bytes())?;
                    self.certificates.push(certificate);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        match self.key.replace(key) {
            Some(_) => Err(Problem::Unsupported {
                what: "PKCS#12 content",
                kind: "more than one private key".to_owned(),
                why: "leaves open which one is meant",
            }),
            None => Ok(()),
        }
    }

    fn bundle(mut self) -> Result<Bundle, Problem> {
        let issues = |one: &Certificate| {
            self.certificates
                .iter()
                .any(|other| other != one && other.is_issued_by(one))
        };
        let leaf = self
            .certificates
            .iter()
            .position(|one| !issues(one) && !one.is_authority());
        let leaf = leaf.ok_or(Problem::NoCertificate)?;
        let leaf = self.certificates.remove(leaf);
        self.certificates.insert(0, leaf);
        Ok(Bundle {
            key: self.key.ok_or(Problem::NoKey)?,
            certificates: self.certificates,
        })
    }
}

/// A key that is encrypted, by PKCS#5 or by PKCS#12's own methods.
fn opened_key(der: &[u8], passphrase: &str) -> Result<PrivateKey, Problem> {
    if EncryptedPrivateKeyInfo::from_der(der).is_ok() {
        return PrivateKey::of_encrypted(der, Some(passphrase.as_bytes()));
    }
    let info =
        x509_cert::spki::SubjectPublicKeyInfo::<Any, pkcs8::der::asn1::OctetString>::from_der(der);
    let info = info.map_err(damaged)?;
    let hidden = info.subject_public_key.as_bytes();
    let opened = open(&info.algorithm, hidden, passphrase)?;
    PrivateKey::of_pkcs8(&opened)
}

/// The bytes of an octet string.
fn octets(any: &Any) -> Result<Vec<u8>, Problem> {
    let string: OctetStringRef<'_> = any.decode_as().map_err(damaged)?;
    Ok(string.as_bytes().to_vec())
}

/// Opens what is encrypted.
fn open(
    algorithm: &AlgorithmIdentifierOwned,
    hidden: &[u8],
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let wrong = || Problem::WrongPassphrase;
    let own = [
        pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC,
        pkcs12::PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC,
        pkcs12::PKCS_12_PBE_WITH_SHAAND128_BIT_RC2_CBC,
    ];
    if !own.contains(&algorithm.oid) {
        // As a key is, whose bounds and words hold here as well.
        let der = algorithm.to_der().map_err(damaged)?;
        let scheme = EncryptionScheme::from_der(&der).map_err(|_| Problem::Unsupported {
            what: "PKCS#12 content",
            kind: format!("encrypted with the method {}", algorithm.oid),
            why: "Dayfly does not know; write it anew with `openssl pkcs12 -export`",
        })?;
        PrivateKey::bounded(&scheme)?;
        let opened = scheme.decrypt(passphrase.as_bytes(), hidden);
        return opened.map(Zeroizing::new).map_err(|_| wrong());
    }
    let parameters = algorithm.parameters.as_ref().ok_or(DAMAGED)?;
    let parameters = parameters.to_der().map_err(damaged)?;
    let parameters = Pkcs12PbeParams::from_der(&parameters).map_err(damaged)?;
    let rounds = rounds(parameters.iterations)?;
    let salt = parameters.salt.as_bytes();
    let derive = |kind, bytes| {
        let key = derive_key_utf8::<Sha1>(passphrase, salt, kind, rounds, bytes);
        key.map(Zeroizing::new).map_err(|_| wrong())
    };
    let iv = derive(Pkcs12KeyType::Iv, 8)?;
    let key = |bytes| derive(Pkcs12KeyType::EncryptionKey, bytes);
    let opened = if algorithm.oid == pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC {
        decrypted(
            cbc_of_pkcs12::Decryptor::<des::TdesEde3>::new_from_slices(&key(24)?, &iv),
            hidden,
        )
    } else {
        // RC2 with as many bits as the key has.
        let bytes = if algorithm.oid == pkcs12::PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC {
            5
        } else {
            16
        };
        let cipher = rc2::Rc2::new_with_eff_key_len(&key(bytes)?, bytes * 8);
        let made = cbc_of_pkcs12::Decryptor::inner_iv_slice_init(cipher, &iv);
        decrypted(made, hidden)
    };
    opened.ok_or_else(wrong)
}

use cbc_of_pkcs12::cipher::InnerIvInit as _;

fn decrypted<C, E>(cipher: Result<C, E>, hidden: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    C: BlockDecryptMut,
{
    let opened = cipher.ok()?.decrypt_padded_vec_mut::<Pkcs7>(hidden).ok()?;
    Some(Zeroizing::new(opened))
}

fn rounds(rounds: i32) -> Result<i32, Problem> {
    match (1..=ROUNDS).contains(&rounds) {
        true => Ok(rounds),
        false => Err(Problem::Unsupported {
            what: "PKCS#12 content",
            kind: "protected with a key derivation of endless work".to_owned(),
            why: "Dayfly does not do",
        }),
    }
}

/// Whether the code of the file is that of its content under this passphrase.
fn check(mac: &MacData, safe: &[u8], passphrase: &str) -> Result<(), Problem> {
    let rounds = rounds(mac.iterations)?;
    let (salt, code) = (mac.mac_salt.as_bytes(), mac.mac.digest.as_bytes());
    macro_rules! holds {
        ($digest:ty, $bytes:expr) => {{
            let key =
                derive_key_utf8::<$digest>(passphrase, salt, Pkcs12KeyType::Mac, rounds, $bytes);
            let key = Zeroizing::new(key.map_err(|_| Problem::WrongPassphrase)?);
            let mut made = Hmac::<$digest>::new_from_slice(&key).map_err(damaged)?;
            made.update(safe);
            made.verify_slice(code).is_ok()
        }};
    }
    let holds = match mac.mac.algorithm.oid.to_string().as_str() {
        "1.3.14.3.2.26" => holds!(Sha1, 20),
        "2.16.840.1.101.3.4.2.1" => holds!(Sha256, 32),
        "2.16.840.1.101.3.4.2.2" => holds!(Sha384, 48),
        "2.16.840.1.101.3.4.2.3" => holds!(Sha512, 64),
        other => {
            return Err(Problem::Unsupported {
                what: "PKCS#12 content",
                kind: format!("protected by a code of the method {other}"),
                why: "Dayfly does not know; write it anew with `openssl pkcs12 -export`",
            });
        }
    };
    match holds {
        true => Ok(()),
        false if passphrase.is_empty() => Err(Problem::NeedsPassphrase),
        false => Err(Problem::WrongPassphrase),
    }
}
