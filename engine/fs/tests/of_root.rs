//! A file of root may be read by everybody that it is for, but is written by root alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dayfly_fs::shared_file::{self, SharedFile};

const HOME: &str = "DAYFLY_TEST_HOME_OF_ANOTHER_USER";
const TEXT: &[u8] = b"[default]\nregion = eu-west-1\n";
const USER: u32 = 12_345;

/// Only root can make files of root and be another user.
#[test]
fn a_link_into_a_store_of_root_is_read_and_not_written() {
    if let Some(home) = std::env::var_os(HOME) {
        return as_that_user(Path::new(&home));
    }
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(folder.path(), 0o755);
    let (store, home) = (folder.path().join("store"), folder.path().join("home"));
    for made in [&store, &home] {
        fs::create_dir(made).unwrap();
        mode(made, 0o755);
    }
    let real = store.join("aws-config");
    fs::write(&real, TEXT).unwrap();
    mode(&real, 0o444);
    for name in ["own-link", "root-link", "third-link"] {
        symlink(&real, home.join(name)).unwrap();
    }
    lchown(home.join("own-link"), Some(USER), None).unwrap();
    lchown(home.join("third-link"), Some(USER + 1), None).unwrap();
    fs::copy(&real, home.join("file")).unwrap();
    fs::copy(&real, home.join("third-file")).unwrap();
    chown(home.join("third-file"), Some(USER + 1), None).unwrap();
    chown(&home, Some(USER), None).unwrap();
    let test = std::thread::current().name().unwrap().to_owned();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test])
        .env(HOME, &home)
        .current_dir("/")
        .uid(USER)
        .gid(USER)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    assert_eq!(fs::read(&real).unwrap(), TEXT);
}

fn as_that_user(home: &Path) {
    for name in ["own-link", "root-link", "file"] {
        let path = home.join(name);
        assert_eq!(
            shared_file::peek(&path, 100)
                .expect("it may be read")
                .bytes(),
            TEXT
        );
        let locked = SharedFile::lock(&path, Duration::from_secs(1));
        let error = locked.and_then(|file| file.read(100)).expect_err("refused");
        for error in [error, shared_file::writable(&path).expect_err("refused")] {
            let error = error.to_string();
            assert!(error.contains("belongs to root"), "{name}: {error}");
            assert!(error.contains("`delivery`"), "{name}: {error}");
            assert!(!error.contains("chown"), "{name}: {error}");
        }
    }
    for name in ["third-link", "third-file"] {
        let error = shared_file::peek(&home.join(name), 100).expect_err("refused");
        assert!(error.to_string().contains("another user"), "{error}");
    }
}
