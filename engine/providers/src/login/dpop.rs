//! The key of a sign-in, and the proofs that a request comes from who has it.
//!
//! Sources: RFC 9449, 4.2 (the proof); SEC 1, C.4, and RFC 5915 (the key as the AWS CLI writes it); the AWS
//! CLI's `build_dpop_header`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN EC PRIVATE KEY-----";
const END: &str = "-----END EC PRIVATE KEY-----";
/// `SEQUENCE { INTEGER 1, OCTET STRING (32 bytes) …` of a key on P-256 with its curve and its public half.
const BEFORE_KEY: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
/// `… [0] OBJECT IDENTIFIER prime256v1, [1] BIT STRING (65 bytes) }`.
const BEFORE_PUBLIC: [u8; 17] = [
    0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42,
    0x00,
];

/// A key on P-256.
pub(super) struct DpopKey(SecretKey);

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopKey")
    }
}

impl DpopKey {
    /// A new one; none where the system has no random numbers.
    pub(super) fn generate() -> Option<Self> {
        // A number that is no key comes once in 2^32 draws.
        (0..8).find_map(|_| {
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *bytes).ok()?;
            SecretKey::from_slice(&*bytes).ok().map(Self)
        })
    }

    /// The key of a PEM text; none where it is no key on P-256.
    pub(super) fn from_pem(pem: &SecretString) -> Option<Self> {
        let body = pem.expose().trim().strip_prefix(BEGIN)?;
        let body = body.strip_suffix(END)?;
        // Room for all of it at once: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(body.len()));
        text.extend(body.chars().filter(|c| !c.is_ascii_whitespace()));
        let der = Zeroizing::new(STANDARD.decode(text.as_bytes()).ok()?);
        let (first, inner) = piece(&der, 0x30)?;
        let (version, rest) = piece(first, 0x02)?;
        let (key, rest) = piece(rest, 0x04)?;
        let curve = rest.starts_with(&BEFORE_PUBLIC[..12]) || rest.is_empty();
        if version != [1] || !inner.is_empty() || key.len() != 32 || !curve {
            return None;
        }
        SecretKey::from_slice(key).ok().map(Self)
    }

    /// As the AWS CLI keeps it.
    pub(super) fn to_pem(&self) -> SecretString {
        let mut der = Zeroizing::new(Vec::with_capacity(121));
        der.extend_from_slice(&BEFORE_KEY);
        der.extend_from_slice(&Zeroizing::new(self.0.to_bytes()));
        der.extend_from_slice(&BEFORE_PUBLIC);
        der.extend_from_slice(&self.public());
        let body = Zeroizing::new(STANDARD.encode(&*der));
        let mut pem = String::with_capacity(BEGIN.len() + END.len() + body.len() + 8);
        pem.push_str(BEGIN);
        for (at, letter) in body.chars().enumerate() {
            if at % 64 == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push('\n');
        pem.push_str(END);
        pem.push('\n');
        SecretString::from(pem)
    }

    /// The public half: 0x04, x, y.
    fn public(&self) -> Vec<u8> {
        let point = self.0.public_key().to_encoded_point(false);
        point.as_bytes().to_vec()
    }

    /// A proof for one POST to `url`; none where the system has no random numbers.
    pub(super) fn proof(&self, url: &str, now: Timestamp, id: &str) -> Option<String> {
        let public = self.public();
        let (x, y) = public.get(1..)?.split_at_checked(32)?;
        let head = json!({
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": {
                "kty": "EC",
                "x": URL_SAFE_NO_PAD.encode(x),
                "y": URL_SAFE_NO_PAD.encode(y),
                "crv": "P-256",
            },
        });
        let claims = json!({
            "htm": "POST",
            "htu": url,
            "iat": now.as_millis() / 1_000,
            "jti": id,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let random = SystemRandom::new();
        let secret = Zeroizing::new(self.0.to_bytes());
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &secret,
            &public,
            &random,
        );
        let signature = pair.ok()?.sign(&random, signed.as_bytes()).ok()?;
        Some(format!(
            "{signed}.{}",
            URL_SAFE_NO_PAD.encode(signature.as_ref())
        ))
    }
}

/// The content of a piece of DER with this tag at the beginning, and what follows it. Pieces of a key on
/// P-256 are shorter than 256 bytes.
fn piece(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der {
        [first, 0x81, length, rest @ ..] if *first == tag && *length >= 0x80 => (length, rest),
        [first, length, rest @ ..] if *first == tag && *length < 0x80 => (length, rest),
        _ => return None,
    };
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    /// `openssl ecparam -name prime256v1 -genkey -noout`
    const OF_OPENSSL: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIPN8qV0m319MDTs0PtUtBhata5jqsWj5ArKYba+R/Rq9oAoGCCqGSM49
AwEHoUQDQgAEdYiFomyZ2F6jdEuvudVwm597pQ8C8X8v3b7WnMCbLCLNQAyS2VLZ
hK17Io8/iEsMuGY1JQ06YoauhFr8VeA62w==
-----END EC PRIVATE KEY-----
";

    #[test]
    fn a_key_of_another_program_is_read_and_written_back_letter_by_letter() {
        let key = DpopKey::from_pem(&SecretString::copy_of(OF_OPENSSL)).unwrap();
        assert_eq!(key.to_pem().expose(), OF_OPENSSL);
        let own = DpopKey::generate().unwrap();
        let read = DpopKey::from_pem(&own.to_pem()).unwrap();
        assert_eq!(read.public(), own.public());
        assert!(!format!("{own:?}").contains("BEGIN"));
    }

    #[test]
    fn what_is_no_key_on_this_curve_is_none() {
        let with = |from: &str, to: &str| OF_OPENSSL.replacen(from, to, 1);
        for text in [
            String::new(),
            with("EC PRIVATE", "PRIVATE"),
            with("MHc", "MHg"),
            with("MHc", "?"),
            // The curve's name says another one.
            with("AwEHoUQD", "AwEIoUQD"),
            OF_OPENSSL.lines().take(2).collect(),
        ] {
            assert!(
                DpopKey::from_pem(&SecretString::from(text.clone())).is_none(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_proof_names_the_request_and_is_signed_with_the_key() {
        let key = DpopKey::generate().unwrap();
        let now = Timestamp::from_millis(1_700_000_000_500);
        let url = "https://eu-west-1.signin.aws.amazon.com/v1/token";
        let proof = key.proof(url, now, "an-id").unwrap();
        let parts: Vec<&str> = proof.split('.').collect();
        let [head, claims, signature] = parts[..] else {
            panic!("{proof}");
        };
        let decode = |part| URL_SAFE_NO_PAD.decode(part).unwrap();
        let claims_read: serde_json::Value = serde_json::from_slice(&decode(claims)).unwrap();
        assert_eq!(
            claims_read,
            json!({ "htm": "POST", "htu": url, "iat": 1_700_000_000, "jti": "an-id" })
        );
        let signed = format!("{head}.{claims}");
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public());
        public
            .verify(signed.as_bytes(), &decode(signature))
            .unwrap();
        let again = key.proof(url, now, "another").unwrap();
        assert_ne!(again, proof);
    }
}
