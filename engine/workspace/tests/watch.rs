//! The real notices of the operating system.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use dayfly_workspace::{Backend, Loaded, Watch, WorkspaceFile, watch, watch_by_polling};

/// Longer than any notice takes, also by polling.
const LONG: Duration = Duration::from_secs(10);
/// Long enough for a notice that should not come.
const QUIET: Duration = Duration::from_millis(250);

fn watched(path: &Path) -> (Watch, Receiver<Instant>) {
    let (told, notices) = channel();
    let on_dirty = move || {
        let _ = told.send(Instant::now());
    };
    let watch = watch(path, on_dirty).unwrap();
    assert_eq!(watch.backend(), Backend::Native);
    (watch, notices)
}

/// Waits for a notice and the silence after it; how many came.
#[track_caller]
fn notices(notices: &Receiver<Instant>) -> usize {
    notices.recv_timeout(LONG).expect("a notice");
    let mut count = 1;
    while notices.recv_timeout(QUIET).is_ok() {
        count += 1;
    }
    count
}

fn quiet(notices: &Receiver<Instant>) -> bool {
    notices.recv_timeout(QUIET).is_err()
}

#[test]
fn saves_of_all_kinds_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workspace.json");
    let (_watch, told) = watched(&path);
    assert!(quiet(&told));
    fs::write(&path, "1").unwrap();
    notices(&told);
    fs::write(&path, "2").unwrap();
    notices(&told);
    let temp = folder.path().join("x.tmp");
    fs::write(&temp, "3").unwrap();
    assert!(quiet(&told), "another file in the folder is no concern");
    fs::rename(&temp, &path).unwrap();
    notices(&told);
    fs::remove_file(&path).unwrap();
    notices(&told);
    assert!(quiet(&told));
}

#[test]
fn reading_is_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workspace.json");
    fs::write(&path, r#"{"sessions": []}"#).unwrap();
    let (_watch, told) = watched(&path);
    let file = WorkspaceFile::at(&path);
    for _ in 0..3 {
        file.load().unwrap();
    }
    assert!(quiet(&told));
}

#[test]
fn a_burst_is_one_notice_soon_after_its_begin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workspace.json");
    let (_watch, told) = watched(&path);
    let begin = Instant::now();
    for n in 0..20 {
        fs::write(&path, n.to_string()).unwrap();
    }
    let burst = begin.elapsed();
    let first = told.recv_timeout(LONG).unwrap();
    assert!(
        first - begin >= Duration::from_millis(8),
        "{:?}",
        first - begin
    );
    let mut more: u128 = 0;
    while told.recv_timeout(QUIET).is_ok() {
        more += 1;
    }
    // One for each time to gather that the burst took, the first of which is short, and one for
    // what came last.
    let most = burst.as_millis() / 30 + 2;
    assert!(more <= most, "{more} > {most}");
}

#[test]
fn a_folder_may_go_and_come_back() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("config");
    let path = folder.join("dayfly/workspace.json");
    // Two levels are not there yet.
    let (_watch, told) = watched(&path);
    for round in 0..3 {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        notices(&told);
        fs::write(&path, "1").unwrap();
        notices(&told);
        fs::write(&path, "2").unwrap();
        notices(&told);
        if round == 1 {
            // Moved away whole, and another put in its place.
            fs::rename(&folder, above.path().join("old")).unwrap();
            notices(&told);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "3").unwrap();
            notices(&told);
            fs::write(above.path().join("old/dayfly/workspace.json"), "4").unwrap();
            assert!(quiet(&told), "the old one is no concern any more");
        }
        fs::remove_dir_all(&folder).unwrap();
        notices(&told);
    }
}

#[test]
fn a_folder_replaced_at_once_is_noticed() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("dayfly");
    let path = folder.join("workspace.json");
    fs::create_dir(&folder).unwrap();
    fs::write(&path, "1").unwrap();
    let (_watch, told) = watched(&path);
    for _ in 0..5 {
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        notices(&told);
        fs::write(&path, "2").unwrap();
        notices(&told);
    }
}

