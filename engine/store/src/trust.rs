//! Whose signature a source needs.
//!
//! Signatures are those of minisign: Ed25519 over the content (or its BLAKE2b digest), and a comment
//! that is signed as well. Source: <https://jedisct1.github.io/minisign/>, "Signature format".

use std::borrow::Cow;

use minisign_verify::{PublicKey, Signature};
use thiserror::Error;

use crate::source;

/// `[[trust]]`: what comes from these sources has to be signed by one of these keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRoot {
    /// The sources: a text in which `*` stands for any text.
    pub source: String,
    /// Public keys, as minisign writes them: base64 that begins with `RW`.
    pub keys: Vec<String>,
}

/// A signature that was looked for and found to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The public key.
    pub key: String,
    /// The comment that was signed as well.
    pub comment: String,
}

/// Why content is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Untrusted {
    /// Nobody signed it.
    #[error("what comes from {source_} has to be signed, and this is not")]
    Unsigned {
        /// The pattern of the trust root.
        source_: String,
    },
    /// Others signed it, or something else was signed.
    #[error("it is not signed by a key that is trusted for {source_}: {problem}")]
    OtherKey {
        /// The pattern of the trust root.
        source_: String,
        /// What is wrong with the signatures.
        problem: String,
    },
    /// A key of a trust root is none.
    #[error("\"{0}\" is no public key of minisign")]
    BadKey(String),
}

/// Whether a text is a public key of minisign.
#[must_use]
pub fn is_public_key(text: &str) -> bool {
    PublicKey::from_base64(text).is_ok()
}

