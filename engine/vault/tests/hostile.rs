//! Vaults, keys and passphrases that somebody made to be let in, to cost much, or to have something lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dayfly_vault::{KeySource, SecretString, Vault, VaultError, private_file};

const CANARY: &str = "canary-9f2c-secret";
const LIMIT: Duration = Duration::from_secs(60);

fn secret() -> SecretString {
    CANARY.to_owned().into()
}

fn wrapped(folder: &Path) -> PathBuf {
    folder.join("vault.key.age")
}

fn behind(folder: &Path, passphrase: &str) -> Vault {
    let passphrase = SecretString::from(passphrase.to_owned());
    let source = KeySource::passphrase(wrapped(folder), move |_| Some(passphrase.clone()));
    Vault::open(folder.join("secrets.age"), source)
}

fn filed(folder: &Path) -> Vault {
    Vault::new(folder.join("secrets.age"), folder.join("vault.key"))
}

/// The most memory that this process ever had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).expect("a number")
}

#[test]
fn each_guess_of_a_passphrase_costs_what_the_right_one_costs() {
    let folder = tempfile::tempdir().unwrap();
    behind(folder.path(), "right").set("a", &secret()).unwrap();
    let before = fs::read(wrapped(folder.path())).unwrap();
    let timed = |passphrase: &str| {
        let begun = Instant::now();
        let found = behind(folder.path(), passphrase).get("a");
        (found, begun.elapsed())
    };
    let (found, right) = timed("right");
    assert_eq!(found.unwrap(), Some(secret()));
    for guess in ["wrong", "r"] {
        let (refused, cost) = timed(guess);
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, VaultError::WrongPassphrase(_)),
            "{refused}"
        );
        assert!(
            !refused.to_string().contains(guess) || guess.len() < 3,
            "{refused}"
        );
        // Nothing is compared before the work is done.
        assert!(cost * 4 > right, "{guess}: {cost:?} and {right:?}");
    }
    assert!(
        peak() > 128 << 10,
        "a guess takes no memory: {} KiB",
        peak()
    );
    assert_eq!(fs::read(wrapped(folder.path())).unwrap(), before);
}

#[test]
fn a_key_that_asks_for_endless_work_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    behind(folder.path(), "right").set("a", &secret()).unwrap();
    let good = fs::read(wrapped(folder.path())).unwrap();
    let text = String::from_utf8_lossy(&good).into_owned();
    let line = text.lines().find(|l| l.starts_with("-> scrypt ")).unwrap();
    let line = line.to_owned();
    let at = good
        .windows(line.len())
        .position(|w| w == line.as_bytes())
        .unwrap();
    let body = text.lines().nth(2).unwrap().to_owned();
    let with = |stanzas: &str| {
        let mut bytes = good[..at].to_vec();
        bytes.extend_from_slice(stanzas.as_bytes());
        bytes.extend_from_slice(&good[at + line.len() + 1 + body.len()..]);
        bytes
    };
    let salt = line.split(' ').nth(2).unwrap();
    let mut tries: Vec<(String, Vec<u8>)> = [
        "21",
        "25",
        "40",
        "63",
        "64",
        "65",
        "255",
        "256",
        "4294967296",
        "99999999999999999999",
        "017",
        "+17",
        "-1",
        "0",
        "1e3",
        "x",
        "17 17",
    ]
    .map(|work| {
        (
            work.to_owned(),
            with(&format!("-> scrypt {salt} {work}\n{body}")),
        )
    })
    .to_vec();
    // Work that is allowed, many times over.
    for times in [2, 1_000] {
        let many = vec![format!("{line}\n{body}"); times].join("\n");
        tries.push((format!("{times} times"), with(&many)));
    }
    let unknown = vec![format!("-> X25519 {salt}\n{body}"); 100_000].join("\n");
    tries.push((
        "100,000 others".into(),
        with(&format!("{unknown}\n{line}\n{body}")),
    ));
    let begun = Instant::now();
    for (what, bytes) in tries {
        private_file::write(&wrapped(folder.path()), &bytes).unwrap();
        let refused = behind(folder.path(), "right").get("a").unwrap_err();
        assert!(
            matches!(
                refused,
                VaultError::TooMuchWork(_)
                    | VaultError::DamagedKey(_)
                    | VaultError::WrongPassphrase(_)
            ),
            "{what}: {refused}"
        );
        let refused = behind(folder.path(), "right").set("b", &secret());
        assert!(refused.is_err(), "{what}");
    }
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    // The work of a good key at most, not that of what was asked for.
    assert!(peak() < 400 << 10, "{} KiB", peak());
    private_file::write(&wrapped(folder.path()), &good).unwrap();
    assert_eq!(
        behind(folder.path(), "right").get("a").unwrap(),
        Some(secret())
    );
}

