//! Whose signature a source needs.
//!
//! Signatures are those of minisign: Ed25519 over the content (or its BLAKE2b digest), and a comment
//! that is signed as well. Source: <https://jedisct1.github.io/minisign/>, "Signature format".

use minisign_verify::{PublicKey, Signature};
use thiserror::Error;

use crate::names;

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
    #[error("what comes from {source_} must be signed, and this is not")]
    Unsigned {
        /// The pattern of the trust root.
        source_: String,
    },
    /// Others signed it, or something else was signed.
    #[error("no key that you trust for {source_} signed it: {problem}")]
    OtherKey {
        /// The pattern of the trust root.
        source_: String,
        /// What is wrong with the signatures.
        problem: String,
    },
    /// A key of a trust root is none.
    #[error("\"{0}\" is not a minisign public key")]
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
    let signature =
        Signature::decode(signature).map_err(|e| format!("it is not a signature: {e}"))?;
    let mut problem = "no key is listed".to_owned();
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
                problem = "the signature is for other content".into();
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

/// Whether a source is meant by a pattern, in which `*` stands for any text. A source is the same
/// under each of its names; a repository without a tag stands for all that is in it.
#[must_use]
pub fn matches(pattern: &str, source: &str) -> bool {
    let names = names::of_source(source);
    names::of_pattern(pattern, source)
        .iter()
        .any(|form| names.iter().any(|name| fits(form, name)))
}

/// A pattern as a person writes it: `~` is their own folder.
///
/// # Errors
/// It can mean no source, so that nothing would have to be signed because of it.
pub fn pattern(text: &str) -> Result<String, String> {
    let own = |rest: &str| std::env::home_dir().map(|own| own.join(rest).display().to_string());
    let whole = match (text.strip_prefix("~/"), text.strip_prefix("git:~/")) {
        (Some(rest), _) => own(rest),
        (_, Some(rest)) => own(rest).map(|path| format!("git:{path}")),
        _ => Some(text.to_owned()),
    };
    let whole = whole.unwrap_or_else(|| text.to_owned());
    let fixed = whole.split('*').next().unwrap_or_default();
    let can_be = |start: &str| start.starts_with(fixed) || fixed.starts_with(start);
    let oci = fixed
        .get(..6)
        .is_some_and(|s| s.eq_ignore_ascii_case("oci://"));
    match oci || ["oci://", "git:/", "/"].into_iter().any(can_be) {
        true => Ok(whole),
        false => Err(format!(
            "\"{text}\" matches no source, so it would require no signature; write \
             oci://HOST/REPOSITORY, git:/FOLDER//FILE or a path that begins with / or ~/, with * \
             for any text"
        )),
    }
}

