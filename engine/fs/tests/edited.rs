//! A text is changed on what was read, or not at all; links, modes and owners stay.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use dayfly_fs::edited::Edited;

#[test]
fn an_edit_that_somebody_made_meanwhile_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dayfly.toml");
    let (mut none, mut other) = (
        Edited::open(&path, 100).unwrap(),
        Edited::open(&path, 100).unwrap(),
    );
    assert_eq!(none.bytes(), None);
    assert!(none.replace(b"before").unwrap());
    assert!(none.replace(b"first").unwrap(), "an edit of what it wrote");
    assert!(!other.replace(b"again").unwrap(), "there is one now");
    let mut read = Edited::open(&path, 100).unwrap();
    assert_eq!(read.bytes(), Some(&b"first"[..]));
    fs::write(&path, "by hand").unwrap();
    assert!(!read.replace(b"ours").unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"by hand");
    let mut read = Edited::open(&path, 100).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(!read.replace(b"ours").unwrap());
    assert!(!path.exists());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_link_and_the_mode_of_what_it_leads_to_stay() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("dotfiles.toml");
    fs::write(&real, "first").unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o644)).unwrap();
    let link = folder.path().join("dayfly.toml");
    symlink("dotfiles.toml", &link).unwrap();
    assert!(
        Edited::open(&link, 100)
            .unwrap()
            .replace(b"second")
            .unwrap()
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"second");
    let mode = fs::metadata(&real).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}
