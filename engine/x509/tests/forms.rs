//! Keys and certificates that OpenSSL made, in all forms; what is signed with them, OpenSSL verifies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;
use std::process::Command;

use dayfly_x509::{Algorithm, Bundle, Certificate, PrivateKey, Problem, certificates};

/// A folder, and OpenSSL to fill it.
struct Workshop(tempfile::TempDir);

impl Workshop {
    /// None where there is no OpenSSL, which is said.
    fn open() -> Option<Self> {
        let there = Command::new("openssl").arg("version").output();
        if there.is_ok_and(|ended| ended.status.success()) {
            return Some(Self(tempfile::tempdir().unwrap()));
        }
        assert!(
            std::env::var_os("DAYFLY_TEST_ALL").is_none(),
            "the command openssl is missing"
        );
        #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
        {
            eprintln!("not run: needs the command openssl");
        }
        None
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs OpenSSL with these words; `false` where it does not know one of them.
    fn try_openssl(&self, words: &str) -> bool {
        let mut command = Command::new("openssl");
        command
            .args(words.split_whitespace())
            .current_dir(self.0.path());
        command.output().unwrap().status.success()
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        command
            .args(words.split_whitespace())
            .current_dir(self.0.path());
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "openssl {words}: {said}");
    }

    /// A key with a certificate of its own: `NAME.key` (PKCS#8) and `NAME.crt`.
    fn key(&self, name: &str, kind: &str) {
        self.openssl(&format!(
            "req -x509 -newkey {kind} -nodes -keyout {name}.key -out {name}.crt -days 30 \
             -subj /CN={name} -addext basicConstraints=critical,CA:FALSE \
             -addext keyUsage=critical,digitalSignature"
        ));
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).unwrap()
    }

    fn certificate(&self, name: &str) -> Certificate {
        certificates(&self.read(name)).unwrap().remove(0)
    }

    /// Signs with the key, and has both sides look at the signature.
    fn holds(&self, key: &PrivateKey, name: &str) {
        let certificate = self.certificate(&format!("{name}.crt"));
        let message = b"AWS4-X509\nwhat is signed";
        let signature = key.sign(message).unwrap();
        assert_eq!(key.algorithm(), certificate.algorithm());
        assert!(certificate.verifies(message, &signature));
        assert!(!certificate.verifies(b"another message", &signature));
        std::fs::write(self.at("message"), message).unwrap();
        std::fs::write(self.at("signature"), signature).unwrap();
        self.openssl(&format!(
            "x509 -in {name}.crt -noout -pubkey -out {name}.pub"
        ));
        self.openssl(&format!(
            "dgst -sha256 -verify {name}.pub -signature signature message"
        ));
    }
}

const KINDS: [(&str, &str); 4] = [
    ("rsa2048", "rsa:2048"),
    ("rsa4096", "rsa:4096"),
    ("p256", "ec -pkeyopt ec_paramgen_curve:P-256"),
    ("p384", "ec -pkeyopt ec_paramgen_curve:P-384"),
];

#[test]
fn every_form_of_a_key_signs_what_openssl_verifies() {
    let Some(shop) = Workshop::open() else { return };
    for (name, kind) in KINDS {
        shop.key(name, kind);
        let whole = shop.read(&format!("{name}.key"));
        shop.holds(&PrivateKey::read(&whole, None).unwrap(), name);
        // PKCS#1 or SEC 1, each as PEM and as DER; and PKCS#8 as DER.
        let command = if name.starts_with("rsa") {
            "rsa -traditional"
        } else {
            "ec"
        };
        for form in ["PEM", "DER"] {
            shop.openssl(&format!(
                "{command} -in {name}.key -outform {form} -out old"
            ));
            shop.holds(&PrivateKey::read(&shop.read("old"), None).unwrap(), name);
        }
        shop.openssl(&format!(
            "pkcs8 -topk8 -nocrypt -in {name}.key -outform DER -out der"
        ));
        shop.holds(&PrivateKey::read(&shop.read("der"), None).unwrap(), name);
        // The key in one file with its certificate.
        let combined = [shop.read(&format!("{name}.crt")), whole].concat();
        shop.holds(&PrivateKey::read(&combined, None).unwrap(), name);
        assert_eq!(certificates(&combined).unwrap().len(), 1);
    }
}

#[test]
fn keys_that_are_encrypted_open_with_their_passphrase_alone() {
    let Some(shop) = Workshop::open() else { return };
    shop.key("k", "ec -pkeyopt ec_paramgen_curve:P-256");
    for how in [
        "-v2 aes-128-cbc",
        "-v2 aes-192-cbc",
        "-v2 aes-256-cbc",
        "-v2 des3",
        "-v2prf hmacWithSHA1",
        "-v2prf hmacWithSHA256",
        "-v2prf hmacWithSHA384",
        "-v2prf hmacWithSHA512",
        "-scrypt",
    ] {
        for form in ["PEM", "DER"] {
            shop.openssl(&format!(
                "pkcs8 -topk8 -in k.key -passout pass:open {how} -outform {form} -out hidden"
            ));
            let bytes = shop.read("hidden");
            let key = PrivateKey::read(&bytes, Some(b"open"));
            shop.holds(&key.unwrap_or_else(|e| panic!("{how}: {e}")), "k");
            let wrong = PrivateKey::read(&bytes, Some(b"other")).unwrap_err();
            assert_eq!(wrong, Problem::WrongPassphrase, "{how}");
            let none = PrivateKey::read(&bytes, None).unwrap_err();
            assert_eq!(none, Problem::NeedsPassphrase, "{how}");
        }
    }
    // Rounds without end are refused before any work.
    shop.openssl("pkcs8 -topk8 -in k.key -passout pass:open -iter 2048 -outform DER -out hidden");
    let mut bytes = shop.read("hidden");
    let at = bytes
        .windows(4)
        .position(|w| w == [0x02, 0x02, 0x08, 0x00])
        .unwrap();
    bytes[at + 2] = 0x7f;
    assert!(PrivateKey::read(&bytes, Some(b"open")).is_err());
    // What protects badly is told.
    assert!(
        shop.try_openssl("pkcs8 -topk8 -in k.key -passout pass:open -v1 PBE-SHA1-3DES -out hidden")
    );
    let refused = PrivateKey::read(&shop.read("hidden"), Some(b"open")).unwrap_err();
    assert!(refused.to_string().contains("private key"), "{refused}");
}