fn fits(pattern: &str, source: &str) -> bool {
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

    #[test]
    fn no_detour_leads_around_a_trust_root() {
        let digest = format!("@sha256:{}", "a1".repeat(32));
        for (pattern, source, wanted) in [
            // A repository without a tag is all that is in it.
            ("oci://h/team/rule", "oci://h/team/rule:latest", true),
            ("oci://h/team/rule", "oci://h/team/rule:1#x.wasm", true),
            ("oci://h/team/rule", "oci://h/team/rules:1", false),
            ("oci://h/team/rule", "oci://h/team/rule/x:1", false),
            // Which tag a digest has cannot be known.
            (
                "oci://h/team/rule:1",
                &format!("oci://h/team/rule{digest}"),
                true,
            ),
            (
                "oci://h/team/rule:*",
                &format!("oci://h/team/rule{digest}"),
                true,
            ),
            (
                "oci://h/team/rule:1",
                &format!("oci://h/team/rule:1{digest}"),
                true,
            ),
            (
                "oci://h/team/rule:1",
                &format!("oci://h/team/other{digest}"),
                false,
            ),
            (
                "oci://h/team/rule:1",
                &format!("oci://h/team/rule:2{digest}"),
                false,
            ),
            ("oci://h/team/rule:1", "oci://h/team/rule:1#x.wasm", true),
            // Detours in the name of a folder.
            ("/srv/rules/*", "/srv/x/../rules/a.wasm", true),
            ("/srv/rules/*", "/srv/./rules//a.wasm", true),
            ("/srv/rules/*", "/srv/rules", true),
            // A name that is written so is meant as well: that only asks for more.
            ("/srv/rules/*", "/srv/rules/../a.wasm", true),
            ("/srv/rules", "/srv/rules/", true),
            (
                "git:/srv/rules//*",
                "git:/srv/x/../rules//a.wasm?ref=main",
                true,
            ),
            (
                "git:/srv/rules",
                "git:/srv/rules//a.wasm?ref=main#b.wasm",
                true,
            ),
            (
                "git:/srv/rules//a.wasm",
                "git:/srv/rules//a.wasm?ref=evil",
                true,
            ),
            ("git:/srv/rules//team/*", "git:/srv/rules//team", true),
            ("git:/srv/rules//*", "git:/srv/rules2//a.wasm", false),
        ] {
            assert_eq!(matches(pattern, source), wanted, "{pattern} {source}");
        }
    }

    #[test]
    fn no_link_leads_around_a_trust_root() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(at("rules")).unwrap();
        std::fs::write(at("rules/a.wasm"), "").unwrap();
        std::os::unix::fs::symlink("rules", at("link")).unwrap();
        std::os::unix::fs::symlink("rules/a.wasm", at("b.wasm")).unwrap();
        for (pattern, source) in [
            (at("rules/*"), at("link/a.wasm")),
            (at("rules/*"), at("b.wasm")),
            (at("link/*"), at("rules/a.wasm")),
            (
                format!("git:{}//*", at("rules")),
                format!("git:{}//a.wasm", at("link")),
            ),
            (
                format!("git:{}//*", at("link")),
                format!("git:{}//a.wasm", at("rules")),
            ),
        ] {
            assert!(matches(&pattern, &source), "{pattern} {source}");
        }
        assert!(!matches(&at("rules/*"), &at("other.wasm")));
    }

    #[test]
    fn a_pattern_that_can_mean_nothing_is_refused() {
        for good in [
            "*",
            "oci://h/*",
            "OCI://h/r",
            "oci*",
            "/srv/*",
            "git:/srv//*",
            "*.wasm",
        ] {
            assert_eq!(pattern(good).as_deref(), Ok(good));
        }
        assert!(pattern("~/rules/*").unwrap().starts_with('/'));
        assert!(pattern("git:~/rules//*").unwrap().starts_with("git:/"));
        for bad in [
            "ghcr.io/team/*",
            "rules/*",
            "git:rules//*",
            "builtin:*",
            "https://h/*",
        ] {
            assert!(pattern(bad).is_err(), "{bad}");
        }
    }

    /// The number of a key is chosen by who makes it: one that has the number of a trusted key signs
    /// nothing in its place.
    #[test]
    fn a_key_with_the_number_of_a_trusted_one_is_another_key() {
        let (ours, theirs) = (key(), key());
        let roots = [root("*", &ours)];
        let mut forged = sign(&theirs, b"rule");
        // Two bytes for the algorithm, then eight for the number.
        let number = data_encoding::BASE64
            .decode(ours.pk.to_base64().as_bytes())
            .unwrap();
        let mut lines: Vec<String> = forged.lines().map(str::to_owned).collect();
        let mut bytes = data_encoding::BASE64.decode(lines[1].as_bytes()).unwrap();
        bytes[2..10].copy_from_slice(&number[2..10]);
        lines[1] = data_encoding::BASE64.encode(&bytes);
        forged = lines.join("\n");
        let refused = check(
            &roots,
            "oci://h/r:1",
            b"rule",
            std::slice::from_ref(&forged),
        );
        let Err(Untrusted::OtherKey { problem, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert!(problem.contains("for other content"), "{problem}");
        // And beside a good one it does no harm, in whatever order.
        let good = sign(&ours, b"rule");
        for all in [[forged.clone(), good.clone()], [good, forged]] {
            assert!(check(&roots, "oci://h/r:1", b"rule", &all).is_ok());
        }
    }

    #[test]
    fn a_comment_that_nobody_signed_is_not_believed() {
        let ours = key();
        let roots = [root("*", &ours)];
        let good = sign(&ours, b"rule");
        let lines: Vec<&str> = good.lines().collect();
        let other = sign(&ours, b"other");
        let others: Vec<&str> = other.lines().collect();
        for forged in [
            // Another comment; the proof of another comment; the comment of another signature.
            [lines[0], lines[1], "trusted comment: admin 9.9.9", lines[3]].join("\n"),
            [lines[0], lines[1], lines[2], others[3]].join("\n"),
            [others[0], others[1], others[2], lines[3]].join("\n"),
            [lines[0], lines[1]].join("\n"),
        ] {
            let refused = check(
                &roots,
                "oci://h/r:1",
                b"rule",
                std::slice::from_ref(&forged),
            );
            assert!(refused.is_err(), "{forged}: {refused:?}");
        }
    }

    #[test]
    fn a_key_that_is_trusted_for_one_source_is_nobody_for_another() {
        let (team, other) = (key(), key());
        let roots = [
            root("oci://h/team/*", &team),
            root("oci://h/other/*", &other),
        ];
        let signed = [sign(&team, b"rule")];
        assert!(check(&roots, "oci://h/team/r:1", b"rule", &signed).is_ok());
        for source in [
            "oci://h/other/r:1",
            "oci://h/other/r:1#x.wasm",
            "OCI://H/other/r:1",
        ] {
            assert!(check(&roots, source, b"rule", &signed).is_err(), "{source}");
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
