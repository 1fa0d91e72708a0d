//! Real files: loading with care, writing without losing anybody's change.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dayfly_core::input::{PersistedStatus, WorkspaceChange};
use dayfly_core::session::{SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_workspace::splice::{self, List};
use dayfly_workspace::{EditError, Loaded, Workspace, WorkspaceFile, WriteError};
use serde_json::{Map, Value, json};

const TWO: &str = r#"{
  "sessions": [
    { "sessionId": "a", "sessionName": "A", "status": "inactive", "type": "localstack" },
    { "sessionId": "b", "sessionName": "B", "status": "inactive", "type": "localstack" }
  ]
}
"#;

struct Home {
    folder: tempfile::TempDir,
    file: WorkspaceFile,
}

impl Home {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("workspace.json");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let file = WorkspaceFile::at(&path);
        Self { folder, file }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("workspace.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn change(&self) -> WorkspaceChange {
        match self.file.load().unwrap() {
            Loaded::Changed { difference, .. } => difference,
            Loaded::Unchanged => panic!("unchanged"),
        }
    }

    fn is_unchanged(&self) -> bool {
        matches!(self.file.load().unwrap(), Loaded::Unchanged)
    }

    /// Everything beside the Workspace.
    fn litter(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "workspace.json")
            .collect()
    }
}

fn state(id: &str, status: Status) -> BTreeMap<SessionId, PersistedStatus> {
    let start = (status == Status::Active).then(|| Timestamp::from_millis(1_772_357_400_000));
    let projection = PersistedStatus {
        status,
        start,
        expiration: None,
    };
    BTreeMap::from([(SessionId::new(id), projection)])
}

fn status(workspace: &Workspace, id: &str) -> Status {
    workspace
        .get(&SessionId::new(id))
        .unwrap()
        .projection
        .status
}

#[test]
fn own_writes_are_known_and_edits_of_others_are_told() {
    let home = Home::new(TWO);
    assert_eq!(home.change().upserts.len(), 2);
    assert!(home.is_unchanged());
    assert!(
        home.file
            .project(&state("a", Status::Active))
            .unwrap()
            .wrote
    );
    assert!(home.is_unchanged());
    assert_eq!(status(&home.file.current().unwrap(), "a"), Status::Active);
    // Saying the same again writes nothing.
    let before = fs::metadata(home.path()).unwrap();
    assert!(
        !home
            .file
            .project(&state("a", Status::Active))
            .unwrap()
            .wrote
    );
    let after = fs::metadata(home.path()).unwrap();
    assert_eq!(
        (before.ino(), before.mtime_nsec()),
        (after.ino(), after.mtime_nsec())
    );
    // An edit of another session is told alone.
    fs::write(home.path(), home.text().replace("\"B\"", "\"B2\"")).unwrap();
    let change = home.change();
    assert_eq!(change.upserts.len(), 1);
    assert_eq!(change.upserts[0].session.name, "B2");
    assert_eq!(home.litter(), [""; 0]);
}

#[test]
fn an_edit_that_was_not_loaded_survives_a_write_and_is_told() {
    let home = Home::new(TWO);
    home.change();
    fs::write(home.path(), TWO.replace("\"B\"", "\"B2\"")).unwrap();
    assert!(
        home.file
            .project(&state("a", Status::Active))
            .unwrap()
            .wrote
    );
    let text = home.text();
    assert!(
        text.contains("\"B2\"") && text.contains("\"status\": \"active\""),
        "{text}"
    );
    let change = home.change();
    assert_eq!(
        change.upserts.len(),
        1,
        "our own write is not told: {change:?}"
    );
    assert_eq!(change.upserts[0].session.name, "B2");
    assert!(home.is_unchanged());
}

