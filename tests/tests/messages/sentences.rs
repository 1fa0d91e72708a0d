//! Every sentence in the sources, one line each, by crate and file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::compare;
use crate::sources::sentences;

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("it is in the repository").to_owned()
}

fn is_of_tests(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "tests.rs" || name.ends_with("_tests.rs")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !is_of_tests(&path) {
            found.push(path);
        }
    }
}

/// The lists, by the name of what they are of.
fn lists() -> BTreeMap<String, String> {
    let mut lists = BTreeMap::new();
    for place in ["engine", "policies"] {
        for entry in std::fs::read_dir(root().join(place)).unwrap() {
            let folder = entry.unwrap().path();
            let source = folder.join("src");
            if !source.is_dir() {
                continue;
            }
            let mut files = Vec::new();
            rust_files(&source, &mut files);
            files.sort();
            let mut list = String::new();
            for path in files {
                let found = sentences(&std::fs::read_to_string(&path).unwrap());
                if !found.is_empty() {
                    let inside = path.strip_prefix(&source).unwrap();
                    writeln!(list, "{}", inside.display()).unwrap();
                    for sentence in found {
                        writeln!(list, "    {}", sentence.replace('\n', "\\n")).unwrap();
                    }
                }
            }
            if !list.is_empty() {
                let name = folder.file_name().unwrap().to_string_lossy();
                lists.insert(format!("{place}-{name}"), list);
            }
        }
    }
    lists
}

#[test]
fn every_sentence_is_in_the_lists() {
    let lists = lists();
    assert!(lists.len() > 15, "{:?}", lists.keys());
    for (name, list) in &lists {
        compare(name, list);
    }
}