#[test]
fn no_cut_and_no_flipped_bit_gives_or_loses_anything() {
    let folder = tempfile::tempdir().unwrap();
    filed(folder.path()).set("a", &secret()).unwrap();
    let path = folder.path().join("secrets.age");
    let good = fs::read(&path).unwrap();
    let refused = |what: String, bytes: &[u8]| {
        private_file::write(&path, bytes).unwrap();
        let vault = filed(folder.path());
        let read = vault.get("a").map(|found| found.is_some());
        assert!(read.is_err(), "{what}: {read:?}");
        // What is not understood is not written over.
        assert!(vault.set("b", &secret()).is_err(), "{what}");
        assert!(vault.remove("a").is_err(), "{what}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{what}");
    };
    for length in 0..good.len() {
        refused(format!("{length} bytes"), &good[..length]);
    }
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        refused(format!("byte {at}"), &bytes);
    }
    refused("more".into(), &[&good[..], b"x"].concat());
    refused("twice".into(), &[&good[..], &good[..]].concat());
    private_file::write(&path, &good).unwrap();
    assert_eq!(filed(folder.path()).get("a").unwrap(), Some(secret()));
}

#[test]
fn the_vault_or_the_key_of_somebody_else_is_neither_used_nor_written_over() {
    let (mine, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&mine, &theirs] {
        filed(folder.path()).set("a", &secret()).unwrap();
    }
    let read = |folder: &tempfile::TempDir, name: &str| fs::read(folder.path().join(name)).unwrap();
    for name in ["secrets.age", "vault.key"] {
        let own = read(&mine, name);
        let other = read(&theirs, name);
        private_file::write(&mine.path().join(name), &other).unwrap();
        let vault = filed(mine.path());
        for error in [
            vault.get("a").unwrap_err(),
            vault.set("b", &secret()).unwrap_err(),
            vault.remove("a").unwrap_err(),
        ] {
            assert!(
                matches!(error, VaultError::WrongKey { .. }),
                "{name}: {error}"
            );
        }
        assert_eq!(read(&mine, name), other, "{name}");
        private_file::write(&mine.path().join(name), &own).unwrap();
    }
    assert_eq!(filed(mine.path()).get("a").unwrap(), Some(secret()));
}

#[test]
fn a_vault_for_a_hundred_thousand_keys_does_not_hold_anybody_up() {
    let folder = tempfile::tempdir().unwrap();
    filed(folder.path()).set("a", &secret()).unwrap();
    let path = folder.path().join("secrets.age");
    let good = fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&good).into_owned();
    let mut lines = text.lines().skip(1);
    let stanza = format!("{}\n{}\n", lines.next().unwrap(), lines.next().unwrap());
    let head = text.lines().next().unwrap().len() + 1;
    let many = [
        &good[..head],
        stanza.repeat(100_000).as_bytes(),
        &good[head + stanza.len()..],
    ]
    .concat();
    private_file::write(&path, &many).unwrap();
    // For another key, so that each of them is tried.
    fs::remove_file(folder.path().join("vault.key")).unwrap();
    Vault::new(
        folder.path().join("other.age"),
        folder.path().join("vault.key"),
    )
    .set("a", &secret())
    .unwrap();
    let begun = Instant::now();
    assert!(filed(folder.path()).get("a").is_err());
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
}
