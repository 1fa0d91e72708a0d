//! The credentials file on a real disk.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dayfly_chain::{ChainError, Change, CredentialsFile, Target};
use dayfly_core::session::ErrorKind;

mod support;
use support::{credentials, publish, retract};

struct Home {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".aws/credentials");
        Self { folder, path }
    }

    fn with(text: &str, mode: u32) -> Self {
        let home = Self::new();
        let mut builder = fs::DirBuilder::new();
        builder
            .mode(0o700)
            .create(home.path.parent().unwrap())
            .unwrap();
        fs::write(&home.path, text).unwrap();
        fs::set_permissions(&home.path, fs::Permissions::from_mode(mode)).unwrap();
        home
    }

    fn target(&self) -> CredentialsFile {
        CredentialsFile::new(self.path.clone())
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    /// What stands in the folder beside the file.
    fn beside(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path.parent().unwrap()).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|n| n != "credentials").collect();
        names.sort();
        names
    }
}

/// Ends the threads beside, also where an assertion fails.
struct Finish<'a>(&'a AtomicBool);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn apply(home: &Home, change: Change) {
    home.target().apply(&[change]).remove(0).unwrap();
}

fn refusal(home: &Home, change: Change) -> ChainError {
    home.target().apply(&[change]).remove(0).unwrap_err()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn folder_and_file_are_made_for_the_owner_alone() {
    let home = Home::new();
    assert!(home.target().observe().unwrap().is_empty());
    apply(&home, retract("s1"));
    assert!(!home.path.parent().unwrap().exists());
    apply(&home, publish("s1", "default", 1));
    assert_eq!(mode(home.path.parent().unwrap()), 0o700);
    assert_eq!(mode(&home.path), 0o600);
    assert_eq!(home.beside(), [""; 0]);
    let seen = home.target().observe().unwrap();
    assert_eq!((seen.len(), seen[0].session.as_str()), (1, "s1"));
    assert_eq!(seen[0].credentials, Some(credentials(1)));
    apply(&home, retract("s1"));
    assert_eq!(home.text(), "");
}

#[test]
fn nothing_is_written_where_nothing_changes_but_a_loose_mode_is_tightened() {
    let home = Home::with("[a]\nk = v\n", 0o644);
    apply(&home, retract("s1"));
    assert_eq!(mode(&home.path), 0o644, "nothing of ours is in it");
    apply(&home, publish("s1", "default", 1));
    assert_eq!(mode(&home.path), 0o600);
    chmod(&home.path, 0o644);
    let before = fs::metadata(&home.path).unwrap();
    apply(&home, publish("s1", "default", 1));
    let after = fs::metadata(&home.path).unwrap();
    assert_eq!(
        (before.ino(), before.mtime_nsec()),
        (after.ino(), after.mtime_nsec())
    );
    assert_eq!(mode(&home.path), 0o600);
    apply(&home, publish("s1", "default", 2));
    assert_ne!(before.ino(), fs::metadata(&home.path).unwrap().ino());
}

#[test]
fn a_refused_change_does_not_keep_the_others_from_being_made() {
    let home = Home::with("[own]\naws_access_key_id = AKIA\n", 0o600);
    let changes = [
        publish("s1", "one", 1),
        publish("s2", "own", 2),
        publish("s3", "three", 3),
    ];
    let results = home.target().apply(&changes);
    assert!(results[0].is_ok() && results[2].is_ok());
    let error = results[1].as_ref().unwrap_err();
    assert!(
        matches!(error, ChainError::ForeignProfile { line: 2, .. }),
        "{error}"
    );
    let failure = error.to_failure();
    assert_eq!(failure.kind, ErrorKind::Delivery);
    assert!(failure.message.contains(home.path.to_str().unwrap()));
    assert!(failure.message.contains("\"own\""));
    assert!(failure.hint.unwrap().contains("another named profile"));
    assert_eq!(home.target().observe().unwrap().len(), 2);
}

#[test]
fn a_link_is_followed_where_nobody_else_can_change_what_it_leads_to() {
    let home = Home::new();
    let dotfiles = home.folder.path().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    chmod(&dotfiles, 0o755);
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    let real = dotfiles.join("aws-credentials");
    symlink("../dotfiles/aws-credentials", &home.path).unwrap();
    let error = refusal(&home, publish("s1", "default", 1)).to_string();
    assert!(error.contains("points to a missing file"), "{error}");
    fs::write(&real, "[a]\n").unwrap();
    apply(&home, publish("s1", "default", 1));
    assert!(fs::symlink_metadata(&home.path).unwrap().is_symlink());
    assert!(
        fs::read_to_string(&real)
            .unwrap()
            .starts_with("[a]\n\n[default]\n")
    );
    assert_eq!(home.target().observe().unwrap().len(), 1);
    chmod(&dotfiles, 0o757);
    let error = refusal(&home, publish("s1", "default", 2)).to_string();
    assert!(
        error.contains("chmod go-w") && error.contains("dotfiles"),
        "{error}"
    );
    chmod(&dotfiles, 0o755);
    apply(&home, retract("s1"));
    assert_eq!(fs::read_to_string(&real).unwrap(), "[a]\n");
}

#[test]
fn what_is_no_writable_file_of_ours_is_refused() {
    let home = Home::with("[a]\n", 0o400);
    let error = refusal(&home, publish("s1", "default", 1)).to_string();
    assert!(error.contains("chmod u+w"), "{error}");
    fs::remove_file(&home.path).unwrap();
    // A pipe must not keep us waiting for a writer.
    rustix::fs::mkfifoat(rustix::fs::CWD, &home.path, rustix::fs::Mode::RWXU).unwrap();
    let error = refusal(&home, publish("s1", "default", 1)).to_string();
    assert!(error.contains("not a regular file"), "{error}");
    assert!(home.target().observe().is_err());
    fs::remove_file(&home.path).unwrap();
    if rustix::process::geteuid().is_root() {
        fs::write(&home.path, "[a]\n").unwrap();
        std::os::unix::fs::chown(&home.path, Some(65534), None).unwrap();
        let error = refusal(&home, publish("s1", "default", 1)).to_string();
        assert!(error.contains("another user"), "{error}");
        assert_eq!(home.text(), "[a]\n");
    }
}

#[test]
fn a_lock_that_is_kept_ends_in_an_error_in_time() {
    let home = Home::with("", 0o600);
    let kept = fs::File::open(&home.path).unwrap();
    kept.lock().unwrap();
    let begun = Instant::now();
    let error = refusal(&home, publish("s1", "default", 1)).to_string();
    assert!(error.contains("another process has locked"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn what_a_killed_process_left_is_removed_and_nothing_else() {
    let home = Home::with("[a]\n", 0o600);
    let beside = |name: &str| home.path.with_file_name(name);
    // What earlier versions left beside any file, and this one beside any it replaces.
    for ours in [
        "credentials.dayfly-new",
        ".credentials.dayfly-17-0",
        ".token.json.dayfly-4711-3",
    ] {
        fs::write(beside(ours), "[half").unwrap();
    }
    for ours in ["credentials.dayfly-lock", "token.json.dayfly-lock"] {
        fs::write(beside(ours), "").unwrap();
    }
    let theirs = [
        "my.dayfly-lock",
        "x.dayfly-17-0",
        ".credentials.dayfly-notes",
        ".credentials.dayfly-17-0-x",
    ];
    for theirs in theirs {
        fs::write(beside(theirs), "mine").unwrap();
    }
    // One that somebody is writing at this moment.
    let busy = beside(".credentials.dayfly-18-0");
    fs::write(&busy, "[half").unwrap();
    let busy = fs::File::open(&busy).unwrap();
    busy.lock().unwrap();
    apply(&home, publish("s1", "default", 1));
    let mut left = home.beside();
    left.sort();
    let mut expected = theirs.to_vec();
    expected.push(".credentials.dayfly-18-0");
    expected.sort_unstable();
    assert_eq!(left, expected);
    assert!(!home.text().contains("half"));
    drop(busy);
    apply(&home, publish("s1", "default", 2));
    assert_eq!(home.beside().len(), theirs.len());
}

#[test]
fn readers_never_see_an_absent_or_partial_section() {
    let home = Home::with("[a]\nk = v\n", 0o600);
    apply(&home, publish("s1", "prod", 0));
    let done = AtomicBool::new(false);
    let polls = AtomicU64::new(0);
    let newest = AtomicU64::new(0);
    thread::scope(|scope| {
        let finish = Finish(&done);
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    // As a client does: by path, whole, by its own means.
                    let text = fs::read_to_string(&home.path).unwrap();
                    let value = |key: &str| {
                        let mut lines = text.lines().filter_map(|l| l.split_once(" = "));
                        lines.find(|(k, _)| *k == key).map(|(_, v)| v.to_owned())
                    };
                    let id = value("aws_access_key_id").expect("a complete section");
                    let n: u64 = id.strip_prefix("ASIA").unwrap().parse().unwrap();
                    assert_eq!(value("aws_secret_access_key"), Some(format!("secret{n}")));
                    assert_eq!(value("aws_session_token"), Some(format!("token{n}")));
                    assert!(text.starts_with("[a]\nk = v\n\n[prod]\n") && text.ends_with('\n'));
                    assert!(n >= last, "an old section came back");
                    last = n;
                    newest.fetch_max(n, Ordering::Relaxed);
                    polls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for n in 1..=500 {
            apply(&home, publish("s1", "prod", n));
        }
        // Let the readers see the last one too.
        let deadline = Instant::now() + Duration::from_secs(5);
        while newest.load(Ordering::Relaxed) < 500 && Instant::now() < deadline {
            thread::yield_now();
        }
        drop(finish);
    });
    assert_eq!(newest.into_inner(), 500);
    assert!(polls.into_inner() > 500);
}

#[test]
fn writers_at_once_lose_nothing() {
    let home = Home::with("", 0o600);
    thread::scope(|scope| {
        for writer in 0..4 {
            let target = home.target();
            scope.spawn(move || {
                for n in 0..25 {
                    let name = format!("w{writer}-{n}");
                    target.apply(&[publish(&name, &name, n)]).remove(0).unwrap();
                }
            });
        }
    });
    assert_eq!(home.target().observe().unwrap().len(), 100);
}

/// A program that knows nothing of our lock, and saves as editors do: by renaming.
#[test]
fn an_edit_between_reading_and_replacing_is_not_lost() {
    let home = Home::with("", 0o600);
    let own = home.path.with_file_name("edited");
    let edits = 300;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let finish = Finish(&done);
        let ours = scope.spawn(|| {
            let mut n = 0;
            let mut kept_out = 0;
            while !done.load(Ordering::Relaxed) {
                n += 1;
                match home.target().apply(&[publish("s1", "prod", n)]).remove(0) {
                    Ok(()) => {}
                    Err(ChainError::Busy(_)) => kept_out += 1,
                    Err(e) => panic!("{e}"),
                }
            }
            (n, kept_out)
        });
        let mut lost = 0;
        for n in 0..edits {
            let line = format!("# edit {n}\n");
            // The editor itself overwrites what we write between its reading and its renaming;
            // what is counted is whether we overwrite what it has saved.
            let text = home.text();
            fs::write(&own, line.clone() + &text).unwrap();
            chmod(&own, 0o600);
            fs::rename(&own, &home.path).unwrap();
            // Sleeps since the engine may put its own text over the edit only now.
            thread::sleep(Duration::from_millis(2));
            // A file that was put back is away for a moment; one that is lost, for ever.
            let there = || home.text().contains(&line);
            let mut looks = (0..20).map(|_| {
                there() || {
                    // Sleeps between two looks, twenty times.
                    thread::sleep(Duration::from_millis(5));
                    there()
                }
            });
            lost += u32::from(!looks.any(|there| there));
        }
        drop(finish);
        let (rounds, kept_out) = ours.join().unwrap();
        // A slow disk makes few of them.
        assert!(rounds > 5 && kept_out < rounds / 2, "{rounds} {kept_out}");
        assert_eq!(lost, 0, "of {edits} edits");
    });
}

#[test]
fn a_thousand_publications_are_one_rewrite() {
    let home = Home::with("[a]\nk = v\n", 0o600);
    let changes: Vec<_> = (0..1000)
        .map(|n| publish(&format!("s{n}"), &format!("p{n}"), n))
        .collect();
    let folder = fs::metadata(home.path.parent().unwrap()).unwrap().ino();
    let begun = Instant::now();
    assert!(home.target().apply(&changes).iter().all(Result::is_ok));
    let took = begun.elapsed();
    println!("1,000 publications in one rewrite took {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(home.target().observe().unwrap().len(), 1000);
    assert_eq!(
        folder,
        fs::metadata(home.path.parent().unwrap()).unwrap().ino()
    );
    let back: Vec<_> = (0..1000).map(|n| retract(&format!("s{n}"))).collect();
    assert!(home.target().apply(&back).iter().all(Result::is_ok));
    assert_eq!(home.text(), "[a]\nk = v\n");
}
