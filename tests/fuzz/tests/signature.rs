//! Signatures and keys in the format of minisign: a damaged one vouches for nothing.

use dayfly_fuzz::{fuzz, seeds};
use dayfly_store::trust;

const WORDS: [&str; 6] = [
    "untrusted comment: ",
    "trusted comment: ",
    "\n",
    "\r\n",
    "RWQ",
    "=",
];

#[test]
fn signature() {
    let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("a pair of keys");
    let key = pair.pk.to_base64();
    let content = b"a policy";
    let sign = |content: &[u8]| {
        minisign::sign(None, &pair.sk, content, Some("who"), None)
            .expect("it is signed")
            .to_string()
    };
    let good = sign(content);
    assert!(trust::verify(content, &good, std::slice::from_ref(&key)).is_ok());
    let mut seeds = seeds("signature", &[], "");
    seeds.extend([good.clone(), sign(b"another"), key.clone()].map(String::into_bytes));
    let (what, who) = (signed_part(&good), comment(&good));
    fuzz!(&seeds, &WORDS, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        assert!(trust::is_public_key(&key));
        let _ = trust::is_public_key(&text);
        if trust::verify(content, &good, &[text.to_string()]).is_ok() {
            assert_eq!(material(&text), material(&key), "{text:?}");
        }
        match trust::verify(content, &text, std::slice::from_ref(&key)) {
            // Only the first line is free: nobody signs it.
            Ok(trusted) => {
                assert_eq!(signed_part(&text), what, "{text:?}");
                assert_eq!(Some(trusted.comment.as_str()), who.as_deref());
            }
            Err(problem) => assert!(!problem.is_empty()),
        }
    });
}

/// The lines that a key vouches for: the signature of the content, and that of the comment.
fn signed_part(text: &str) -> Vec<String> {
    let lines = text.lines().skip(1).take(3);
    lines.map(str::to_owned).collect()
}

/// What it says of itself.
fn comment(text: &str) -> Option<String> {
    let line = text.lines().nth(2)?;
    Some(line.strip_prefix("trusted comment: ")?.to_owned())
}

/// What of a public key verifies: its number and the key. What stands before says how its owner signs.
fn material(key: &str) -> Vec<u8> {
    let bytes = data_encoding::BASE64.decode(key.as_bytes());
    bytes.expect("a key is base64")[2..].to_vec()
}
