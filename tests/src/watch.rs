//! Where secrets may not be: the files of a home, and the list of processes as it was again and again
//! since the first home of this test was made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::home::{Home, program};

/// Short enough to see commands that end at once.
const AGAIN: Duration = Duration::from_millis(4);

/// What processes showed of themselves: command lines, and the environment of the program under
/// test.
static SEEN: Mutex<BTreeSet<Vec<u8>>> = Mutex::new(BTreeSet::new());
static BEGUN: OnceLock<()> = OnceLock::new();

/// Watches the processes of this machine that begin from now on, until the test ends.
///
/// # Panics
/// There is no room for a thread.
pub(crate) fn begin() {
    BEGUN.get_or_init(|| {
        let program = std::fs::canonicalize(program()).expect("the program is built");
        let before: BTreeSet<u32> = pids().collect();
        let watch = move || {
            // A process shows its parent's face until it has become what it is to be.
            let mut faces: BTreeMap<u32, u8> = BTreeMap::new();
            loop {
                let now: BTreeSet<u32> = pids().collect();
                faces.retain(|pid, _| now.contains(pid));
                for pid in now.difference(&before) {
                    let looks = faces.entry(*pid).or_default();
                    if *looks < 8 {
                        *looks += 1;
                        look(*pid, &program);
                    }
                }
                // Sleeps between two looks at the processes, for as long as the test runs.
                std::thread::sleep(AGAIN);
            }
        };
        let thread = std::thread::Builder::new().name("watch".into());
        thread.spawn(watch).expect("a thread");
    });
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn look(pid: u32, program: &Path) {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let ours = std::fs::read_link(folder.join("exe")).is_ok_and(|exe| exe == program);
    let mut seen = vec![std::fs::read(folder.join("cmdline")).unwrap_or_default()];
    if ours {
        seen.push(std::fs::read(folder.join("environ")).unwrap_or_default());
    }
    seen.retain(|text| !text.is_empty());
    SEEN.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .extend(seen);
}

/// Whether something that processes showed of themselves has this in it.
#[must_use]
pub fn shown(text: &str) -> bool {
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.iter().any(|one| holds(one, text))
}

fn holds(content: &[u8], text: &str) -> bool {
    !text.is_empty() && content.windows(text.len()).any(|w| w == text.as_bytes())
}

impl Home {
    /// None of these secrets is in a file of this home but those where they belong, nor in anything
    /// that a process showed of itself.
    ///
    /// # Panics
    /// One is, or nothing was looked at.
    pub fn nowhere<S: AsRef<str>>(&self, secrets: &[S], but: &[PathBuf]) {
        assert!(!secrets.is_empty(), "there are no secrets to look for");
        let files = self.files();
        assert!(!files.is_empty(), "there are no files to look at");
        let home = self.path().to_string_lossy();
        assert!(shown(&home), "no process of this home was seen");
        for (number, secret) in secrets.iter().enumerate() {
            let secret = secret.as_ref();
            assert!(secret.len() > 5, "secret {number} is too short to be found");
            for (path, content) in &files {
                let found = holds(content, secret) && !but.iter().any(|own| path.starts_with(own));
                assert!(!found, "secret {number} is in {}", path.display());
            }
            assert!(!shown(secret), "secret {number} is in the process list");
        }
    }
}
