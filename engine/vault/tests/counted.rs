//! An older vault, or an older record of what was seen, shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::PathBuf;

use dayfly_vault::{Ask, Doubt, KeySource, SecretString, Vault, VaultError};
use serde_json::json;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn vault(&self) -> Vault {
        Vault::new(self.path("vault.age"), self.path("vault.key")).counted(self.path("seen.json"))
    }

    fn set(&self, name: &str) {
        self.vault().set(name, &secret()).unwrap();
    }

    fn doubts(&self) -> Vec<Doubt> {
        self.vault().known().doubts
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        dayfly_vault::private_file::write(&self.path(name), bytes).unwrap();
    }
}

fn secret() -> SecretString {
    SecretString::from("canary".to_owned())
}

#[test]
fn each_write_is_counted_and_what_counts_is_no_secret_of_the_person() {
    let home = Home::new();
    assert_eq!(home.vault().known().vault(), 0);
    home.set("a");
    home.set("b");
    assert!(home.vault().remove("b").unwrap());
    let known = home.vault().known();
    assert_eq!((known.vault(), known.doubts), (3, vec![]));
    assert!(known.checked);
    let names = home.vault().list().unwrap();
    assert_eq!(names.len(), 1);
    assert!(!home.vault().remove("dayfly/seen").unwrap());
    assert_eq!(home.vault().known().vault(), 3);
    assert_eq!(home.vault().all().unwrap().len(), 1);
    assert!(
        !String::from_utf8(home.read("seen.json"))
            .unwrap()
            .contains("canary")
    );
}

#[test]
fn an_older_vault_shows_until_somebody_accepts_it() {
    let home = Home::new();
    home.set("a");
    let older = home.read("vault.age");
    home.set("b");
    home.put("vault.age", &older);
    let doubt = Doubt::VaultOlder {
        has: Some(1),
        seen: 2,
    };
    assert_eq!(home.doubts(), std::slice::from_ref(&doubt));
    // A further write does not make it unseen.
    home.set("c");
    home.set("d");
    assert_eq!(home.doubts(), [doubt]);
    home.vault().accept().unwrap();
    assert_eq!(home.doubts(), []);
    home.set("e");
    assert_eq!(home.doubts(), []);
}

#[test]
fn a_vault_that_was_removed_shows() {
    let home = Home::new();
    home.set("a");
    fs::remove_file(home.path("vault.age")).unwrap();
    let gone = Doubt::VaultOlder { has: None, seen: 1 };
    assert_eq!(home.doubts(), std::slice::from_ref(&gone));
    // Neither one that begins anew, nor a key that is gone too, makes it unseen.
    fs::remove_file(home.path("vault.key")).unwrap();
    assert_eq!(home.doubts().len(), 1);
    home.set("b");
    assert!(
        matches!(home.doubts()[..], [Doubt::VaultOlder { .. }, ..]),
        "{:?}",
        home.doubts()
    );
    home.vault().accept().unwrap();
    assert_eq!(home.doubts(), []);
    // Meant for good.
    fs::remove_file(home.path("vault.age")).unwrap();
    home.vault().accept().unwrap();
    assert_eq!(home.doubts(), []);
}

#[test]
fn an_older_record_or_none_shows_and_the_vault_tells_what_was_in_it() {
    let home = Home::new();
    home.set("a");
    home.vault()
        .remember(json!({ "lock": 1 }), Ask::Nobody)
        .unwrap();
    let older = home.read("seen.json");
    home.vault()
        .remember(json!({ "lock": 2 }), Ask::Nobody)
        .unwrap();
    home.set("b");
    home.put("seen.json", &older);
    let known = home.vault().known();
    assert_eq!(known.doubts, [Doubt::RecordOlder]);
    assert_eq!(known.beside(), &json!({ "lock": 2 }));
    fs::remove_file(home.path("seen.json")).unwrap();
    let known = home.vault().known();
    assert_eq!(known.doubts, [Doubt::RecordGone]);
    assert_eq!(known.beside(), &json!({ "lock": 2 }));
    home.set("c");
    assert_eq!(home.doubts(), [Doubt::RecordGone]);
    home.vault().accept().unwrap();
    let known = home.vault().known();
    assert_eq!(
        (known.beside(), known.doubts.len()),
        (&json!({ "lock": 2 }), 0)
    );
}