#[test]
fn a_status_edited_by_hand_is_not_overwritten_before_it_was_told() {
    let home = Home::new(TWO);
    home.change();
    home.file.project(&state("a", Status::Active)).unwrap();
    fs::write(
        home.path(),
        home.text().replace("\"active\"", "\"inactive\""),
    )
    .unwrap();
    let rotated = PersistedStatus {
        status: Status::Active,
        start: Some(Timestamp::from_millis(1_772_357_999_000)),
        expiration: None,
    };
    let written = home
        .file
        .project(&BTreeMap::from([(SessionId::new("a"), rotated)]))
        .unwrap();
    assert!(!written.wrote);
    assert_eq!(written.deferred, [SessionId::new("a")]);
    let change = home.change();
    assert_eq!(change.upserts[0].written.status, Status::Inactive);
    assert!(
        home.file
            .project(&state("a", Status::Inactive))
            .unwrap()
            .wrote
    );
    assert!(!home.text().contains("startDateTime"));
}

#[test]
fn undoing_our_write_by_hand_is_told() {
    let home = Home::new(TWO);
    home.change();
    fs::write(home.path(), TWO.replace("\"B\"", "\"B2\"")).unwrap();
    home.file.project(&state("a", Status::Active)).unwrap();
    // Exactly the text that was loaded last, though not what was written last.
    fs::write(home.path(), TWO).unwrap();
    let change = home.change();
    assert_eq!(change.upserts.len(), 1);
    assert_eq!(change.upserts[0].written.status, Status::Inactive);
}

#[test]
fn a_broken_file_is_left_alone_and_the_last_version_stays() {
    let home = Home::new(TWO);
    home.change();
    let broken = &TWO[..90];
    fs::write(home.path(), broken).unwrap();
    let rejected = home.file.load().unwrap_err();
    assert_eq!(rejected.problems[0].line, 3);
    assert!(matches!(
        home.file.project(&state("a", Status::Active)),
        Err(WriteError::Rejected(_))
    ));
    assert_eq!(home.text(), broken);
    assert_eq!(home.file.current().unwrap().sessions().len(), 2);
    fs::write(home.path(), TWO).unwrap();
    assert!(home.is_unchanged());
    fs::remove_file(home.path()).unwrap();
    let rejected = home.file.load().unwrap_err();
    assert!(
        rejected.to_string().contains("does not exist"),
        "{rejected}"
    );
    assert!(
        rejected.problems[0]
            .hint
            .as_ref()
            .unwrap()
            .contains("dayfly init")
    );
    assert!(home.file.project(&state("a", Status::Active)).is_err());
    assert!(
        !home.path().exists(),
        "a file that was removed is not made again"
    );
}

#[test]
fn the_mode_stays_and_new_files_are_private() {
    let home = Home::new(TWO);
    home.change();
    for mode in [0o600, 0o640, 0o644] {
        fs::set_permissions(home.path(), fs::Permissions::from_mode(mode)).unwrap();
        let next = if mode == 0o640 {
            Status::Inactive
        } else {
            Status::Active
        };
        assert!(home.file.project(&state("a", next)).unwrap().wrote);
        assert_eq!(fs::metadata(home.path()).unwrap().mode() & 0o7777, mode);
    }
    assert_eq!(home.litter(), [""; 0]);
    let other = WorkspaceFile::at(&home.folder.path().join("other.json"));
    other.create(TWO).unwrap();
    assert_eq!(fs::metadata(other.path()).unwrap().mode() & 0o7777, 0o600);
    assert!(
        matches!(other.create(TWO), Err(EditError::Write(_))),
        "never over a file"
    );
    let third = WorkspaceFile::at(&home.folder.path().join("third.json"));
    assert!(matches!(third.create("{}"), Err(EditError::Refused { .. })));
    assert!(!third.path().exists());
}

#[test]
fn what_killed_processes_and_earlier_versions_left_is_removed_and_nothing_else() {
    let home = Home::new(TWO);
    home.change();
    let beside = |name: &str| home.folder.path().join(name);
    fs::write(beside("workspace.json.lock"), "").unwrap();
    let old = std::process::Command::new("touch")
        .args(["-d", "2 hours ago"])
        .arg(beside(".workspace.json.mine.tmp"))
        .status();
    assert!(old.unwrap().success());
    // Of this moment, so somebody may be writing it.
    fs::write(beside(".workspace.json.aB3dEf.tmp"), "{}").unwrap();
    assert!(
        home.file
            .project(&state("a", Status::Active))
            .unwrap()
            .wrote
    );
    let mut left = home.litter();
    left.sort();
    assert_eq!(
        left,
        [".workspace.json.aB3dEf.tmp", ".workspace.json.mine.tmp"]
    );
}

