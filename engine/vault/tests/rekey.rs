//! Changing the key of a vault, and crashes on the way.

mod support;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use dayfly_vault::{KeySource, SecretString, Vault, VaultError, private_file};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{again, inside};

fn secret() -> SecretString {
    "canary-9f2c-secret ".repeat(400).into()
}

fn file(folder: &Path, name: &str) -> KeySource {
    KeySource::File(folder.join(name))
}

fn wrapped(folder: &Path, passphrase: &'static str) -> KeySource {
    KeySource::passphrase(folder.join("vault.key.age"), move |_| {
        Some(passphrase.to_owned().into())
    })
}

fn at(folder: &Path, source: KeySource) -> Vault {
    Vault::open(folder.join("secrets.age"), source)
}

fn done() -> Result<(), VaultError> {
    Ok(())
}

#[test]
fn both_keys_open_the_vault_until_the_change_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let vault = at(folder, file(folder, "old"));
    vault.set("a", &secret()).unwrap();
    let clone = vault.clone();
    let check = || {
        for source in [file(folder, "old"), wrapped(folder, "p")] {
            assert_eq!(at(folder, source).get("a")?, Some(secret()));
        }
        done()
    };
    vault.rekey(wrapped(folder, "p"), check).unwrap();
    let error = at(folder, file(folder, "old")).get("a").unwrap_err();
    assert!(matches!(error, VaultError::WrongKey { .. }), "{error}");
    // A clone follows.
    clone.set("b", &secret()).unwrap();
    assert_eq!(at(folder, wrapped(folder, "p")).list().unwrap().len(), 2);
}

#[test]
fn a_change_that_is_not_written_down_has_not_happened() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let vault = at(folder, wrapped(folder, "first"));
    vault.set("a", &secret()).unwrap();
    let refuse = || Err(VaultError::Encrypt(PathBuf::from("settings")));
    vault.rekey(file(folder, "new"), refuse).unwrap_err();
    let error = at(folder, file(folder, "new")).get("a").unwrap_err();
    assert!(matches!(error, VaultError::WrongKey { .. }), "{error}");
    vault.rekey(wrapped(folder, "second"), refuse).unwrap_err();
    assert_eq!(vault.get("a").unwrap(), Some(secret()));
    vault.set("b", &secret()).unwrap();
    let fresh = at(folder, wrapped(folder, "first"));
    assert_eq!(fresh.list().unwrap().len(), 2);
    let error = at(folder, wrapped(folder, "second")).get("a").unwrap_err();
    assert!(matches!(error, VaultError::WrongPassphrase(_)), "{error}");
    // The key file that was left over is used, and loses nothing.
    let left = fs::read(folder.join("new")).unwrap();
    vault.rekey(file(folder, "new"), done).unwrap();
    let now = fs::read(folder.join("new")).unwrap();
    assert!(now.ends_with(&left) && now.len() > left.len());
    let fresh = at(folder, file(folder, "new"));
    assert_eq!(fresh.get("a").unwrap(), Some(secret()));
}

#[test]
fn a_passphrase_changes_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let vault = at(folder, wrapped(folder, "first"));
    vault.set("a", &secret()).unwrap();
    let stale = vault_in_another_process(folder);
    vault.rekey(wrapped(folder, "second"), done).unwrap();
    assert_eq!(vault.get("a").unwrap(), Some(secret()));
    let fresh = at(folder, wrapped(folder, "second"));
    assert_eq!(fresh.get("a").unwrap(), Some(secret()));
    for vault in [at(folder, wrapped(folder, "first")), stale] {
        let error = vault.get("a").unwrap_err();
        assert!(matches!(error, VaultError::WrongPassphrase(_)), "{error}");
    }
}

/// Has the key of before in memory.
fn vault_in_another_process(folder: &Path) -> Vault {
    let vault = at(folder, wrapped(folder, "first"));
    vault.get("a").expect("the passphrase is still right");
    vault
}

