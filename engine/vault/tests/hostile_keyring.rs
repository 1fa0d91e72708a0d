//! A Secret Service that is none, on a bus of its own: silent, confused, lying, endless.

#![cfg(all(unix, not(target_os = "macos")))]
#![allow(clippy::print_stdout, reason = "a test says what it did not do")]

#[path = "support/secret_service.rs"]
#[allow(dead_code, reason = "a part of it is for other tests")]
mod secret_service;
mod support;

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use dayfly_vault::{KeySource, KeyringItem, SecretString, Vault};
use secret_service::Session;
use support::inside;
use zbus::blocking::{Connection, MessageIterator, connection};
use zbus::message::{Header, Type};
use zbus::zvariant::{ObjectPath, OwnedObjectPath, Value};

const CANARY: &str = "canary-9f2c-secret";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Takes every request, and answers none.
    Silence,
    /// Answers each with something of another kind.
    Confusion,
    /// Refuses each in a megabyte of words that steer a terminal.
    Words,
    /// Finds 100,000 items.
    Flood,
    /// Finds one, whose content is nothing that was ever encrypted.
    Garbage,
    /// Finds one, whose content is ten megabytes.
    Huge,
}

fn path(text: &str) -> OwnedObjectPath {
    ObjectPath::try_from(text.to_owned())
        .expect("a path")
        .into()
}

fn answer(bus: &Connection, header: &Header<'_>, lie: Lie) -> zbus::Result<()> {
    let member = header.member().map(|m| m.to_string()).unwrap_or_default();
    match (lie, member.as_str()) {
        (Lie::Silence, _) => Ok(()),
        (Lie::Confusion, _) => bus.reply(header, &("nonsense", 7_u32, vec![1.5_f64])),
        (Lie::Words, _) => {
            let words = "\u{1b}[2J\u{202e}refused ".repeat(64 << 10);
            bus.reply_error(header, "org.example.Refused", &words)
        }
        (_, "OpenSession") => bus.reply(
            header,
            &(
                Value::from(vec![2_u8; 128]),
                path("/org/freedesktop/secrets/session/s1"),
            ),
        ),
        (Lie::Flood, "SearchItems") => {
            let items: Vec<_> = (0..100_000)
                .map(|n| path(&format!("/org/freedesktop/secrets/collection/a/i{n}")))
                .collect();
            bus.reply(header, &(items, Vec::<OwnedObjectPath>::new()))
        }
        (_, "SearchItems") => {
            let items = vec![path("/org/freedesktop/secrets/collection/a/i1")];
            bus.reply(header, &(items, Vec::<OwnedObjectPath>::new()))
        }
        (_, "ReadAlias") => bus.reply(header, &path("/org/freedesktop/secrets/collection/a")),
        (_, "Get") => bus.reply(header, &Value::from(false)),
        (_, "GetAll") => bus.reply(header, &HashMap::from([("Locked", Value::from(false))])),
        (_, "GetSecret") => {
            let length = if lie == Lie::Huge { 10 << 20 } else { 48 };
            let session = path("/org/freedesktop/secrets/session/s1");
            bus.reply(
                header,
                &((session, vec![3_u8; 16], vec![7_u8; length], "text/plain"),),
            )
        }
        _ => bus.reply_error(header, "org.freedesktop.DBus.Error.UnknownMethod", &"no"),
    }
}

/// Takes the name of the keyring on the bus of this process.
fn lie(lie: Lie) {
    let (ready, begun) = mpsc::channel();
    std::thread::spawn(move || {
        let bus = connection::Builder::session()
            .and_then(|builder| builder.name("org.freedesktop.secrets"))
            .and_then(connection::Builder::build)
            .expect("the name is free");
        let requests = MessageIterator::from(&bus);
        ready.send(()).expect("it is waited for");
        for message in requests.map_while(Result::ok) {
            let header = message.header();
            if header.message_type() == Type::MethodCall
                && header
                    .interface()
                    .is_none_or(|i| i.as_str() != "org.freedesktop.DBus.Peer")
            {
                let _ = answer(&bus, &header, lie);
            }
        }
    });
    begun.recv().expect("it listens");
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).expect("a number")
}

fn tried(test: &str, lies: Lie) {
    if !inside() {
        let Some(session) = Session::without_keyring() else {
            return;
        };
        return session.run(test);
    }
    lie(lies);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secrets.age");
    let secret = SecretString::from(CANARY.to_owned());
    let item = || KeyringItem::for_vault(&path);
    let begun = Instant::now();
    let kept = Vault::open(path.clone(), KeySource::Keyring(item()));
    let error = kept.set("a", &secret).expect_err("there is no keyring");
    let text = error.to_string();
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}: {text}",
        begun.elapsed()
    );
    assert!(text.len() < 2_000, "{} bytes", text.len());
    assert!(!text.contains(CANARY));
    assert!(resident() < 512 << 10, "{} KiB", resident());
    // No vault is made for a key that nobody keeps, and none that is there is lost.
    assert!(!path.exists());
    let file = folder.path().join("vault.key");
    let filed = Vault::new(path.clone(), file.clone());
    filed
        .set("a", &secret)
        .expect("a key file needs no keyring");
    let before = std::fs::read(&path).expect("it is there");
    for refused in [
        kept.set("b", &secret).expect_err("it has another key"),
        kept.get("a").expect_err("it has another key"),
    ] {
        assert!(refused.to_string().len() < 2_000);
    }
    assert_eq!(std::fs::read(&path).expect("it is there"), before);
    // Where nobody said which, a key file that is there is the key, whatever a keyring says.
    let either = Vault::open(
        path.clone(),
        KeySource::KeyringOrFile { item: item(), file },
    );
    let found = either.get("a").expect("the file is there");
    assert_eq!(found, Some(secret));
}

#[test]
fn one_that_never_answers() {
    tried("one_that_never_answers", Lie::Silence);
}

#[test]
fn one_that_answers_something_else() {
    tried("one_that_answers_something_else", Lie::Confusion);
}

#[test]
fn one_that_steers_terminals() {
    tried("one_that_steers_terminals", Lie::Words);
}

#[test]
fn one_that_finds_too_much() {
    tried("one_that_finds_too_much", Lie::Flood);
}

#[test]
fn one_whose_key_is_garbage() {
    tried("one_whose_key_is_garbage", Lie::Garbage);
}

#[test]
fn one_whose_key_is_huge() {
    tried("one_whose_key_is_huge", Lie::Huge);
}