#[test]
fn a_lock_that_is_kept_ends_in_an_error_and_one_that_is_let_go_does_not() {
    let home = Home::new(TWO);
    home.change();
    let kept = fs::File::open(home.path()).unwrap();
    kept.lock().unwrap();
    let refused = home.file.project(&state("a", Status::Active)).unwrap_err();
    assert!(refused.to_string().contains("another process"), "{refused}");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| home.file.project(&state("a", Status::Active)));
        // The file is replaced under its lock, as other processes of ours do.
        let new = home.folder.path().join("new");
        fs::copy(home.path(), &new).unwrap();
        fs::rename(&new, home.path()).unwrap();
        drop(kept);
        assert!(writer.join().unwrap().unwrap().wrote);
    });
}

#[test]
fn what_others_can_write_is_not_read() {
    let home = Home::new(TWO);
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o602)).unwrap();
    let rejected = home.file.load().unwrap_err();
    let (message, hint) = (rejected.to_string(), rejected.hint().unwrap_or_default());
    assert!(
        message.contains("other users can write to") && hint.contains("chmod go-w"),
        "{message}: {hint}"
    );
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o600)).unwrap();
    // Each folder on the way, and each link, as for dayfly.toml.
    let deep = home.folder.path().join("shared/mine");
    fs::create_dir_all(&deep).unwrap();
    let moved = deep.join("workspace.json");
    fs::rename(home.path(), &moved).unwrap();
    std::os::unix::fs::symlink(&moved, home.path()).unwrap();
    let shared = home.folder.path().join("shared");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    let message = home.file.load().unwrap_err().to_string();
    assert!(message.contains(&*shared.to_string_lossy()), "{message}");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(home.file.load().is_ok());
    fs::remove_file(home.path()).unwrap();
    fs::rename(&moved, home.path()).unwrap();
    fs::set_permissions(home.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(home.file.load().is_err());
    fs::set_permissions(home.folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(home.file.load().is_ok());
}

#[test]
fn what_a_group_of_others_can_write_is_not_read() {
    let home = Home::new(TWO);
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o660)).unwrap();
    assert!(home.file.load().is_ok(), "the group is this user's alone");
    // Only root can give a file to a group that it is not in.
    if std::os::unix::fs::chown(home.path(), None, Some(12_345)).is_err() {
        return;
    }
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o660)).unwrap();
    let rejected = home.file.load().unwrap_err();
    let hint = rejected.hint().unwrap_or_default();
    assert!(hint.contains("chmod g-w"), "{rejected}: {hint}");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(home.file.load().is_ok());
}

#[test]
fn sizes_and_kinds_of_files() {
    let home = Home::new(TWO);
    let length = u64::try_from(TWO.len()).unwrap();
    assert!(
        WorkspaceFile::at(&home.path())
            .with_limit(length)
            .load()
            .is_ok()
    );
    let message = WorkspaceFile::at(&home.path())
        .with_limit(length - 1)
        .load()
        .unwrap_err()
        .to_string();
    assert!(message.contains("has more than"), "{message}");
    fs::write(home.path(), b"{\n\xc3\xa9\xff}").unwrap();
    let rejected = home.file.load().unwrap_err();
    assert_eq!(
        (rejected.problems[0].line, rejected.problems[0].column),
        (2, 2)
    );
    let folder = WorkspaceFile::at(home.folder.path());
    assert!(
        folder
            .load()
            .unwrap_err()
            .to_string()
            .contains("not a regular file")
    );
    // A pipe would be waited for forever.
    let pipe = home.folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(
        WorkspaceFile::at(&pipe)
            .load()
            .unwrap_err()
            .to_string()
            .contains("not a regular file")
    );
}