#[cfg(unix)]
#[test]
fn the_file_behind_a_link_is_watched() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (link, real) = (
        here.path().join("workspace.json"),
        there.path().join("real.json"),
    );
    fs::write(&real, "1").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let (_watch, told) = watched(&link);
    fs::write(&real, "2").unwrap();
    notices(&told);
    fs::remove_file(&link).unwrap();
    fs::write(&link, "3").unwrap();
    notices(&told);
    fs::write(&real, "4").unwrap();
    assert!(quiet(&told), "no link leads there any more");
}

#[test]
fn every_last_save_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workspace.json");
    let text = |n: usize| {
        format!(
            r#"{{"sessions": [{{"sessionId": "a", "sessionName": "n{n}", "type": "localstack"}}]}}"#
        )
    };
    fs::write(&path, text(0)).unwrap();
    let file = WorkspaceFile::at(&path);
    file.load().unwrap();
    let (_watch, told) = watched(&path);
    for n in 1..40 {
        if n % 2 == 0 {
            fs::write(&path, text(n)).unwrap();
        } else {
            let temp = folder.path().join("t");
            fs::write(&temp, text(n)).unwrap();
            fs::rename(&temp, &path).unwrap();
        }
        if n % 3 > 0 {
            // Sleeps so that edits come at other moments each time.
            thread::sleep(Duration::from_millis(7 * (u64::try_from(n).unwrap() % 8)));
            continue;
        }
        let deadline = Instant::now() + LONG;
        loop {
            told.recv_deadline_or_panic(deadline, n);
            if let Ok(Loaded::Changed { workspace, .. }) = file.load()
                && workspace.sessions()[0].session.name == format!("n{n}")
            {
                break;
            }
        }
    }
}

trait Deadline {
    fn recv_deadline_or_panic(&self, deadline: Instant, n: usize);
}

impl Deadline for Receiver<Instant> {
    fn recv_deadline_or_panic(&self, deadline: Instant, n: usize) {
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(self.recv_timeout(left).is_ok(), "save {n} was not noticed");
    }
}

#[test]
fn dropping_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workspace.json");
    let (watch, told) = watched(&path);
    drop(watch);
    fs::write(&path, "1").unwrap();
    assert!(told.recv_timeout(QUIET).is_err());
}

#[test]
fn polling_notices_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dayfly/workspace.json");
    let (told, notices) = channel();
    let on_dirty = move || {
        let _ = told.send(());
    };
    let watch = watch_by_polling(&path, "the test says so", on_dirty).unwrap();
    let Backend::Polling { reason } = watch.backend() else {
        panic!("{watch:?}");
    };
    assert_eq!(reason, "the test says so");
    // It begins with a notice, for what may have happened before.
    notices.recv_timeout(LONG).unwrap();
    fs::create_dir(folder.path().join("dayfly")).unwrap();
    for text in ["1", "22"] {
        fs::write(&path, text).unwrap();
        notices.recv_timeout(LONG).unwrap();
    }
    fs::remove_file(&path).unwrap();
    notices.recv_timeout(LONG).unwrap();
    assert!(notices.recv_timeout(Duration::from_millis(2500)).is_err());
    let begin = Instant::now();
    drop(watch);
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "a drop does not wait for the next look"
    );
}

#[test]
fn a_watch_of_a_folder_tells_of_each_file_in_it_that_comes_changes_or_goes() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("team");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("a.json"), "1").unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let _watch = dayfly_workspace::watch_folder(&inside, move || {
        let _ = tell.send(());
    })
    .unwrap();
    let heard = |what: &str| {
        let first = told.recv_timeout(std::time::Duration::from_secs(20));
        first.unwrap_or_else(|_| panic!("{what} was not told"));
        // What belongs to the same change may come in two.
        while told
            .recv_timeout(std::time::Duration::from_millis(200))
            .is_ok()
        {}
    };
    fs::write(inside.join("a.json"), "2").unwrap();
    heard("an edit");
    fs::write(inside.join("b.json"), "1").unwrap();
    heard("a new file");
    fs::remove_file(inside.join("b.json")).unwrap();
    heard("a file that goes");
    fs::rename(&inside, folder.path().join("elsewhere")).unwrap();
    heard("a folder that goes");
}
