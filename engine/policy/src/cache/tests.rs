use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

const ENGINE: [u8; 32] = [7; 32];

fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

fn opened() -> (tempfile::TempDir, CodeCache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(&dir.path().join("code")).unwrap();
    (dir, cache)
}

#[test]
fn what_was_kept_comes_back_also_to_the_next_process() {
    let (dir, cache) = opened();
    assert_eq!(cache.get(&digest(1), &ENGINE), None);
    cache.put(&digest(1), &ENGINE, b"code").unwrap();
    assert_eq!(cache.get(&digest(1), &ENGINE).unwrap(), b"code");
    let again = CodeCache::open(&dir.path().join("code")).unwrap();
    assert_eq!(again.get(&digest(1), &ENGINE).unwrap(), b"code");
    again.put(&digest(1), &ENGINE, b"newer").unwrap();
    assert_eq!(cache.get(&digest(1), &ENGINE).unwrap(), b"newer");
}

#[test]
fn folder_key_and_files_are_private() {
    let (dir, cache) = opened();
    cache.put(&digest(1), &ENGINE, b"code").unwrap();
    let folder = dir.path().join("code");
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let (_dir, cache) = opened();
    cache.put(&digest(1), &ENGINE, b"code").unwrap();
    let path = cache.file(&digest(1), &ENGINE);
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&path, &bad).unwrap();
        assert_eq!(cache.get(&digest(1), &ENGINE), None, "flip at {at}");
        fs::write(&path, &good[..at]).unwrap();
        assert_eq!(cache.get(&digest(1), &ENGINE), None, "cut at {at}");
    }
    fs::write(&path, &good).unwrap();
    assert!(cache.get(&digest(1), &ENGINE).is_some());
}

#[test]
fn code_of_another_component_engine_or_key_is_not_taken() {
    let (_dir, cache) = opened();
    cache.put(&digest(1), &ENGINE, b"code").unwrap();
    let kept = cache.file(&digest(1), &ENGINE);
    fs::copy(&kept, cache.file(&digest(2), &ENGINE)).unwrap();
    assert_eq!(cache.get(&digest(2), &ENGINE), None);
    // The same file name by the first bytes of the digest, but another engine.
    let mut other = ENGINE;
    other[31] ^= 1;
    assert_eq!(cache.get(&digest(1), &other), None);
    let (_other_dir, stranger) = opened();
    fs::copy(&kept, stranger.file(&digest(1), &ENGINE)).unwrap();
    assert_eq!(stranger.get(&digest(1), &ENGINE), None);
}

#[test]
fn links_pipes_and_files_that_others_can_write_are_not_followed() {
    let (dir, cache) = opened();
    cache.put(&digest(1), &ENGINE, b"code").unwrap();
    let path = cache.file(&digest(1), &ENGINE);
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert_eq!(cache.get(&digest(1), &ENGINE), None);
    // Writing replaces the link, not what it points to.
    cache.put(&digest(1), &ENGINE, b"new").unwrap();
    assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(fs::read(&elsewhere).unwrap().ends_with(b"code"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
    assert_eq!(cache.get(&digest(1), &ENGINE), None);
    fs::remove_file(&path).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(cache.get(&digest(1), &ENGINE), None);
}

#[test]
fn a_folder_that_others_can_enter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    for mode in [0o777, 0o750, 0o701] {
        fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
        let refused = CodeCache::open(&open).unwrap_err();
        assert!(matches!(refused, CacheError::NotPrivate { .. }), "{mode:o}");
    }
    fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).unwrap();
    CodeCache::open(&open).unwrap();
    let link = dir.path().join("link");
    symlink(&open, &link).unwrap();
    assert!(CodeCache::open(&link).is_err());
    File::create(dir.path().join("file")).unwrap();
    assert!(CodeCache::open(&dir.path().join("file")).is_err());
}

#[test]
fn a_broken_key_is_replaced_and_what_it_signed_is_not_taken() {
    let (dir, cache) = opened();
    cache.put(&digest(1), &ENGINE, b"code").unwrap();
    let folder = dir.path().join("code");
    fs::write(folder.join(KEY_FILE), b"short").unwrap();
    let again = CodeCache::open(&folder).unwrap();
    assert_eq!(again.get(&digest(1), &ENGINE), None);
    again.put(&digest(1), &ENGINE, b"code").unwrap();
    let third = CodeCache::open(&folder).unwrap();
    assert_eq!(third.get(&digest(1), &ENGINE).unwrap(), b"code");
}

#[test]
fn many_who_open_at_once_agree_on_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("code");
    let keys: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| CodeCache::open(&path).unwrap().0.key))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_ne!(keys[0], [0; KEY]);
}

#[test]
fn the_oldest_files_go_first() {
    let at = |second, bytes, name: &str| {
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        (written, bytes, PathBuf::from(name))
    };
    let files = vec![at(3, 40, "c"), at(1, 40, "a"), at(2, 40, "b")];
    assert_eq!(surplus(files.clone(), 120), Vec::<PathBuf>::new());
    assert_eq!(surplus(files.clone(), 119), [PathBuf::from("a")]);
    assert_eq!(surplus(files, 50), [PathBuf::from("a"), PathBuf::from("b")]);
}