#[test]
fn a_file_that_may_not_be_read() {
    let home = Home::new(TWO);
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if fs::File::open(home.path()).is_err() {
        assert!(
            home.file
                .load()
                .unwrap_err()
                .to_string()
                .contains("cannot read")
        );
    } else {
        assert!(home.file.load().is_ok());
    }
    // A link in a circle cannot be read by anybody.
    let round = home.folder.path().join("round");
    symlink(&round, &round).unwrap();
    assert!(
        WorkspaceFile::at(&round)
            .load()
            .unwrap_err()
            .to_string()
            .contains("cannot follow")
    );
}

#[test]
fn a_link_is_followed_and_stays() {
    let home = Home::new(TWO);
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("workspace.json");
    symlink(home.path(), &link).unwrap();
    let file = WorkspaceFile::at(&link);
    file.load().unwrap();
    assert!(file.project(&state("a", Status::Active)).unwrap().wrote);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(home.text().contains("\"active\""));
    assert!(matches!(file.load().unwrap(), Loaded::Unchanged));
    let dangling = elsewhere.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    assert!(WorkspaceFile::at(&dangling).load().is_err());
}

#[test]
fn what_belongs_to_somebody_else_is_not_read() {
    let home = Home::new(TWO);
    let link = home.folder.path().join("link");
    symlink(home.path(), &link).unwrap();
    let nobody = Some(65_534);
    // Only root can give files away.
    if std::os::unix::fs::lchown(&link, nobody, None).is_err() {
        return;
    }
    let message = WorkspaceFile::at(&link).load().unwrap_err().to_string();
    assert!(message.contains("belongs to user 65534"), "{message}");
    assert!(home.file.load().is_ok());
    std::os::unix::fs::chown(home.path(), nobody, None).unwrap();
    assert!(home.file.load().is_err());
    assert!(matches!(
        home.file.project(&state("a", Status::Active)),
        Err(WriteError::Disk(_))
    ));
}

fn entry(id: &str) -> Map<String, Value> {
    let object = json!({"sessionId": id, "sessionName": id, "type": "localstack"});
    object.as_object().unwrap().clone()
}

#[test]
fn edits_are_told_and_bad_ones_refused() {
    let home = Home::new(TWO);
    home.change();
    home.file
        .edit(|text| splice::add(text, List::Sessions, &entry("c")))
        .unwrap();
    let change = home.change();
    assert_eq!(change.upserts[0].session.name, "c");
    let before = home.text();
    let mut bad = entry("d");
    bad.insert("region".to_owned(), json!("nowhere"));
    let error = home
        .file
        .edit(|text| splice::add(text, List::Sessions, &bad))
        .unwrap_err();
    assert!(
        matches!(&error, EditError::Refused { problems } if problems.len() == 1),
        "{error}"
    );
    let error = home
        .file
        .edit(|text| splice::remove(text, List::Sessions, "x"))
        .unwrap_err();
    assert!(matches!(error, EditError::Change(_)));
    assert_eq!(home.text(), before);
    // An error that was there before hinders no other edit.
    fs::write(home.path(), before.replace("localstack", "localstac")).unwrap();
    home.file
        .edit(|text| splice::add(text, List::Sessions, &entry("e")))
        .unwrap();
}

