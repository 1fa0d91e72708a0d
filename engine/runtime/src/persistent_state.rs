//! What outlives a restart beside the Workspace and the chain: the person's standing words, and
//! what policy entries remember.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dayfly_core::input::ManualOverride;
use dayfly_core::policy::EntryName;
use dayfly_core::session::SessionId;
use dayfly_policy::{StateSnapshot, StateWrite};
use dayfly_vault::private_file;

use crate::home::Home;
use crate::mailbox::{Mailbox, Taken};

/// Texts that wait to be written, by file.
type Texts = BTreeMap<PathBuf, Vec<u8>>;

/// How long to wait before what could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Reads at the start, and writes on a thread of its own.
#[derive(Debug)]
pub(crate) struct PersistentState {
    home: Home,
    words: BTreeMap<SessionId, ManualOverride>,
    texts: Arc<Mailbox<Texts>>,
    thread: Option<JoinHandle<()>>,
}

impl PersistentState {
    /// Reads the words. A file that cannot be read is set aside, and the problem told.
    pub(crate) fn open(
        home: &Home,
        trouble: impl Fn(Option<String>) + Send + 'static,
    ) -> std::io::Result<(Self, Option<String>)> {
        let (words, problem) = match read(&home.words()) {
            Ok(words) => (words.unwrap_or_default(), None),
            Err(problem) => (BTreeMap::new(), Some(problem)),
        };
        let texts = Arc::new(Mailbox::<Texts>::new());
        let incoming = Arc::clone(&texts);
        let thread = thread::Builder::new()
            .name("dayfly-memory".into())
            .spawn(move || {
                // What could not be written is tried again, until something newer takes its place.
                let mut left = Texts::new();
                loop {
                    let wait = (!left.is_empty()).then_some(AGAIN);
                    match incoming.take_within(wait) {
                        Taken::Work(texts) => left.extend(texts),
                        Taken::Nothing => {}
                        Taken::Closed => return,
                    }
                    let failed = !left.is_empty();
                    let mut told = None;
                    left.retain(|path, text| {
                        let written = private_file::write(path, text);
                        let kept = written.is_err();
                        told = told.take().or(written.err().map(|e| e.with_cause()));
                        kept
                    });
                    if told.is_some() || (failed && left.is_empty()) {
                        trouble(told);
                    }
                    incoming.done();
                }
            })?;
        let memory = Self {
            home: home.clone(),
            words,
            texts,
            thread: Some(thread),
        };
        Ok((memory, problem))
    }

    /// The words that stand.
    pub(crate) fn words(&self) -> Vec<(SessionId, ManualOverride)> {
        let words = self.words.iter();
        words.map(|(id, word)| (id.clone(), word.clone())).collect()
    }

    pub(crate) fn remember(&mut self, session: SessionId, word: Option<ManualOverride>) {
        let changed = match word {
            Some(word) => self.words.insert(session, word.clone()) != Some(word),
            None => self.words.remove(&session).is_some(),
        };
        if changed && let Ok(text) = serde_json::to_vec(&self.words) {
            self.put(self.home.words(), text);
        }
    }

    /// What an entry remembers, and why that is nothing where it should be something.
    pub(crate) fn state(&self, entry: &EntryName) -> (StateSnapshot, Option<String>) {
        match read::<Vec<StateWrite>>(&self.state_path(entry)) {
            Ok(values) => (values.unwrap_or_default().into_iter().collect(), None),
            Err(problem) => (StateSnapshot::default(), Some(problem)),
        }
    }

    pub(crate) fn keep_state(&self, entry: &EntryName, state: &StateSnapshot) {
        let values: Vec<StateWrite> = state.iter().collect();
        if let Ok(text) = serde_json::to_vec(&values) {
            self.put(self.state_path(entry), text);
        }
    }

    fn state_path(&self, entry: &EntryName) -> PathBuf {
        self.home.memories().join(format!("{entry}.json"))
    }

    fn put(&self, path: PathBuf, text: Vec<u8>) {
        self.texts.put(|texts| {
            texts.insert(path, text);
        });
    }
}

