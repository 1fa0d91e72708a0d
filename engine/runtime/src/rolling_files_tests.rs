use dayfly_core::effect::{Cause, JournalEntry, JournalEvent};
use dayfly_core::time::Timestamp;

use super::*;
use crate::journal::{Journal, Line, Reader, current};

/// The lines of these tests are from 1970.
const AGES: Duration = Duration::from_secs(8 * 1_000 * 365 * 24 * 60 * 60);

const LARGE: Keep = Keep {
    file: 1 << 20,
    files: 7,
    age: AGES,
};

fn note(n: u64) -> JournalEntry {
    JournalEntry {
        at: Timestamp::from_millis(n),
        cause: Cause(n),
        what: JournalEvent::Mended {
            about: format!("thing {n}"),
        },
    }
}

fn journal(folder: &Path, keep: Keep) -> Journal {
    Journal::open(folder.to_owned(), "run", keep, |trouble| {
        panic!("{trouble:?}")
    })
    .expect("the journal opens")
}

fn numbers(reader: &mut Reader) -> Vec<u64> {
    std::iter::from_fn(|| reader.next_line().expect("the journal reads"))
        .map(|line| line.note.cause.0)
        .collect()
}

#[test]
fn lines_are_read_back_across_runs_and_a_torn_one_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut reader = Reader::open(&path);
    assert_eq!(reader.next_line().unwrap(), None);
    journal(&path, LARGE).write(vec![note(1), note(2)]);
    let mut torn = OpenOptions::new()
        .append(true)
        .open(current(&path))
        .unwrap();
    torn.write_all(b"{\"run\":\"x\",\"at\":3,\"cau").unwrap();
    journal(&path, LARGE).write(vec![note(4)]);
    assert_eq!(numbers(&mut Reader::open(&path)), [1, 2, 4]);
    let mut reader = Reader::open(&path);
    numbers(&mut reader);
    assert_eq!(reader.unreadable, 1);
}

#[test]
fn what_is_kept_is_bounded_and_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep {
        file: 400,
        files: 3,
        age: AGES,
    };
    for n in 0..100 {
        // Each its own batch, as the thread puts batches that wait into one.
        journal(folder.path(), keep).write(vec![note(n)]);
    }
    let kept = numbers(&mut Reader::open(folder.path()));
    assert_eq!(kept.last(), Some(&99));
    assert!((5..40).contains(&kept.len()), "{kept:?}");
    assert!(kept.windows(2).all(|w| w[1] == w[0] + 1), "{kept:?}");
    assert!(fs::read_dir(folder.path()).unwrap().count() <= 4);
}

#[test]
fn a_reader_follows_what_is_written_later_and_across_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep {
        file: 400,
        files: 50,
        age: AGES,
    };
    journal(folder.path(), keep).write(vec![note(0)]);
    let mut reader = Reader::open(folder.path());
    let mut seen = numbers(&mut reader);
    for n in 1..40 {
        journal(folder.path(), keep).write(vec![note(n)]);
        seen.extend(numbers(&mut reader));
    }
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_is_told_once_and_once_more_when_it_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("journal");
    fs::write(&place, "a file where a folder is to be").unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let journal = Journal::open(place.clone(), "run", LARGE, move |t| {
        let _ = tell.send(t.is_some());
    })
    .unwrap();
    journal.write(vec![note(1)]);
    assert!(told.recv().unwrap());
    // More than can wait at once, so that it fails again for some of them.
    for _ in 0..4_000 {
        journal.write(vec![note(2)]);
    }
    fs::remove_file(&place).unwrap();
    journal.write(vec![note(3)]);
    assert!(!told.recv().unwrap());
    drop(journal);
    assert!(told.recv().is_err());
    assert!(numbers(&mut Reader::open(&place)).ends_with(&[3]));
}

