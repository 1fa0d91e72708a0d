//! What an identity provider sends to a sign-in: a SAML response, read or refused, and never shown.

use dayfly_fuzz::{fuzz, seeds};
use dayfly_providers::{Assertion, AssertionError};
use dayfly_vault::SecretString;

const WORDS: [&str; 22] = [
    "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">",
    "</samlp:Response>",
    "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
    "</saml:Assertion>",
    "<saml:EncryptedAssertion/>",
    "<samlp:StatusMessage>no</samlp:StatusMessage>",
    "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>",
    "urn:oasis:names:tc:SAML:2.0:status:Responder",
    "<saml:Conditions NotBefore=\"2026-01-01T00:00:00Z\" NotOnOrAfter=\"9999-12-31T23:59:59Z\"/>",
    "<saml:SubjectConfirmationData InResponseTo=\"a\" NotOnOrAfter=\"2026-01-01T00:00:00.5+14:00\"/>",
    "Name=\"https://aws.amazon.com/SAML/Attributes/Role\"",
    "Name=\"https://aws.amazon.com/SAML/Attributes/SessionDuration\"",
    "<saml:AttributeValue>3600</saml:AttributeValue>",
    "arn:aws:iam::1:role/a,arn:aws:iam::1:saml-provider/b",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "<![CDATA[",
    "]]>",
    "&#x0;",
    "&lt;",
    "<!--",
    "-->",
    "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
];

/// The words of an identity provider that are shown at most, in characters, with what stands around.
const SHOWN: usize = 400;

fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

fn judge(text: &str) {
    match Assertion::parse(&SecretString::from(text.to_owned())) {
        Ok(assertion) => {
            assert_eq!(format!("{assertion:?}"), "[redacted]");
            assert!(assertion.roles().is_none_or(|roles| !roles.is_empty()));
            for role in assertion.roles().unwrap_or_default() {
                assert!(role.role.contains(":role/"), "{role:?}");
                assert!(role.principal.contains(":saml-provider/"), "{role:?}");
            }
            let allowed = 900..=43_200;
            assert!(
                assertion
                    .session_duration()
                    .is_none_or(|seconds| allowed.contains(&seconds))
            );
            let again = Assertion::parse(assertion.text()).expect("what was read is read again");
            assert_eq!(again.roles(), assertion.roles());
            assert_eq!(again.not_on_or_after(), assertion.not_on_or_after());
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.is_empty() && shown.chars().count() <= SHOWN);
            // The identity provider's words, which come to a terminal and into the journal.
            let refused = matches!(error, AssertionError::Refused(_));
            assert!(
                !refused || !shown.chars().any(char::is_control),
                "{shown:?}"
            );
        }
    }
}

#[test]
fn assertion() {
    fuzz!(&seeds("assertion", &[], ""), &WORDS, |bytes| {
        judge(&base64(bytes));
        if let Ok(text) = std::str::from_utf8(bytes) {
            judge(text);
        }
    });
}
