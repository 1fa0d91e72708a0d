use std::path::Path;

use super::*;

/// A certificate of an authority that nobody has, made with openssl; good until 2126.
const CERTIFICATE: &str = include_str!("roots_test_ca.pem");

fn bundle(path: &Path) -> Bundle {
    Bundle {
        path: path.to_owned(),
        origin: "AWS_CA_BUNDLE".to_owned(),
    }
}

#[test]
fn a_bundle_is_read_with_what_people_write_around_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, format!("# ours\n{CERTIFICATE}\nand\n{CERTIFICATE}")).unwrap();
    assert_eq!(bundle(&path).count(), Ok(2));
    assert!(Bundle::trust(Some(&bundle(&path))).is_ok());
}

#[test]
fn what_is_no_bundle_is_told_and_never_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(at(name), text).unwrap();
    write("empty", "");
    write("garbage", "canary");
    write("broken", &CERTIFICATE[..CERTIFICATE.len() / 2]);
    let inner = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n";
    write("none", &format!("{CERTIFICATE}\n{inner}"));
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RUSR).unwrap();
    for (name, part) in [
        ("absent", "does not exist"),
        ("empty", "has no certificate"),
        ("garbage", "has no certificate"),
        ("broken", "incomplete certificate"),
        ("none", "number 2 in the file"),
        ("pipe", "not a regular file"),
        (".", "is a folder"),
    ] {
        let error = Bundle::trust(Some(&bundle(&at(name)))).unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains(part) && told.contains("AWS_CA_BUNDLE"),
            "{name}: {told}"
        );
        assert!(!told.contains("canary"), "{told}");
    }
}

#[test]
fn a_bundle_is_named_by_the_profile_that_the_aws_cli_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(
        &file,
        "[profile \"my acct\"]\n  ca_bundle = /a b/roots.pem\n",
    )
    .unwrap();
    let named = named_in(&file, "my acct");
    assert_eq!(named.as_deref(), Some("/a b/roots.pem"));
    assert_eq!(named_in(&file, "my"), None);
    std::fs::write(&file, "[profile a]\nca_bundle = x\nnonsense\n").unwrap();
    assert_eq!(named_in(&file, "a"), None);
}
