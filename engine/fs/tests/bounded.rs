//! What stands in the place of a file is refused at once; what is read has a bound.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use dayfly_fs::bounded::{self, Links};
use dayfly_fs::private_file::{self, PrivateFileError};
use dayfly_fs::{shared_file, trusted};

const LIMIT: u64 = 1 << 20;

type Reader = (&'static str, fn(&Path) -> Result<bool, PrivateFileError>);

/// Every way in which this crate reads a file; whether one was there.
const READERS: [Reader; 6] = [
    ("read", |p| bounded::read(p, LIMIT).map(|f| f.is_some())),
    ("read_secret", |p| {
        bounded::read_secret(p, LIMIT).map(|f| f.is_some())
    }),
    ("read_text", |p| {
        bounded::read_text(p, LIMIT).map(|f| f.is_some())
    }),
    ("trusted", |p| trusted::read(p, LIMIT).map(|f| f.is_some())),
    ("private", |p| private_file::read(p).map(|f| f.is_some())),
    ("shared", |p| {
        shared_file::peek(p, LIMIT).map(|seen| !seen.bytes().is_empty())
    }),
];

/// Puts each thing that is no file to be read at a path of its own, and says what it is called.
fn obstacles(folder: &Path) -> Vec<(std::path::PathBuf, &'static str)> {
    let at = |name: &str| folder.join(name);
    fs::create_dir(at("folder")).expect("a step of the set-up");
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), fifo, mode, 0).expect("a step of the set-up");
    drop(UnixListener::bind(at("socket")).expect("a step of the set-up"));
    vec![
        (at("folder"), "a folder"),
        (at("pipe"), "a named pipe"),
        (at("socket"), "a socket"),
        (Path::new("/dev/zero").to_owned(), "a device"),
    ]
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for (path, kind) in obstacles(folder.path()) {
        for (name, reader) in READERS {
            let begun = Instant::now();
            let error = reader(&path).unwrap_err().to_string();
            assert!(error.contains(kind), "{name} of {kind}: {error}");
            assert!(error.contains("move it away"), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(2), "{name}: {kind}");
        }
    }
}

#[test]
fn a_link_to_something_endless_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    symlink("/dev/zero", &link).unwrap();
    for (name, reader) in READERS {
        let begun = Instant::now();
        assert!(reader(&link).is_err(), "{name}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{name}");
    }
    let refused = bounded::open(&link, Links::Refuse).unwrap_err();
    assert!(matches!(refused, PrivateFileError::Link(_)), "{refused}");
}

#[test]
fn a_file_of_ten_gigabytes_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big");
    private_file::write(&path, b"").unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(10 << 30).unwrap();
    for (name, reader) in READERS {
        let begun = Instant::now();
        let error = reader(&path).unwrap_err();
        assert!(
            matches!(error, PrivateFileError::TooBig { .. }),
            "{name}: {error}"
        );
        assert!(begun.elapsed() < Duration::from_secs(2), "{name}");
    }
}

#[test]
fn exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, [b'x'; 100]).unwrap();
    assert_eq!(bounded::read(&path, 100).unwrap().unwrap().len(), 100);
    assert!(bounded::read(&path, 99).is_err());
    assert!(
        bounded::read(&folder.path().join("none"), 1)
            .unwrap()
            .is_none()
    );
    fs::write(&path, "").unwrap();
    assert_eq!(bounded::read(&path, 0).unwrap(), Some(Vec::new()));
    // A file that grows after it was looked at is bounded all the same.
    let (mut file, meta) = bounded::open(&path, Links::Refuse).unwrap().unwrap();
    fs::write(&path, [b'x'; 100]).unwrap();
    let error = bounded::read_all(&mut file, &meta, &path, 50).unwrap_err();
    assert!(matches!(error, PrivateFileError::TooBig { limit: 50, .. }));
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"one\ntw\xc3\xb6 \xff").unwrap();
    let error = bounded::read_text(&path, 100).unwrap_err();
    let PrivateFileError::NotText { line, column, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((line, column), (2, 5));
}

#[test]
fn a_lock_does_not_wait_for_a_pipe_that_stands_there() {
    let folder = tempfile::tempdir().unwrap();
    for (path, kind) in obstacles(folder.path()) {
        let error = private_file::lock(&path, Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains(kind), "{error}");
    }
    assert!(File::open(folder.path()).is_ok());
}
