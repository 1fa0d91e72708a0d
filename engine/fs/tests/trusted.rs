//! A file that somebody else could have written is refused, with what to do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use dayfly_fs::private_file::PrivateFileError;
use dayfly_fs::trusted;
use tempfile::TempDir;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a step of the set-up");
}

/// A folder with a file in it that is right.
fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a step of the set-up");
    let path = folder.path().join("home/dayfly.toml");
    fs::create_dir(folder.path().join("home")).expect("a step of the set-up");
    mode(&folder.path().join("home"), 0o755);
    fs::write(&path, "text").expect("a step of the set-up");
    mode(&path, 0o644);
    (folder, path)
}

fn refused(path: &Path) -> String {
    let opened = trusted::read(path, 100);
    let inspected = trusted::inspect(path).expect_err("refused").to_string();
    let error = opened.expect_err("refused").to_string();
    assert_eq!(error, inspected);
    error
}

#[test]
fn a_file_that_only_its_owner_writes_is_read_whoever_reads_it() {
    let (_folder, path) = file();
    for right in [0o600, 0o644, 0o444, 0o755] {
        mode(&path, right);
        assert_eq!(trusted::read(&path, 100).unwrap().unwrap(), b"text");
        assert_eq!(
            trusted::inspect(&path).unwrap(),
            Some(fs::canonicalize(&path).unwrap())
        );
    }
    let none = path.with_file_name("none");
    assert!(trusted::read(&none, 100).unwrap().is_none());
    assert!(trusted::inspect(&none).unwrap().is_none());
    assert!(trusted::read(&none.join("deeper"), 1).unwrap().is_none());
}

#[test]
fn a_file_or_folder_that_everybody_writes_is_refused_with_the_command_that_mends_it() {
    let (folder, path) = file();
    mode(&path, 0o666);
    let error = refused(&path);
    assert!(error.contains("mode 666"), "{error}");
    assert!(
        error.ends_with(&format!("chmod go-w {}", path.display())),
        "{error}"
    );
    mode(&path, 0o644);
    for above in [folder.path().join("home"), folder.path().to_owned()] {
        mode(&above, 0o777);
        let error = refused(&path);
        assert!(
            error.ends_with(&format!("chmod go-w {}", above.display())),
            "{error}"
        );
        // As in /tmp, nobody else replaces a file of ours there.
        mode(&above, 0o1777);
        assert!(trusted::read(&path, 100).unwrap().is_some());
        mode(&above, 0o755);
    }
}

#[test]
fn a_link_is_followed_and_all_that_it_leads_through_is_judged() {
    let (folder, path) = file();
    let other = folder.path().join("dotfiles");
    fs::create_dir(&other).unwrap();
    let target = other.join("real.toml");
    fs::rename(&path, &target).unwrap();
    let middle = folder.path().join("middle");
    symlink("dotfiles", &middle).unwrap();
    symlink("../middle/real.toml", &path).unwrap();
    assert_eq!(trusted::read(&path, 100).unwrap().unwrap(), b"text");
    mode(&other, 0o777);
    assert!(refused(&path).contains("dotfiles"));
    mode(&other, 0o755);
    mode(&target, 0o646);
    assert!(refused(&path).contains("real.toml"));
    mode(&target, 0o644);
    fs::remove_file(&middle).unwrap();
    // A link to nothing is not nothing: somebody meant a file to be there.
    assert!(refused(&path).contains("points to a missing file"));
    symlink("middle", &middle).unwrap();
    assert!(refused(&path).contains("follow"));
    // But a file that is missing in a folder that a link leads to is just missing.
    symlink("dotfiles", folder.path().join("through")).unwrap();
    let none = folder.path().join("through/deep/none");
    assert!(trusted::read(&none, 100).unwrap().is_none());
}

/// Only root can give a file away, so the others' part of this is not tried by others.
#[test]
fn what_belongs_to_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (folder, path) = file();
    chown(&path, Some(12_345), None).unwrap();
    let error = refused(&path);
    assert!(error.contains("belongs to user 12345"), "{error}");
    assert!(error.contains("chown"), "{error}");
    chown(&path, Some(0), None).unwrap();
    let home = folder.path().join("home");
    chown(&home, Some(12_345), None).unwrap();
    assert!(refused(&path).contains("/home belongs"));
    chown(&home, Some(0), None).unwrap();
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    lchown(&link, Some(12_345), None).unwrap();
    assert!(refused(&link).contains("/link belongs"));
}

#[test]
fn a_group_that_others_are_in_is_others() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (_folder, path) = file();
    mode(&path, 0o664);
    assert!(
        trusted::read(&path, 100).unwrap().is_some(),
        "root's own group"
    );
    chown(&path, None, Some(12_345)).unwrap();
    let error = trusted::read(&path, 100).unwrap_err();
    assert!(matches!(error, PrivateFileError::Writable { who: "g", .. }));
}

#[test]
fn a_folder_is_judged_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    mode(&root, 0o755);
    let deep = root.join("src/deep");
    fs::create_dir_all(&deep).unwrap();
    let (file, elsewhere) = (deep.join("build.rs"), tempfile::tempdir().unwrap());
    fs::write(&file, "").unwrap();
    // What editors leave leads nowhere and runs nothing.
    symlink("somebody@host.17", root.join(".#lock")).unwrap();
    trusted::inspect_tree(&root, 10).unwrap();
    trusted::inspect_tree(&root.join("none"), 10).unwrap();
    for path in [&file, &deep, &root] {
        let right = fs::metadata(path).unwrap().permissions();
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        let error = trusted::inspect_tree(&root, 10).unwrap_err().to_string();
        let told = format!("chmod go-w {}", path.display());
        assert!(error.contains(&told), "{error}");
        fs::set_permissions(path, right).unwrap();
    }
    let outside = elsewhere.path().join("tool");
    fs::write(&outside, "").unwrap();
    symlink(&outside, deep.join("tool")).unwrap();
    trusted::inspect_tree(&root, 10).unwrap();
    fs::set_permissions(&outside, Permissions::from_mode(0o666)).unwrap();
    let error = trusted::inspect_tree(&root, 10).unwrap_err().to_string();
    assert!(error.contains("tool"), "{error}");
    fs::remove_file(deep.join("tool")).unwrap();
    let error = trusted::inspect_tree(&root, 2).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("more than 2 files"), "{cause}");
}