impl Drop for PersistentState {
    /// Waits until everything is written.
    fn drop(&mut self) {
        self.texts.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    look(path).map_err(|problem| match set_aside(path) {
        Ok(aside) => format!("{problem}; Dayfly moved it to {}", aside.display()),
        Err(error) => {
            format!("{problem}; Dayfly left it in place, because it cannot move it: {error}")
        }
    })
}

/// What a file holds; it stays where it is.
fn look<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    let Some(bytes) = private_file::read(path).map_err(|e| e.with_cause())? else {
        return Ok(None);
    };
    let read = serde_json::from_slice(&bytes);
    read.map(Some)
        .map_err(|error| format!("Dayfly cannot read {}: {error}", path.display()))
}

/// Names a file otherwise, so that nothing is written over it, nor over an earlier one. In a folder
/// where that cannot be done nothing can be written either.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let named = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let others = (2_u32..).map(|n| named(&format!(".unreadable-{n}")));
    let free = |name: &PathBuf| std::fs::symlink_metadata(name).is_err();
    let mut names = std::iter::once(named(".unreadable")).chain(others);
    let aside = names.find(free).ok_or(std::io::ErrorKind::AlreadyExists)?;
    std::fs::rename(path, &aside)?;
    Ok(aside)
}

/// What the person last said of each session, as it was written down.
///
/// # Errors
/// The file is there and cannot be read. It is left alone.
pub fn words(home: &Home) -> Result<BTreeMap<SessionId, ManualOverride>, String> {
    Ok(look(&home.words())?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use dayfly_core::policy::Action;
    use dayfly_core::time::Timestamp;
    use dayfly_policy::StateScope;

    use super::*;

    fn open(home: &Home) -> (PersistentState, Option<String>) {
        PersistentState::open(home, |trouble| assert_eq!(trouble, None)).expect("a thread starts")
    }

    fn stop() -> ManualOverride {
        ManualOverride {
            action: Action::Stop,
            at: Timestamp::from_millis(7),
            until: None,
            override_reason: None,
            reason: None,
        }
    }

    #[test]
    fn words_and_states_are_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::in_one(folder.path().to_owned());
        let (mut memory, problem) = open(&home);
        assert_eq!(problem, None);
        let word = stop();
        memory.remember(SessionId::new("a"), Some(word.clone()));
        memory.remember(SessionId::new("b"), Some(word.clone()));
        memory.remember(SessionId::new("b"), None);
        let entry = EntryName::new("keep");
        let state: StateSnapshot = [StateWrite {
            scope: StateScope::Session(SessionId::new("a")),
            key: "k".into(),
            value: Some(Arc::from(&b"\x00v"[..])),
        }]
        .into_iter()
        .collect();
        memory.keep_state(&entry, &state);
        drop(memory);
        let (memory, _) = open(&home);
        assert_eq!(memory.words(), [(SessionId::new("a"), word)]);
        assert_eq!(memory.state(&entry), (state, None));
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::in_one(folder.path().to_owned());
        private_file::write(&home.words(), b"{ torn").unwrap();
        let (memory, problem) = open(&home);
        assert!(memory.words().is_empty());
        assert!(problem.unwrap().contains("words.json.unreadable"));
        let aside = home.words().with_extension("json.unreadable");
        assert_eq!(std::fs::read(aside).unwrap(), b"{ torn");
    }

    #[test]
    fn nothing_is_written_over_what_cannot_be_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let home = Home::in_one(folder.path().to_owned());
        private_file::write(&home.words(), b"{}").unwrap();
        let aside = home.words().with_extension("json.unreadable");
        private_file::write(&aside, b"earlier").unwrap();
        // Others may have read it: it is not used, but kept.
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(home.words(), mode).unwrap();
        assert!(words(&home).unwrap_err().contains("chmod 600"));
        assert!(home.words().exists(), "a look changes nothing");
        let (mut memory, problem) = open(&home);
        assert!(problem.unwrap().contains("words.json.unreadable-2"));
        let word = stop();
        memory.remember(SessionId::new("a"), Some(word));
        drop(memory);
        assert_eq!(words(&home).unwrap().len(), 1);
        assert_eq!(std::fs::read(&aside).unwrap(), b"earlier");
        let second = home.words().with_extension("json.unreadable-2");
        assert_eq!(std::fs::read(second).unwrap(), b"{}");
    }
}
