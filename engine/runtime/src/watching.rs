//! Watches the files and repositories that policies asked for, on a thread of its own.
//!
//! Notices are a level, not events: they say where to look, any number of them is one look, and
//! what is told is how what was found differs from what was found before. So nothing is lost when
//! there are many, and a save by way of a rename is a change like any other. Nothing wakes up while
//! nothing changes, but where the system gives no notices; that is told as a trouble.
//!
//! `tree` is what was found, `look` finds it, `notices` are the system's, `content` is what is read
//! of a file, `open` how it is opened, `secrets` which files nobody is told of, `git` what a
//! repository's files mean.

mod content;
mod git;
mod identity;
mod look;
mod notices;
mod open;
mod repositories;
mod secrets;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dayfly_core::input::ObservedPath;
use dayfly_core::policy::EntryName;
use tokio::sync::mpsc;

use self::notices::Notices;
pub(crate) use self::secrets::Secrets;
use self::tree::Tree;
use crate::mailbox::{Mailbox, Taken};
use crate::message::Message;

/// How long after a notice further ones are gathered: long enough for a program that writes a file
/// in place, too short to be felt.
const FIRST: Duration = Duration::from_millis(8);
/// The same while there are many.
const GATHER: Duration = Duration::from_millis(30);
/// How often folders are looked at of which the system gives no notices.
const POLL: Duration = Duration::from_secs(5);
/// Names in one folder that are looked at one by one; more, and all of it is looked at.
const NAMES: usize = 256;
/// Files that are told at once.
const AT_ONCE: usize = 1_000;

/// What policies want to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Patterns of files.
    pub(crate) files: BTreeMap<String, Terms>,
    /// Patterns of folders of repositories, and the folder below which no link is followed.
    pub(crate) branches: BTreeMap<String, PathBuf>,
    /// Entries that begin to watch, with their patterns.
    pub(crate) fresh: BTreeMap<EntryName, Fresh>,
}

/// On which terms files are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whether anybody may be told their content.
    pub(crate) content: bool,
    /// The folder below which no link is followed: links on the way to it are the person's, who
    /// named it in a grant; those below may be anybody's.
    pub(crate) below: PathBuf,
}

/// What an entry that begins to watch is told once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) files: BTreeSet<String>,
    pub(crate) branches: BTreeSet<String>,
}

/// Where to look.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    /// Names in folders; none: all names.
    folders: BTreeMap<PathBuf, Option<BTreeSet<OsString>>>,
    /// Everywhere: notices were lost.
    all: bool,
}

impl Dirty {
    fn name(&mut self, folder: PathBuf, name: OsString) {
        let names = self.folders.entry(folder);
        let names = names.or_insert_with(|| Some(BTreeSet::new()));
        if let Some(some) = names {
            some.insert(name);
            if some.len() > NAMES {
                *names = None;
            }
        }
    }

    fn folder(&mut self, folder: PathBuf) {
        self.folders.insert(folder, None);
    }

    fn append(&mut self, later: Self) {
        self.all |= later.all;
        for (folder, names) in later.folders {
            match names {
                None => self.folder(folder),
                Some(names) => {
                    for name in names {
                        self.name(folder.clone(), name);
                    }
                }
            }
        }
    }
}

/// What the thread is to do.
#[derive(Debug, Default)]
pub(crate) struct Work {
    dirty: Dirty,
    wanted: Option<Wanted>,
}

impl Work {
    /// From now on this is wanted, and nothing else. Whoever was to be told what is there, and was
    /// not, is told now, if it still is.
    fn want(&mut self, mut wanted: Wanted) {
        if let Some(earlier) = self.wanted.take() {
            for (entry, fresh) in earlier.fresh {
                wanted.fresh.entry(entry).or_insert(fresh);
            }
        }
        self.wanted = Some(wanted);
    }

    fn append(&mut self, later: Self) {
        self.dirty.append(later.dirty);
        if let Some(wanted) = later.wanted {
            self.want(wanted);
        }
    }
}

/// The thread that watches.
#[derive(Debug)]
pub(crate) struct Watching {
    work: Arc<Mailbox<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Watching {
    pub(crate) fn start(answers: mpsc::Sender<Message>, secrets: Secrets) -> std::io::Result<Self> {
        let work = Arc::new(Mailbox::new());
        let incoming = Arc::clone(&work);
        let thread = thread::Builder::new()
            .name("dayfly-files".into())
            .spawn(move || {
                Watcher {
                    tree: Tree::new(secrets),
                    notices: Notices::new(Arc::clone(&incoming)),
                    work: incoming,
                    answers,
                    trouble: None,
                }
                .run();
            })?;
        Ok(Self {
            work,
            thread: Some(thread),
        })
    }

    /// From now on this is wanted, and nothing else.
    pub(crate) fn want(&self, wanted: Wanted) {
        self.work.put(|work| work.want(wanted));
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.work.is_idle()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.work.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Watcher {
    tree: Tree,
    notices: Notices,
    work: Arc<Mailbox<Work>>,
    answers: mpsc::Sender<Message>,
    /// What was told last.
    trouble: Option<String>,
}

impl Watcher {
    fn run(mut self) {
        let mut looked: Option<Instant> = None;
        let mut took = Duration::ZERO;
        loop {
            let wait = self.notices.polls().then_some(POLL);
            let mut work = match self.work.take_within(wait) {
                Taken::Work(work) => work,
                Taken::Nothing => Work {
                    dirty: self.notices.take_polled(),
                    wanted: None,
                },
                Taken::Closed => return,
            };
            let busy = looked.is_some_and(|at| at.elapsed() < GATHER);
            if work.wanted.is_none() {
                // However much there is to look at, half of the time is left to others.
                thread::sleep(if busy { GATHER.max(took) } else { FIRST });
            }
            if let Some(later) = self.work.take_more() {
                work.append(later);
            }
            let begun = Instant::now();
            let done = self.look(work);
            took = begun.elapsed();
            looked = Some(Instant::now());
            if done.is_none() {
                return;
            }
            self.work.done();
        }
    }

    /// Looks where there may be news and tells them; none where nobody listens any more.
    fn look(&mut self, work: Work) -> Option<()> {
        let mut fresh = BTreeMap::new();
        let mut news = Vec::new();
        if let Some(wanted) = work.wanted {
            news.extend(self.tree.want(&wanted, &mut self.notices));
            fresh = wanted.fresh;
        }
        news.extend(self.tree.look(work.dirty, &mut self.notices));
        self.tell(news, None)?;
        for (entry, patterns) in fresh {
            let present = self.tree.present(&patterns);
            self.tell(present, Some(entry))?;
        }
        let trouble = self.tree.trouble().or_else(|| self.notices.trouble());
        if trouble != self.trouble {
            self.trouble.clone_from(&trouble);
            let about = "watched-files".to_owned();
            let message = trouble;
            let trouble = Message::Trouble { about, message };
            self.answers.blocking_send(trouble).ok()?;
        }
        Some(())
    }

    fn tell(&self, mut seen: Vec<ObservedPath>, to: Option<EntryName>) -> Option<()> {
        while !seen.is_empty() {
            let rest = seen.split_off(seen.len().min(AT_ONCE));
            let to = to.clone();
            let message = Message::Watched { seen, to };
            self.answers.blocking_send(message).ok()?;
            seen = rest;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
