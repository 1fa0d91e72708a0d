//! The vault's key behind a passphrase.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dayfly_vault::{KeySource, PassphraseUse, SecretString, Vault, VaultError, private_file};

const CANARY: &str = "canary-9f2c-secret";

fn secret() -> SecretString {
    CANARY.to_owned().into()
}

fn wrapped(folder: &Path) -> std::path::PathBuf {
    folder.join("vault.key.age")
}

fn vault(folder: &Path, passphrase: Option<&str>) -> Vault {
    let passphrase = passphrase.map(|p| SecretString::from(p.to_owned()));
    let source = KeySource::passphrase(wrapped(folder), move |_| passphrase.clone());
    Vault::open(folder.join("secrets.age"), source)
}

#[test]
fn the_passphrase_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let open = || {
        let asked = asked.clone();
        let source = KeySource::passphrase(wrapped(folder.path()), move |purpose| {
            asked.lock().unwrap().push(purpose);
            Some("correct horse".to_owned().into())
        });
        Vault::open(folder.path().join("secrets.age"), source)
    };
    let first = open();
    assert!(first.get("a").unwrap().is_none());
    assert!(asked.lock().unwrap().is_empty());
    first.set("a", &secret()).unwrap();
    first.set("b", &secret()).unwrap();
    assert_eq!(first.get("a").unwrap(), Some(secret()));
    assert_eq!(*asked.lock().unwrap(), [PassphraseUse::Choose]);
    let second = open();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let second = second.clone();
            scope.spawn(move || assert_eq!(second.get("a").unwrap(), Some(secret())));
        }
    });
    assert_eq!(
        *asked.lock().unwrap(),
        [PassphraseUse::Choose, PassphraseUse::Open]
    );
    let mode = fs::metadata(wrapped(folder.path())).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let bytes = fs::read(wrapped(folder.path())).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n-> scrypt "));
    assert!(!format!("{second:?}").contains("horse"));
    assert!(!format!("{second:?}").contains("AGE-SECRET"));
}

#[test]
fn a_wrong_or_absent_passphrase_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let error = vault(folder.path(), None).set("a", &secret()).unwrap_err();
    assert!(matches!(error, VaultError::NoPassphrase(_)), "{error}");
    let error = vault(folder.path(), Some(""))
        .set("a", &secret())
        .unwrap_err();
    assert!(matches!(error, VaultError::NoPassphrase(_)), "{error}");
    assert!(!wrapped(folder.path()).exists());
    vault(folder.path(), Some("right"))
        .set("a", &secret())
        .unwrap();
    let key = fs::read(wrapped(folder.path())).unwrap();
    let sealed = fs::read(folder.path().join("secrets.age")).unwrap();
    let wrong = vault(folder.path(), Some("wrong"));
    for error in [
        wrong.get("a").unwrap_err(),
        wrong.set("b", &secret()).unwrap_err(),
    ] {
        assert!(
            matches!(&error, VaultError::WrongPassphrase(path) if *path == wrapped(folder.path())),
            "{error}"
        );
        assert!(!error.to_string().contains("wrong\""));
    }
    assert_eq!(fs::read(wrapped(folder.path())).unwrap(), key);
    assert_eq!(fs::read(folder.path().join("secrets.age")).unwrap(), sealed);
}

#[test]
fn a_person_may_try_again_after_a_typing_error() {
    let folder = tempfile::tempdir().unwrap();
    vault(folder.path(), Some("right"))
        .set("a", &secret())
        .unwrap();
    let tries = AtomicUsize::new(0);
    let source = KeySource::passphrase(wrapped(folder.path()), move |_| {
        let passphrase = ["rihgt", "right"][tries.fetch_add(1, Ordering::Relaxed)];
        Some(passphrase.to_owned().into())
    });
    let vault = Vault::open(folder.path().join("secrets.age"), source);
    assert!(vault.get("a").is_err());
    assert_eq!(vault.get("a").unwrap(), Some(secret()));
}

#[test]
fn a_tampered_key_is_refused_and_a_missing_one_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let opened = vault(folder.path(), Some("right"));
    opened.set("a", &secret()).unwrap();
    let key = fs::read(wrapped(folder.path())).unwrap();
    let tamper = |at: usize| {
        let mut bytes = key.clone();
        bytes[at] ^= 1;
        private_file::write(&wrapped(folder.path()), &bytes).unwrap();
        vault(folder.path(), Some("right")).get("a").unwrap_err()
    };
    let payload = tamper(key.len() - 1);
    assert!(matches!(payload, VaultError::DamagedKey(_)), "{payload}");
    let version = tamper(3);
    assert!(matches!(version, VaultError::DamagedKey(_)), "{version}");
    // What stands in memory is not trusted either once the file says otherwise.
    assert!(opened.get("a").is_err());
    let mut greedy = key.clone();
    let work = key.windows(4).position(|w| w == b" 17\n").unwrap();
    greedy[work + 1..work + 3].copy_from_slice(b"25");
    private_file::write(&wrapped(folder.path()), &greedy).unwrap();
    let error = vault(folder.path(), Some("right")).get("a").unwrap_err();
    assert!(matches!(error, VaultError::TooMuchWork(_)), "{error}");
    fs::remove_file(wrapped(folder.path())).unwrap();
    for error in [
        vault(folder.path(), Some("right")).get("a").unwrap_err(),
        opened.get("a").unwrap_err(),
        opened.set("b", &secret()).unwrap_err(),
    ] {
        assert!(matches!(error, VaultError::MissingKey { .. }), "{error}");
    }
    assert!(!wrapped(folder.path()).exists());
    private_file::write(&wrapped(folder.path()), &key).unwrap();
    assert_eq!(opened.get("a").unwrap(), Some(secret()));
}

#[test]
fn links_and_open_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    vault(folder.path(), Some("right"))
        .set("a", &secret())
        .unwrap();
    let path = wrapped(folder.path());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = vault(folder.path(), Some("right")).get("a").unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let error = vault(folder.path(), Some("right")).get("a").unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
}
