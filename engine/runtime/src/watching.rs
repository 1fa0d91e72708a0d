//! Watches the files and repositories that policies asked for, on a thread of its own.
//!
//! Notices are a level, not events: they say where to look, any number of them is one look, and
//! what is told is how what was found differs from what was found before. So nothing is lost when
//! there are many, and a save by way of a rename is a change like any other. Nothing wakes up while
//! nothing changes, but where the system gives no notices; that is told as a trouble.
//!
//! `tree` is what was found, `look` finds it, `notices` are the system's, `content` is what is read
//! of a file, `open` how it is opened, `secrets` which files nobody is told of, `git` what a
//! repository's files mean, `work` what the thread is to do.

mod content;
mod git;
mod identity;
mod look;
mod notices;
mod open;
mod repositories;
mod secrets;
mod tree;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dayfly_core::input::ObservedPath;
use dayfly_core::policy::EntryName;
use tokio::sync::mpsc;

use self::notices::{Notices, POLL};
pub(crate) use self::secrets::Secrets;
use self::tree::Tree;
use self::work::Work;
pub(crate) use self::work::{Fresh, Terms, Wanted};
use crate::mailbox::{Mailbox, Taken};
use crate::message::Message;

/// How long after a notice further ones are gathered: long enough for a program that writes a file
/// in place, too short to be felt.
const FIRST: Duration = Duration::from_millis(8);
/// The same while there are many.
const GATHER: Duration = Duration::from_millis(30);
/// Files that are told at once.
const AT_ONCE: usize = 1_000;

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