#[test]
fn a_pkcs12_file_gives_its_key_and_its_certificates() {
    let Some(shop) = Workshop::open() else { return };
    for (name, kind) in KINDS {
        shop.key(name, kind);
    }
    shop.openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=ca",
    );
    shop.openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf");
    shop.openssl(
        "x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out leaf.crt",
    );
    let chain = "-certfile ca.crt";
    for (name, how) in [
        ("rsa2048", ""),
        ("p256", ""),
        ("p384", ""),
        ("leaf", chain),
        ("leaf", "-certfile ca.crt -macalg sha512"),
        ("rsa2048", "-legacy"),
        ("leaf", "-certfile ca.crt -legacy"),
        (
            "p256",
            "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",
        ),
        ("p256", "-keypbe NONE -certpbe NONE"),
    ] {
        let words = format!(
            "pkcs12 -export -inkey {name}.key -in {name}.crt {how} -passout pass:open -out file.p12"
        );
        shop.openssl(&words);
        let bytes = shop.read("file.p12");
        assert!(Bundle::is_one(&bytes));
        let bundle = Bundle::read(&bytes, Some("open")).unwrap_or_else(|e| panic!("{words}: {e}"));
        shop.holds(&bundle.key, name);
        assert_eq!(
            bundle.certificates[0],
            shop.certificate(&format!("{name}.crt"))
        );
        let more = usize::from(how.contains("certfile"));
        assert_eq!(bundle.certificates.len(), 1 + more, "{words}");
        for wrong in [Some("other"), Some("openopen"), None] {
            let refused = Bundle::read(&bytes, wrong).unwrap_err();
            let fits = matches!(refused, Problem::WrongPassphrase | Problem::NeedsPassphrase);
            assert!(fits, "{words} {wrong:?}: {refused}");
        }
        // A bit that is changed anywhere never gives another key or certificate.
        for at in (0..bytes.len()).step_by(97) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            if let Ok(other) = Bundle::read(&changed, Some("open")) {
                assert_eq!(
                    other.certificates[0], bundle.certificates[0],
                    "{words} {at}"
                );
                shop.holds(&other.key, name);
            }
        }
    }
}

#[test]
fn keys_that_are_not_used_are_named() {
    let Some(shop) = Workshop::open() else { return };
    for (name, kind, word) in [
        ("small", "rsa:1024", "fewer than 2048"),
        (
            "p521",
            "ec -pkeyopt ec_paramgen_curve:P-521",
            "1.3.132.0.35",
        ),
        ("ed", "ed25519", "1.3.101.112"),
    ] {
        shop.key(name, kind);
        let refused = PrivateKey::read(&shop.read(&format!("{name}.key")), None).unwrap_err();
        assert!(refused.to_string().contains(word), "{refused}");
        if name != "small" {
            let refused = certificates(&shop.read(&format!("{name}.crt"))).unwrap_err();
            assert!(matches!(refused, Problem::Unsupported { .. }), "{refused}");
        }
    }
    shop.openssl("rsa -in small.key -traditional -aes128 -passout pass:open -out old.key");
    let refused = PrivateKey::read(&shop.read("old.key"), Some(b"open")).unwrap_err();
    assert!(
        refused.to_string().contains("openssl pkcs8 -topk8"),
        "{refused}"
    );
    assert_eq!(
        PrivateKey::read(&shop.read("ed.crt"), None).unwrap_err(),
        Problem::NoKey
    );
    assert_eq!(
        certificates(&shop.read("ed.key")).unwrap_err(),
        Problem::NoCertificate
    );
}

#[test]
fn what_a_certificate_says_is_read() {
    let Some(shop) = Workshop::open() else { return };
    shop.openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout a.key -out a.crt -days 2 \
         -set_serial 0x00ffffffffffffffffffffff -subj /O=Example/CN=web",
    );
    let one = shop.certificate("a.crt");
    assert_eq!(one.serial(), "309485009821345068724781055");
    assert_eq!(one.subject(), "CN=web,O=Example");
    assert_eq!(one.not_after() - one.not_before(), 2 * 86_400);
    assert!(one.is_authority() && one.may_sign() && one.algorithm() == Algorithm::Ecdsa);
    shop.openssl("x509 -in a.crt -outform DER -out a.der");
    assert_eq!(
        certificates(&shop.read("a.der")).unwrap(),
        std::slice::from_ref(&one)
    );
    assert_eq!(shop.read("a.der"), one.der());
    // Cut or changed anywhere, it is another one or none, and nothing panics.
    let der = one.der();
    for at in 0..der.len() {
        assert!(Certificate::of_der(&der[..at]).is_err());
        let mut changed = der.to_vec();
        changed[at] ^= 0x10;
        let _ = Certificate::of_der(&changed);
    }
}
