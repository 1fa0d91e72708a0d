//! The vault on a real disk.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use dayfly_core::session::SessionId;
use dayfly_vault::{AccessKey, Vault, VaultError, private_file};

const CANARY: &str = "canary-9f2c-secret";

fn vault(folder: &tempfile::TempDir) -> Vault {
    Vault::new(
        folder.path().join("v/secrets.age"),
        folder.path().join("k/vault.key"),
    )
}

fn key() -> AccessKey {
    AccessKey {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: CANARY.to_owned().into(),
    }
}

#[test]
fn a_key_comes_back_and_stands_nowhere_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let id = SessionId::new("s1");
    vault(&folder).set_access_key(&id, &key()).unwrap();
    assert_eq!(vault(&folder).access_key(&id).unwrap(), Some(key()));
    assert_eq!(
        vault(&folder).access_key(&SessionId::new("s2")).unwrap(),
        None
    );
    for file in ["v/secrets.age", "k/vault.key"] {
        let path = folder.path().join(file);
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes()));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert!(!format!("{:?}", key()).contains(CANARY));
    assert_eq!(vault(&folder).list().unwrap()[0].name, "aws-access-key/s1");
    assert!(vault(&folder).remove("aws-access-key/s1").unwrap());
    assert!(!vault(&folder).remove("aws-access-key/s1").unwrap());
    assert_eq!(vault(&folder).access_key(&id).unwrap(), None);
}

#[test]
fn another_key_and_a_damaged_file_are_told_apart_from_an_empty_vault() {
    let folder = tempfile::tempdir().unwrap();
    vault(&folder).set("a", &CANARY.to_owned().into()).unwrap();
    let key_path = folder.path().join("k/vault.key");
    let right = fs::read(&key_path).unwrap();
    fs::remove_file(&key_path).unwrap();
    let error = vault(&folder).get("a").unwrap_err();
    assert!(matches!(error, VaultError::MissingKey { .. }), "{error}");
    assert!(error.to_string().contains("k/vault.key"), "{error}");
    // A write must not make a new key and lose what the old one protects.
    let refused = vault(&folder).set("b", &CANARY.to_owned().into());
    assert!(matches!(refused, Err(VaultError::MissingKey { .. })));
    assert!(!key_path.exists());
    private_file::write(&key_path, b"nonsense\n").unwrap();
    assert!(matches!(
        vault(&folder).get("a"),
        Err(VaultError::BadKey(_))
    ));
    private_file::write(&key_path, &right).unwrap();
    assert_eq!(vault(&folder).get("a").unwrap().unwrap().expose(), CANARY);
    let path = folder.path().join("v/secrets.age");
    let mut sealed = fs::read(&path).unwrap();
    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    private_file::write(&path, &sealed).unwrap();
    assert!(matches!(
        vault(&folder).get("a"),
        Err(VaultError::Damaged(_))
    ));
    sealed[last] ^= 1;
    private_file::write(&path, &sealed).unwrap();
    fs::remove_file(&key_path).unwrap();
    let other = Vault::new(folder.path().join("v/other.age"), key_path.clone());
    other.set("a", &CANARY.to_owned().into()).unwrap();
    assert!(matches!(
        vault(&folder).get("a"),
        Err(VaultError::WrongKey { .. })
    ));
}

#[test]
fn links_and_open_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    vault(&folder).set("a", &CANARY.to_owned().into()).unwrap();
    let path = folder.path().join("v/secrets.age");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = vault(&folder).get("a").unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(
        vault(&folder)
            .get("a")
            .unwrap_err()
            .to_string()
            .contains("symbolic link")
    );
    assert!(vault(&folder).set("a", &CANARY.to_owned().into()).is_err());
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[test]
fn writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    vault(&folder)
        .set("first", &CANARY.to_owned().into())
        .unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let vault = vault(&folder);
            scope.spawn(move || {
                vault
                    .set(&format!("n{n}"), &CANARY.to_owned().into())
                    .unwrap()
            });
        }
    });
    assert_eq!(vault(&folder).list().unwrap().len(), 9);
}

#[test]
fn vaults_that_share_a_key_file_make_one_key_together() {
    let folder = tempfile::tempdir().unwrap();
    let vaults: Vec<_> = (0..8)
        .map(|n| {
            let path = folder.path().join(format!("{n}.age"));
            Vault::new(path, folder.path().join("vault.key"))
        })
        .collect();
    std::thread::scope(|scope| {
        for vault in &vaults {
            scope.spawn(|| vault.set("a", &CANARY.to_owned().into()).unwrap());
        }
    });
    for vault in &vaults {
        assert_eq!(vault.get("a").unwrap().unwrap().expose(), CANARY);
    }
}
