//! Certificates, private keys and URIs of tokens, which a person got from somebody else.

use dayfly_fuzz::{fuzz, seeds};
use dayfly_pkcs11::Uri;
use dayfly_x509::{Bundle, Certificate, PrivateKey, certificates};

const WORDS: [&str; 14] = [
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN EC PRIVATE KEY-----\n",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----\n",
    "Proc-Type: 4,ENCRYPTED\n",
    "pkcs11:",
    "object=",
    "id=%00",
    "?pin-value=",
    "\u{0}",
    "\u{2}\u{1}\u{0}",
    "0\u{3}",
];

/// The most characters of what is said of a file that cannot be used.
const SHOWN: usize = 400;

fn judge(bytes: &[u8]) {
    match certificates(bytes) {
        Ok(found) => {
            assert!(!found.is_empty());
            for one in found {
                assert!(one.serial().bytes().all(|digit| digit.is_ascii_digit()));
                assert_eq!(Certificate::of_der(one.der()).as_ref(), Ok(&one));
                // Nothing that was not signed with its key holds.
                assert!(!one.verifies(b"message", b"signature"));
            }
        }
        Err(error) => assert!(error.to_string().chars().count() <= SHOWN),
    }
    match PrivateKey::read(bytes, None) {
        Ok(key) => {
            assert_eq!(format!("{key:?}"), "[redacted]");
            assert!(
                key.sign(b"message")
                    .is_ok_and(|signature| signature.len() >= 8)
            );
        }
        Err(error) => assert!(error.to_string().chars().count() <= SHOWN),
    }
    // What is in it costs as much work as it says, so it is not opened here.
    let _ = Bundle::is_one(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(uri) = Uri::parse(text)
    {
        assert!(uri.object.is_some() || uri.id.is_some());
        assert!(!text.contains('?') || text.ends_with(['?', '&']));
    }
}

#[test]
fn certificate() {
    fuzz!(&seeds("certificate", &[], ""), &WORDS, judge);
}
