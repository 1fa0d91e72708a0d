//! The vault's key in a real Secret Service.

#![allow(clippy::print_stdout, reason = "a test says what it did not do")]

#[path = "support/secret_service.rs"]
mod secret_service;
mod support;

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use dayfly_vault::{
    KeyPlace, KeySource, KeyringError, KeyringItem, OthersItem, SecretString, Vault, VaultError,
    others_in,
};
use secret_service::{Session, lock};
use support::{again, inside};

fn secret() -> SecretString {
    "canary-9f2c-secret".to_owned().into()
}

fn vault(folder: &Path) -> Vault {
    let path = folder.join("secrets.age");
    let item = KeyringItem::for_vault(&path);
    Vault::open(path, KeySource::Keyring(item))
}

fn problem(error: VaultError) -> KeyringError {
    match error {
        VaultError::Keyring { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn the_key_is_kept_in_the_keyring_alone() {
    if !inside() {
        let Some(session) = Session::start() else {
            return;
        };
        return session.run("the_key_is_kept_in_the_keyring_alone");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(vault(folder.path()).get("a").unwrap().is_none());
    vault(folder.path()).set("a", &secret()).unwrap();
    vault(folder.path()).set("b", &secret()).unwrap();
    assert_eq!(vault(folder.path()).get("a").unwrap(), Some(secret()));
    assert_eq!(vault(folder.path()).list().unwrap().len(), 2);
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["secrets.age", "secrets.lock"]);
    // Another vault that names the same item uses the key that is there.
    let KeySource::Keyring(item) = vault(folder.path()).key_source() else {
        panic!("it is a keyring");
    };
    let other = Vault::open(folder.path().join("other.age"), KeySource::Keyring(item));
    other.set("a", &secret()).unwrap();
    assert_eq!(vault(folder.path()).get("a").unwrap(), Some(secret()));
    assert_eq!(other.get("a").unwrap(), Some(secret()));
}

fn undecided(folder: &Path) -> Vault {
    let path = folder.join("secrets.age");
    let item = KeyringItem::for_vault(&path);
    let file = folder.join("secrets.key");
    Vault::open(path, KeySource::KeyringOrFile { item, file })
}

#[test]
fn the_first_secret_decides_for_a_keyring_that_answers() {
    if !inside() {
        let Some(session) = Session::start() else {
            return;
        };
        return session.run("the_first_secret_decides_for_a_keyring_that_answers");
    }
    let folder = tempfile::tempdir().unwrap();
    let first = undecided(folder.path());
    assert!(first.get("a").unwrap().is_none());
    first.set("a", &secret()).unwrap();
    assert!(!folder.path().join("secrets.key").exists());
    assert!(matches!(first.key_source(), KeySource::Keyring(_)));
    assert_eq!(first.get("a").unwrap(), Some(secret()));
    assert_eq!(undecided(folder.path()).get("a").unwrap(), Some(secret()));
    assert_eq!(vault(folder.path()).get("a").unwrap(), Some(secret()));
    undecided(folder.path()).set("b", &secret()).unwrap();
    assert_eq!(vault(folder.path()).list().unwrap().len(), 2);
}

#[test]
fn without_a_keyring_it_decides_for_the_file_and_a_keyring_that_comes_changes_nothing() {
    let test = "without_a_keyring_it_decides_for_the_file_and_a_keyring_that_comes_changes_nothing";
    if !inside() {
        let Some(session) = Session::without_keyring() else {
            return;
        };
        return session.run(test);
    }
    let folder = tempfile::tempdir().unwrap();
    let first = undecided(folder.path());
    first.set("a", &secret()).unwrap();
    assert!(folder.path().join("secrets.key").exists());
    assert!(matches!(first.key_source(), KeySource::File(_)));
    assert_eq!(undecided(folder.path()).get("a").unwrap(), Some(secret()));
    undecided(folder.path()).remove("a").unwrap();
    assert_eq!(undecided(folder.path()).list().unwrap(), []);
}

#[test]
fn a_vault_whose_item_is_missing_stays_as_it_is() {
    if !inside() {
        let Some(session) = Session::start() else {
            return;
        };
        return session.run("a_vault_whose_item_is_missing_stays_as_it_is");
    }
    let folder = tempfile::tempdir().unwrap();
    vault(folder.path()).set("a", &secret()).unwrap();
    let path = folder.path().join("secrets.age");
    let before = fs::read(&path).unwrap();
    let elsewhere = KeyringItem::for_vault(&folder.path().join("another.age"));
    let vault = Vault::open(path.clone(), KeySource::Keyring(elsewhere));
    for error in [
        vault.get("a").unwrap_err(),
        vault.set("b", &secret()).unwrap_err(),
        vault.remove("a").unwrap_err(),
    ] {
        assert!(matches!(&error, VaultError::MissingKey { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("keyring item \"dayfly\"") && text.contains("another.age"));
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_locked_keyring_is_an_error_at_once() {
    if !inside() {
        let Some(session) = Session::start() else {
            return;
        };
        return session.run("a_locked_keyring_is_an_error_at_once");
    }
    let folder = tempfile::tempdir().unwrap();
    let opened = vault(folder.path());
    opened.set("a", &secret()).unwrap();
    lock();
    let begun = Instant::now();
    let error = vault(folder.path()).get("a").unwrap_err();
    assert!(error.to_string().contains("in a file"), "{error}");
    assert_eq!(problem(error), KeyringError::Locked);
    // Whether an item is there cannot be told while the keyring is locked.
    let elsewhere = KeyringItem::for_vault(&folder.path().join("another.age"));
    let path = folder.path().join("secrets.age");
    let unknown = Vault::open(path, KeySource::Keyring(elsewhere));
    let refused = problem(unknown.get("a").unwrap_err());
    assert_eq!(refused, KeyringError::Locked);
    let fresh = Vault::open(
        folder.path().join("fresh.age"),
        KeySource::Keyring(KeyringItem::for_vault(&folder.path().join("fresh.age"))),
    );
    let refused = problem(fresh.set("a", &secret()).unwrap_err());
    assert_eq!(refused, KeyringError::Locked);
    assert!(!folder.path().join("fresh.age").exists());
    assert!(begun.elapsed() < Duration::from_secs(3));
    // What was opened before goes on being read, but nothing is written on a key in memory.
    assert_eq!(opened.get("a").unwrap(), Some(secret()));
    let refused = problem(opened.set("b", &secret()).unwrap_err());
    assert_eq!(refused, KeyringError::Locked);
    // Asked to unlock, it cannot ask anybody here; the wait for that has an end.
    let mut item = KeyringItem::for_vault(&folder.path().join("secrets.age"));
    item.unlock_within = Some(Duration::from_secs(1));
    let asking = Vault::open(folder.path().join("secrets.age"), KeySource::Keyring(item));
    let begun = Instant::now();
    let refused = asking.get("a").unwrap_err();
    assert!(matches!(refused, VaultError::Keyring { .. }), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(7));
}

#[test]
fn the_key_moves_between_all_places_and_stays_where_it_was() {
    if !inside() {
        let Some(session) = Session::start() else {
            return;
        };
        return session.run("the_key_moves_between_all_places_and_stays_where_it_was");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.age");
    let file = || KeySource::File(folder.path().join("vault.key"));
    let keyring = || KeySource::Keyring(KeyringItem::for_vault(&path));
    let passphrase = || {
        KeySource::passphrase(folder.path().join("vault.key.age"), |_| {
            Some("correct horse".to_owned().into())
        })
    };
    let done = || Ok::<(), VaultError>(());
    let vault = Vault::open(path.clone(), file());
    vault.set("a", &secret()).unwrap();
    let mut copies = Vec::new();
    let order: [&dyn Fn() -> KeySource; 8] = [
        &keyring,
        &passphrase,
        &keyring,
        &file,
        &passphrase,
        &file,
        &keyring,
        &keyring,
    ];
    let mut from: &dyn Fn() -> KeySource = &file;
    for to in order {
        copies.push((fs::read(&path).unwrap(), from().place(), from()));
        vault.rekey(to(), done).unwrap();
        assert_eq!(vault.key_source().place(), to().place());
        assert_eq!(vault.get("a").unwrap(), Some(secret()));
        let fresh = Vault::open(path.clone(), to());
        assert_eq!(fresh.get("a").unwrap(), Some(secret()));
        if from().place() != to().place() {
            let before = Vault::open(path.clone(), from());
            let error = before.get("a").unwrap_err();
            assert!(matches!(error, VaultError::WrongKey { .. }), "{error}");
            let error = before.set("b", &secret()).unwrap_err();
            assert!(matches!(error, VaultError::WrongKey { .. }), "{error}");
        }
        from = to;
    }
    // Copies of the vault open with the keys that they were made with.
    for (n, (copy, place, source)) in copies.into_iter().enumerate() {
        let path = folder.path().join(format!("copy{n}.age"));
        dayfly_vault::private_file::write(&path, &copy).unwrap();
        let vault = Vault::open(path, source);
        assert_eq!(vault.get("a").unwrap(), Some(secret()), "{n}: {place}");
    }
}

#[test]
fn a_bus_without_a_keyring_is_an_error_at_once() {
    if !inside() {
        let Some(session) = Session::without_keyring() else {
            return;
        };
        return session.run("a_bus_without_a_keyring_is_an_error_at_once");
    }
    unreachable_at_once();
}

#[test]
fn no_bus_is_an_error_at_once() {
    if !inside() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("unix:path={}", folder.path().join("none").display());
        let env = [("DBUS_SESSION_BUS_ADDRESS", Path::new(&address))];
        let output = again("no_bus_is_an_error_at_once", &env);
        assert!(output.status.success(), "{output:?}");
        return;
    }
    unreachable_at_once();
}

fn unreachable_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let error = vault(folder.path())
        .set("a", &secret())
        .expect_err("there is no keyring");
    assert!(begun.elapsed() < Duration::from_secs(2));
    let text = error.to_string();
    assert!(
        text.contains("in a file or behind a passphrase") && text.contains("secrets.age"),
        "{text}"
    );
    assert!(matches!(problem(error), KeyringError::Unreachable(_)));
    assert!(!folder.path().join("secrets.age").exists());
}

#[test]
fn a_bus_that_never_answers_is_given_up() {
    if !inside() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("bus");
        let _silent = UnixListener::bind(&socket).unwrap();
        let address = format!("unix:path={}", socket.display());
        let env = [("DBUS_SESSION_BUS_ADDRESS", Path::new(&address))];
        let output = again("a_bus_that_never_answers_is_given_up", &env);
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let error = vault(folder.path()).set("a", &secret()).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(7));
    assert_eq!(problem(error), KeyringError::Silent { seconds: 5 });
}

#[test]
fn places_are_named_without_secrets() {
    let item = KeyringItem::for_vault(Path::new("/v/secrets.age"));
    let source = KeySource::Keyring(item);
    assert_eq!(
        source.place(),
        KeyPlace::Keyring {
            service: "dayfly".into(),
            account: "/v/secrets.age".into(),
            instead_of: None,
        }
    );
    let source = KeySource::passphrase("/v/key.age".into(), |_| Some(secret()));
    assert!(!format!("{source:?}").contains("canary"));
}

/// What another program keeps in a collection.
fn store(collection: &str, attributes: &[(&str, &str)], content: &str) {
    use ::secret_service::blocking::SecretService;
    let service = SecretService::connect(::secret_service::EncryptionType::Plain);
    let service = service.expect("the keyring answers");
    let all = service.get_all_collections().expect("its collections");
    let mut all = all.into_iter();
    let found = all.find(|one| one.collection_path.as_str().ends_with(collection));
    let attributes = attributes.iter().copied().collect();
    let found = found.expect("the collection");
    let made = found.create_item("x", attributes, content.as_bytes(), true, "text/plain");
    made.expect("the item is stored");
}

#[test]
fn what_others_keep_is_read_out_of_their_collection_and_not_while_it_is_locked() {
    if !inside() {
        let Some(session) = Session::start() else {
            return;
        };
        return session
            .run("what_others_keep_is_read_out_of_their_collection_and_not_while_it_is_locked");
    }
    let item = |collection: Option<&str>, name: &str| OthersItem {
        attributes: vec![("profile".to_owned(), name.to_owned())],
        collection: collection.map(str::to_owned),
        unlock_within: None,
    };
    store("login", &[("profile", "work"), ("x", "y")], "canary");
    store("login", &[("profile", "other")], "another");
    store("session", &[("profile", "elsewhere")], "third");
    let read = |collection, name| {
        let content = item(collection, name).read().unwrap();
        content.map(|content| String::from_utf8(content.expose().to_vec()).unwrap())
    };
    assert_eq!(read(Some("login"), "work").as_deref(), Some("canary"));
    assert_eq!(read(None, "other").as_deref(), Some("another"));
    assert_eq!(read(Some("login"), "elsewhere"), None);
    assert_eq!(read(Some("nothing"), "work"), None);
    let mut names = others_in("login", "profile").unwrap();
    names.sort();
    assert_eq!(names, ["other", "work"]);
    assert_eq!(others_in("nothing", "profile"), Ok(Vec::new()));
    lock();
    assert_eq!(others_in("login", "profile"), Err(KeyringError::Locked));
    assert_eq!(
        item(Some("login"), "work").read(),
        Err(KeyringError::Locked)
    );
    // While it is locked, that nothing is found is no answer.
    assert_eq!(
        item(Some("login"), "gone").read(),
        Err(KeyringError::Locked)
    );
}