#[test]
fn a_key_changes_in_its_place_and_what_is_no_key_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let vault = at(folder, file(folder, "key"));
    vault.set("a", &secret()).unwrap();
    let copy = fs::read(folder.join("secrets.age")).unwrap();
    vault.rekey(file(folder, "key"), done).unwrap();
    let fresh = at(folder, file(folder, "key"));
    assert_eq!(fresh.get("a").unwrap(), Some(secret()));
    private_file::write(&folder.join("copy.age"), &copy).unwrap();
    let copy = Vault::open(folder.join("copy.age"), file(folder, "key"));
    assert_eq!(copy.get("a").unwrap(), Some(secret()));
    private_file::write(&folder.join("diary"), b"dear diary\n").unwrap();
    let error = vault.rekey(file(folder, "diary"), done).unwrap_err();
    assert!(matches!(error, VaultError::BadKey(_)), "{error}");
    assert_eq!(fs::read(folder.join("diary")).unwrap(), b"dear diary\n");
    assert_eq!(vault.get("a").unwrap(), Some(secret()));
    // Behind another passphrase stands another's key.
    let other = Vault::open(folder.join("other.age"), wrapped(folder, "theirs"));
    other.set("a", &secret()).unwrap();
    let error = vault.rekey(wrapped(folder, "mine"), done).unwrap_err();
    assert!(matches!(error, VaultError::WrongPassphrase(_)), "{error}");
    vault.rekey(wrapped(folder, "theirs"), done).unwrap();
    assert_eq!(other.get("a").unwrap(), Some(secret()));
    let fresh = at(folder, wrapped(folder, "theirs"));
    assert_eq!(fresh.get("a").unwrap(), Some(secret()));
}

#[test]
fn without_a_vault_only_the_place_changes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let vault = at(folder, file(folder, "old"));
    vault.rekey(file(folder, "new"), done).unwrap();
    assert!(!folder.join("new").exists());
    vault.set("a", &secret()).unwrap();
    assert!(folder.join("new").exists() && !folder.join("old").exists());
}

/// The kernel ends this process as soon as it writes more than a key into a file.
fn crash_at_the_next_write_of_the_vault() {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let none = Rlimit {
        current: Some(0),
        maximum: getrlimit(Resource::Core).maximum,
    };
    setrlimit(Resource::Core, none).expect("no core files");
    let small = Rlimit {
        current: Some(1024),
        maximum,
    };
    setrlimit(Resource::Fsize, small).expect("a limit on files");
}

/// Runs the test of this name again, in this folder, and sees it end by a signal.
fn see_it_crash(test: &str, folder: &Path) {
    let output = again(test, &[("DAYFLY_TEST_FOLDER", folder)]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.signal().is_some(), "{text}");
}

fn folder_inside() -> PathBuf {
    let folder = std::env::var_os("DAYFLY_TEST_FOLDER").expect("the test runs inside another");
    PathBuf::from(folder)
}

#[test]
fn a_crash_after_the_new_key_leaves_the_key_before() {
    let name = "a_crash_after_the_new_key_leaves_the_key_before";
    if inside() {
        let folder = folder_inside();
        crash_at_the_next_write_of_the_vault();
        let vault = at(&folder, file(&folder, "old"));
        let _ = vault.rekey(file(&folder, "new"), done);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    at(folder, file(folder, "old")).set("a", &secret()).unwrap();
    let before = fs::read(folder.join("secrets.age")).unwrap();
    see_it_crash(name, folder);
    assert!(folder.join("new").exists());
    assert_eq!(fs::read(folder.join("secrets.age")).unwrap(), before);
    let error = at(folder, file(folder, "new")).get("a").unwrap_err();
    assert!(matches!(error, VaultError::WrongKey { .. }), "{error}");
    let vault = at(folder, file(folder, "old"));
    assert_eq!(vault.get("a").unwrap(), Some(secret()));
    // Tried again, it comes to its end.
    vault.rekey(file(folder, "new"), done).unwrap();
    let fresh = at(folder, file(folder, "new"));
    assert_eq!(fresh.get("a").unwrap(), Some(secret()));
}

#[test]
fn a_crash_after_the_new_file_leaves_both_keys() {
    let name = "a_crash_after_the_new_file_leaves_both_keys";
    if inside() {
        let folder = folder_inside();
        let vault = at(&folder, file(&folder, "old"));
        let _ = vault.rekey(file(&folder, "new"), || -> Result<(), VaultError> {
            std::process::abort()
        });
        return;
    }
    both_keys_open_after(name);
}

#[test]
fn a_crash_in_the_last_step_leaves_both_keys() {
    let name = "a_crash_in_the_last_step_leaves_both_keys";
    if inside() {
        let folder = folder_inside();
        let vault = at(&folder, file(&folder, "old"));
        let _ = vault.rekey(file(&folder, "new"), || {
            crash_at_the_next_write_of_the_vault();
            done()
        });
        return;
    }
    both_keys_open_after(name);
}

fn both_keys_open_after(test: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let before = at(folder, file(folder, "old"));
    before.set("a", &secret()).expect("a vault");
    see_it_crash(test, folder);
    for name in ["old", "new"] {
        let found = at(folder, file(folder, name)).get("a");
        assert_eq!(found.expect("the key opens the vault"), Some(secret()));
    }
    // The next write settles on the key of the writer.
    let new = at(folder, file(folder, "new"));
    new.set("b", &secret()).expect("the vault is not locked");
    assert!(at(folder, file(folder, "old")).get("a").is_err());
    assert_eq!(new.list().expect("the new key").len(), 2);
}