/// Whether one of the keys signed the content.
///
/// # Errors
/// Why none did; the last reason, where there are several.
pub fn verify(content: &[u8], signature: &str, keys: &[String]) -> Result<Trusted, String> {
    let signature = Signature::decode(signature).map_err(|e| format!("it is no signature: {e}"))?;
    let mut problem = "no key is named".to_owned();
    for text in keys {
        let key = PublicKey::from_base64(text)
            .map_err(|_| Untrusted::BadKey(text.clone()).to_string())?;
        // Keys of the older form sign the content itself; both are as strong.
        match key.verify(content, &signature, true) {
            Ok(()) => {
                return Ok(Trusted {
                    key: text.clone(),
                    comment: signature.trusted_comment().to_owned(),
                });
            }
            Err(minisign_verify::Error::UnexpectedKeyId) => {
                problem = "another key signed it".into();
            }
            Err(minisign_verify::Error::InvalidSignature) => {
                problem = "the signature is not of this content".into();
            }
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

/// Who answers for content from a source; none where no trust root is set for it.
///
/// # Errors
/// A trust root is set, and none of the signatures is by one of its keys.
pub fn check(
    roots: &[TrustRoot],
    source: &str,
    content: &[u8],
    signatures: &[String],
) -> Result<Option<Trusted>, Untrusted> {
    let mut found = None;
    // Every trust root that is set for the source has to be satisfied.
    for root in roots.iter().filter(|root| matches(&root.source, source)) {
        let mut problem = None;
        let mut trusted = None;
        for signature in signatures {
            match verify(content, signature, &root.keys) {
                Ok(one) => trusted = Some(one),
                Err(why) => problem = Some(why),
            }
        }
        match (trusted, problem) {
            (Some(one), _) => found = found.or(Some(one)),
            (None, None) => {
                return Err(Untrusted::Unsigned {
                    source_: root.source.clone(),
                });
            }
            (None, Some(problem)) => {
                return Err(Untrusted::OtherKey {
                    source_: root.source.clone(),
                    problem,
                });
            }
        }
    }
    Ok(found)
}

/// Whether a source is meant by a pattern, in which `*` stands for any text. A registry is the same
/// under each of its names.
#[must_use]
pub fn matches(pattern: &str, source: &str) -> bool {
    let (pattern, source) = (&*one_name(pattern), &*one_name(source));
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = source.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The same source or pattern with the one name of its registry.
fn one_name(text: &str) -> Cow<'_, str> {
    let scheme = text.get(..6).filter(|s| s.eq_ignore_ascii_case("oci://"));
    let Some((host, rest)) = scheme.and_then(|scheme| text[scheme.len()..].split_once('/')) else {
        return Cow::Borrowed(text);
    };
    Cow::Owned(format!("oci://{}/{rest}", source::registry(host)))
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    #[test]
    fn a_registry_is_trusted_under_all_of_its_names() {
        for (pattern, source, wanted) in [
            ("oci://ghcr.io/team/*", "oci://ghcr.io/team/x:1", true),
            ("oci://ghcr.io/team/*", "oci://GHCR.io/team/x:1", true),
            ("oci://GHCR.IO/team/*", "oci://ghcr.io/team/x:1", true),
            ("oci://ghcr.io/team/*", "oci://ghcr.io:443/team/x:1", true),
            ("oci://ghcr.io/team/*", "oci://ghcr.io./team/x:1", true),
            (
                "oci://docker.io/team/*",
                "oci://registry-1.docker.io/team/x:1",
                true,
            ),
            ("oci://*/team/*", "oci://GHCR.io/team/x:1", true),
            ("oci://ghcr.io/team/*", "oci://ghcr.io:444/team/x:1", false),
            ("oci://ghcr.io/team/*", "oci://ghcr.io/Team/x:1", false),
            ("oci://localhost/t/*", "oci://localhost:443/t/x:1", false),
        ] {
            assert_eq!(matches(pattern, source), wanted, "{pattern} {source}");
        }
    }

    fn key() -> KeyPair {
        KeyPair::generate_unencrypted_keypair().unwrap()
    }

    fn sign(key: &KeyPair, content: &[u8]) -> String {
        let signature = minisign::sign(Some(&key.pk), &key.sk, content, Some("v1"), None);
        signature.unwrap().into_string()
    }

    fn root(source: &str, key: &KeyPair) -> TrustRoot {
        TrustRoot {
            source: source.into(),
            keys: vec![key.pk.to_base64()],
        }
    }

    #[test]
    fn what_the_right_key_signed_is_trusted_and_nothing_else() {
        let (ours, theirs) = (key(), key());
        let roots = [root("oci://h/team/*", &ours)];
        let look = |content: &[u8], signatures: &[String]| {
            check(&roots, "oci://h/team/rule:1", content, signatures)
        };
        let good = sign(&ours, b"rule");
        let trusted = look(b"rule", &[sign(&theirs, b"rule"), good.clone()]);
        let trusted = trusted.unwrap().unwrap();
        assert_eq!(
            (trusted.comment.as_str(), trusted.key),
            ("v1", ours.pk.to_base64())
        );
        assert!(matches!(
            look(b"rule", &[]),
            Err(Untrusted::Unsigned { .. })
        ));
        for (content, signature) in [
            (&b"rulE"[..], good.clone()),
            (b"rule", sign(&theirs, b"rule")),
            (b"rule", "nonsense".into()),
            (b"rule", good.replace("v1", "v2")),
        ] {
            let refused = look(content, &[signature]);
            assert!(
                matches!(refused, Err(Untrusted::OtherKey { .. })),
                "{refused:?}"
            );
        }
        // Elsewhere nobody has to sign.
        assert_eq!(check(&roots, "oci://h/own/rule:1", b"rule", &[]), Ok(None));
    }

    #[test]
    fn every_trust_root_of_a_source_has_to_be_satisfied() {
        let (team, company) = (key(), key());
        let roots = [root("*", &company), root("oci://h/team/*", &team)];
        let both = [sign(&team, b"r"), sign(&company, b"r")];
        assert!(check(&roots, "oci://h/team/r:1", b"r", &both).is_ok());
        for one in both {
            assert!(check(&roots, "oci://h/team/r:1", b"r", &[one]).is_err());
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, source, wanted) in [
            ("*", "anything", true),
            ("oci://h/team/*", "oci://h/team/a:1", true),
            ("oci://h/team/*", "oci://h/teams/a:1", false),
            ("oci://*/rule:*", "oci://h/x/rule:1", true),
            ("oci://h/a:1", "oci://h/a:1", true),
            ("oci://h/a:1", "oci://h/a:12", false),
            ("a*a", "a", false),
            ("*.wasm", "x.wasm", true),
        ] {
            assert_eq!(matches(pattern, source), wanted, "{pattern} {source}");
        }
    }
}