#[test]
fn nobody_loses_a_change_among_writers() {
    const EACH: usize = 25;
    let home = Home::new(TWO);
    home.change();
    let done = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let path = home.path();
                scope.spawn(move || {
                    // Each with a handle of its own, as processes have.
                    let file = WorkspaceFile::at(&path);
                    for n in 0..EACH {
                        let new = entry(&format!("{writer}-{n}"));
                        file.edit(|text| splice::add(text, List::Sessions, &new))
                            .unwrap();
                    }
                })
            })
            .collect();
        let (home, stop) = (&home, Arc::clone(&done));
        let projecting = scope.spawn(move || {
            let mut active = false;
            let mut told = 0;
            while !stop.load(Ordering::Acquire) {
                active = !active;
                let next = if active {
                    Status::Active
                } else {
                    Status::Inactive
                };
                let written = home.file.project(&state("a", next)).unwrap();
                assert_eq!(written.deferred, []);
                if let Loaded::Changed { difference, .. } = home.file.load().unwrap() {
                    assert!(difference.upserts.iter().all(|u| u.session.name != "A"));
                    told += difference.upserts.len();
                }
            }
            told
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Release);
        let mut told = projecting.join().unwrap();
        if let Loaded::Changed { difference, .. } = home.file.load().unwrap() {
            told += difference.upserts.len();
        }
        assert_eq!(told, 3 * EACH, "each edit is told once");
    });
    let workspace = home.file.current().unwrap();
    assert_eq!(workspace.sessions().len(), 2 + 3 * EACH);
    assert_eq!(workspace.problems(), []);
    assert_eq!(home.litter(), [""; 0]);
}

/// Saves as an editor does that knows nothing of locks: a new file, renamed into place.
fn save(path: &Path, text: &str) {
    let temp = path.with_extension("editor");
    fs::write(&temp, text).unwrap();
    fs::rename(&temp, path).unwrap();
}

#[test]
fn a_save_by_an_editor_is_never_lost_to_our_writes() {
    let home = Home::new(TWO);
    home.change();
    let done = Arc::new(AtomicBool::new(false));
    let mut lost = 0;
    thread::scope(|scope| {
        let (file, stop) = (&home.file, Arc::clone(&done));
        scope.spawn(move || {
            let mut active = false;
            while !stop.load(Ordering::Acquire) {
                active = !active;
                let next = if active {
                    Status::Active
                } else {
                    Status::Inactive
                };
                // The editor may win each time, and its old status may have to be told first.
                match file.project(&state("a", next)) {
                    Ok(_) | Err(WriteError::Disk(_)) => {}
                    Err(e) => panic!("{e}"),
                }
                let _ = file.load();
            }
        });
        for n in 0..200 {
            let text = home.text();
            let workspace = Workspace::parse(&text, &home.path(), None).unwrap();
            let old = workspace
                .get(&SessionId::new("b"))
                .unwrap()
                .session
                .name
                .clone();
            save(
                &home.path(),
                &text.replace(&format!("\"{old}\""), &format!("\"B{n}\"")),
            );
            // Sleeps so that edits come at other moments each time.
            thread::sleep(Duration::from_micros(300 * (n % 7)));
            // Whatever we wrote since, it was written on top of that save.
            // Sleeps since the engine may put its own text over the edit only now.
            thread::sleep(Duration::from_millis(2));
            let mut seen = home.text();
            for _ in 0..100 {
                if seen.contains(&format!("\"B{n}\"")) {
                    break;
                }
                // Sleeps between two looks, a hundred times.
                thread::sleep(Duration::from_millis(1));
                seen = home.text();
            }
            lost += usize::from(!seen.contains(&format!("\"B{n}\"")));
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(lost, 0);
}

#[test]
fn a_session_that_was_gone_when_its_state_was_written_is_news_when_it_comes_back() {
    let home = Home::new(TWO);
    home.change();
    let mut one: Value = serde_json::from_str(TWO).unwrap();
    one["sessions"].as_array_mut().unwrap().pop();
    fs::write(home.path(), one.to_string()).unwrap();
    let active = PersistedStatus {
        status: Status::Active,
        start: Some(Timestamp::from_millis(1_800_000_000_000)),
        expiration: None,
    };
    let id = SessionId::new("b");
    let written = home.file.project(&[(id.clone(), active)].into()).unwrap();
    assert_eq!(written.missing, std::slice::from_ref(&id));
    // An editor saves what it read before: the state that was to be written is not there.
    fs::write(home.path(), TWO).unwrap();
    let change = home.change();
    let upsert = change.upserts.iter().find(|u| u.session.id == id).unwrap();
    assert_eq!(upsert.written, PersistedStatus::default());
    assert!(change.removed.is_empty());
}