#[test]
fn what_is_old_goes_also_where_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let week = Keep::new(64, 7);
    journal(folder.path(), LARGE).write(vec![note(1)]);
    // Its first line is from 1970, so it is closed with the next line, and kept from now on.
    journal(folder.path(), week).write(vec![note(2)]);
    assert_eq!(
        fs::metadata(current(folder.path())).ok().map(|m| m.len()),
        None
    );
    journal(folder.path(), week).write(vec![note(3)]);
    assert_eq!(numbers(&mut Reader::open(folder.path())), [1, 2, 3]);
    let now = crate::clock::now();
    let later = |days: u64| now.plus(Duration::from_secs(days * 24 * 60 * 60));
    forget::<Line>(folder.path(), week, later(6)).unwrap();
    assert_eq!(numbers(&mut Reader::open(folder.path())), [1, 2, 3]);
    forget::<Line>(folder.path(), week, later(8)).unwrap();
    assert_eq!(numbers(&mut Reader::open(folder.path())), [3]);
}

fn closed_names(folder: &Path) -> Vec<String> {
    let closed = earlier::<Line>(folder).unwrap();
    let name = |c: Closed| c.path.file_name().unwrap().to_string_lossy().into_owned();
    closed.into_iter().map(name).collect()
}

#[test]
fn a_clock_that_was_ahead_when_files_were_closed_takes_nothing_newer_away() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep {
        file: 1,
        files: 3,
        age: AGES,
    };
    let year = 365 * 24 * 60 * 60 * 1_000;
    let now = crate::clock::now();
    // Three files from a time when the clock was a year ahead, then it was set right.
    for n in 0..8 {
        journal(folder.path(), LARGE).write(vec![note(n)]);
        let moment = if n < 3 {
            now.as_millis() + year
        } else {
            now.as_millis()
        };
        close::<Line>(folder.path(), Timestamp::from_millis(moment + n)).unwrap();
        forget::<Line>(folder.path(), keep, now).unwrap();
    }
    assert_eq!(numbers(&mut Reader::open(folder.path())), [5, 6, 7]);
}

#[test]
fn files_with_the_names_of_before_are_read_first() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..3 {
        journal(folder.path(), LARGE).write(vec![note(n)]);
        // Of the same millisecond, of a clock that was ahead.
        let name = format!("journal-9000000000000000-{n:04}.jsonl");
        fs::rename(current(folder.path()), folder.path().join(name)).unwrap();
    }
    journal(folder.path(), LARGE).write(vec![note(3)]);
    close::<Line>(folder.path(), crate::clock::now()).unwrap();
    journal(folder.path(), LARGE).write(vec![note(4)]);
    assert_eq!(numbers(&mut Reader::open(folder.path())), [0, 1, 2, 3, 4]);
    assert!(closed_names(folder.path())[3].starts_with("journal-0000000001-"));
}

#[test]
fn a_clock_that_is_ahead_costs_one_file_and_not_all() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..5 {
        journal(folder.path(), LARGE).write(vec![note(n)]);
        close::<Line>(folder.path(), crate::clock::now()).unwrap();
    }
    let decade = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    let ahead = crate::clock::now().plus(decade);
    forget::<Line>(folder.path(), Keep::new(64, 7), ahead).unwrap();
    assert_eq!(numbers(&mut Reader::open(folder.path())), [1, 2, 3, 4]);
}

#[test]
fn a_file_that_cannot_be_removed_costs_no_line() {
    let folder = tempfile::tempdir().unwrap();
    // A folder with something in it is nothing that `remove_file` takes away.
    let stuck = folder
        .path()
        .join("journal-0000000001-0000000000000001.jsonl");
    fs::create_dir_all(stuck.join("x")).unwrap();
    let keep = Keep {
        file: 1,
        files: 1,
        age: AGES,
    };
    let mut writer = Writer::<Line>::new(folder.path().to_owned(), keep);
    for n in 2..6 {
        let line = Line {
            run: "run".into(),
            note: note(n),
        };
        let mut text = serde_json::to_vec(&line).unwrap();
        text.push(b'\n');
        let untidy = writer.append(&text).expect("the line is written");
        assert!(untidy.is_some_and(|why| why.contains("cannot remove")));
    }
    drop(fs::remove_dir_all(stuck));
    let kept = numbers(&mut Reader::open(folder.path()));
    assert_eq!(kept.last(), Some(&5));
}