#[test]
fn a_record_that_somebody_without_the_key_wrote_is_told() {
    let home = Home::new();
    home.set("a");
    home.vault()
        .remember(json!({ "lock": 7 }), Ask::Nobody)
        .unwrap();
    let genuine = String::from_utf8(home.read("seen.json")).unwrap();
    let without = {
        let mut all: serde_json::Value = serde_json::from_str(&genuine).unwrap();
        all.as_object_mut().unwrap().remove("code").unwrap();
        all.to_string()
    };
    for forged in [genuine.replace("7", "6"), without, "nonsense".to_owned()] {
        home.put("seen.json", forged.as_bytes());
        let known = home.vault().known();
        assert_eq!(known.doubts, [Doubt::RecordForged], "{forged}");
        assert_eq!(known.beside(), &json!({ "lock": 7 }));
        assert!(!known.lost);
    }
    // Where the vault tells nothing either, that is said and not made up.
    fs::remove_file(home.path("vault.age")).unwrap();
    assert!(home.vault().known().lost);
}

#[test]
fn without_a_vault_something_is_remembered_and_counts_once_there_is_one() {
    let home = Home::new();
    home.vault().remember(json!(1), Ask::Nobody).unwrap();
    assert!(!home.path("vault.key").exists() && !home.path("vault.age").exists());
    assert_eq!(home.vault().known().beside(), &json!(1));
    home.set("a");
    let known = home.vault().known();
    assert_eq!((known.beside(), known.doubts.len()), (&json!(1), 0));
    home.put("vault.age", &{
        let older = home.read("vault.age");
        home.set("b");
        older
    });
    assert_eq!(home.doubts().len(), 1);
}

#[test]
fn a_vault_of_a_dayfly_that_did_not_count_is_taken_as_it_is() {
    let home = Home::new();
    let plain = Vault::new(home.path("vault.age"), home.path("vault.key"));
    plain.set("a", &secret()).unwrap();
    assert_eq!(home.doubts(), []);
    home.set("b");
    assert_eq!((home.doubts(), home.vault().known().vault()), (vec![], 1));
}

#[test]
fn two_machines_that_share_a_vault_suspect_each_other_of_nothing() {
    let (one, other) = (Home::new(), Home::new());
    one.set("a");
    one.set("b");
    let hand_over = |from: &Home, to: &Home| {
        for file in ["vault.age", "vault.key"] {
            to.put(file, &from.read(file));
        }
    };
    hand_over(&one, &other);
    // The first look on another machine: it has no record of its own.
    assert_eq!(other.doubts(), [Doubt::RecordGone]);
    other.vault().accept().unwrap();
    for n in 0..3 {
        other.set(&format!("o{n}"));
        hand_over(&other, &one);
        assert_eq!(one.doubts(), []);
        one.set(&format!("i{n}"));
        one.set(&format!("j{n}"));
        let copy = one.read("vault.age");
        hand_over(&one, &other);
        assert_eq!(other.doubts(), []);
        other.set(&format!("p{n}"));
        // A synchronisation that goes back is told on either.
        let newer = other.read("vault.age");
        other.put("vault.age", &copy);
        assert_eq!(other.doubts().len(), 1);
        other.put("vault.age", &newer);
    }
}

#[test]
fn a_new_key_leaves_no_doubt() {
    let home = Home::new();
    home.set("a");
    let vault = home.vault();
    let wrapped = home.path("vault.key.age");
    let source = KeySource::passphrase(wrapped.clone(), |_| Some("open".to_owned().into()));
    vault.rekey::<VaultError>(source, || Ok(())).unwrap();
    let known = vault.known();
    assert_eq!((known.doubts.len(), known.checked), (0, true));
    // Who has not been asked for the passphrase is not asked for this.
    let asked = KeySource::passphrase(wrapped, |_| panic!("nobody is to be asked"));
    let other = Vault::open(home.path("vault.age"), asked).counted(home.path("seen.json"));
    let known = other.known();
    assert_eq!(
        (known.vault(), known.checked, known.doubts.len()),
        (2, false, 0)
    );
    let refused = other.remember(json!(1), Ask::Nobody).unwrap_err();
    assert!(matches!(refused, VaultError::NotAtHand(_)), "{refused}");
}

#[test]
fn a_look_while_others_write_suspects_nobody() {
    let home = Home::new();
    home.set("a");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let home = &home;
                scope.spawn(move || {
                    for n in 0..20 {
                        home.set(&format!("{writer}-{n}"));
                    }
                })
            })
            .collect();
        let looks = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                assert_eq!(home.doubts(), []);
                looks += 1;
            }
            looks
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(looks.join().unwrap() > 5);
    });
    assert_eq!(home.vault().known().vault(), 41);
}
