//! Files are opened in one place, `engine/fs`, which refuses pipes and devices, reads no more than a
//! bound, and does not wait. Where another room opens a file, it stands here with the reason.

use std::collections::BTreeMap;
use std::path::Path;

use super::{FLOORS, code, folder, is_of_tests, root, sources};

/// What opens a file, or reads one whole.
const OPENS: [&str; 8] = [
    "fs::read(",
    "fs::read_to_string(",
    "File::open(",
    "File::create(",
    "File::options(",
    "OpenOptions::new(",
    "tokio::fs::",
    "docker_credential::get_credential(",
];

/// Files that may, how often, and why.
const MAY: [(&str, usize, &str); 12] = [
    (
        "awsfiles/src/load.rs",
        1,
        "on the same floor as `fs`; it looks at what it opened, and never waits",
    ),
    ("vault/src/process.rs", 1, "a file of the kernel in /proc"),
    ("dayfly/src/signals.rs", 1, "a file of the kernel in /proc"),
    ("net/src/peer.rs", 1, "a file of the kernel in /proc"),
    (
        "runtime/src/watching/notices.rs",
        1,
        "a file of the kernel in /proc",
    ),
    ("dayfly/src/prompt.rs", 1, "the terminal of the person"),
    ("sharing/src/folder.rs", 1, "a new file of its own"),
    (
        "net/src/roots.rs",
        1,
        "it looks at what it opened, and never waits",
    ),
    (
        "policy/src/cache/private.rs",
        2,
        "it looks at what it opened, and never waits",
    ),
    (
        "runtime/src/rolling_files.rs",
        1,
        "it writes; it looks at what it opened, and never waits",
    ),
    (
        "registry/src/part.rs",
        1,
        "it writes; it looks at what it opened, and never waits",
    ),
    (
        "workspace/src/disk.rs",
        3,
        "it looks at what it opened, and never waits; a folder, to sync it; systems without owners",
    ),
];

/// How often a text opens files.
fn opens(code: &str) -> usize {
    let found = OPENS.iter().flat_map(|word| code.match_indices(word));
    found.filter(|(at, _)| begins(code, *at)).count()
}

/// Whether a word begins here, and is not the end of a longer one (`bounded_fs::read(`).
fn begins(code: &str, at: usize) -> bool {
    let before = code[..at].chars().next_back();
    before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
}

#[test]
fn files_are_opened_in_one_place() {
    let mut found = BTreeMap::new();
    for (room, _) in FLOORS.iter().filter(|(room, _)| *room != "fs") {
        let folder = root().join(folder(room));
        for path in sources(&folder.join("src")) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if is_of_tests(&name) {
                continue;
            }
            let count = opens(&code(&std::fs::read_to_string(&path).unwrap()));
            if count > 0 {
                let inside = path.strip_prefix(&folder).unwrap();
                found.insert(Path::new(room).join(inside).display().to_string(), count);
            }
        }
    }
    let may = MAY
        .iter()
        .map(|(file, count, _)| ((*file).to_owned(), *count));
    assert_eq!(
        found,
        may.collect(),
        "use dayfly_fs::bounded, or say here why not"
    );
}

#[test]
fn a_file_that_is_opened_elsewhere_is_found() {
    for word in OPENS {
        assert_eq!(opens(&format!("let x = std::{word}path)")), 1, "{word}");
        assert_eq!(opens(&format!("{word}path)")), 1, "{word}");
    }
    for good in [
        "bounded::read(path, LIMIT)",
        "private_file::read(path)",
        "PrivateFile::open(path)",
        "std::fs::read_dir(path)",
        "std::fs::read_link(path)",
    ] {
        assert_eq!(opens(good), 0, "{good}");
    }
}
