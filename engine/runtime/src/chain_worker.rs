//! Carries changes to the provider chain, in their order, many in one step, and looks whether what
//! was put there is there yet when somebody else wrote a file of it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use dayfly_chain::{Applied, Chain, ChainError, Order, Placed, PublicationCheck, PublicationPlace};
use dayfly_core::placement::Placement;
use dayfly_core::session::{ErrorKind, Failure};
use dayfly_workspace::{Backend, Watch};
use tokio::sync::mpsc;

use crate::chain_job::{Job, Purpose};
use crate::message::Message;

/// Changes in one step: a rewrite of a large file is worth many.
const BATCH: usize = 512;

/// What troubles with keeping credentials encrypted are about.
pub(crate) const KEPT: &str = "encrypted store";

/// How to go on where credentials are not where they should be.
const WITHOUT: &str = "`dayfly exec` and `dayfly env` work without the file; change where a \
                       session is published with `dayfly session edit NAME --delivery`";

/// What the chain did, as the core is told of it, with what to do about it.
fn placement(placed: Placed) -> Placement {
    let mut placement = Placement::from(placed);
    for (_, failure) in &mut placement.failed {
        failure.hint.get_or_insert_with(|| WITHOUT.to_owned());
    }
    placement
}

/// What the thread is asked to do.
#[derive(Debug)]
enum Work {
    Change(Job),
    /// To look at a file that somebody wrote; the flag says that this is asked already.
    Look(PublicationPlace, Arc<AtomicBool>),
}

/// The thread that changes the chain.
#[derive(Debug)]
pub(crate) struct ChainWorker {
    // At most one change of each session waits, and one look at each file, so this is bounded.
    work: Option<Sender<Work>>,
    files: BTreeMap<PublicationPlace, PathBuf>,
    watches: BTreeMap<PublicationPlace, Watch>,
    thread: Option<JoinHandle<()>>,
}

impl ChainWorker {
    pub(crate) fn start(chain: Chain, answers: mpsc::Sender<Message>) -> std::io::Result<Self> {
        let (work, incoming) = channel();
        let files = chain.files();
        let thread = thread::Builder::new()
            .name("dayfly-chain".into())
            .spawn(move || serve(&chain, &incoming, &answers))?;
        Ok(Self {
            work: Some(work),
            files,
            watches: BTreeMap::new(),
            thread: Some(thread),
        })
    }

    pub(crate) fn send(&self, job: Job) {
        if let Some(work) = &self.work {
            // The thread ends only after this sender.
            let _ = work.send(Work::Change(job));
        }
    }

    /// Watches a file from now on; what was done to it before is looked at too. Why that is not
    /// done as it should be, where it is not.
    pub(crate) fn watch(&mut self, place: PublicationPlace) -> Option<String> {
        let (Some(work), Some(file)) = (&self.work, self.files.get(&place)) else {
            return None;
        };
        if self.watches.contains_key(&place) {
            return None;
        }
        let (work, asked) = (work.clone(), Arc::new(AtomicBool::new(false)));
        let ask = move || {
            if !asked.swap(true, Ordering::AcqRel) {
                let _ = work.send(Work::Look(place, Arc::clone(&asked)));
            }
        };
        let first = ask.clone();
        match dayfly_workspace::watch(file, ask) {
            Ok(watch) => {
                let problem = match watch.backend() {
                    Backend::Native => None,
                    Backend::Polling { reason } => Some(format!(
                        "Dayfly checks {} every two seconds: {reason}",
                        file.display()
                    )),
                };
                self.watches.insert(place, watch);
                first();
                problem
            }
            Err(error) => Some(format!(
                "{error}; Dayfly does not notice when other programs change that file"
            )),
        }
    }
}

impl Drop for ChainWorker {
    /// Waits until everything that was sent is done.
    fn drop(&mut self) {
        // They hold senders.
        self.watches.clear();
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(chain: &Chain, incoming: &Receiver<Work>, answers: &mpsc::Sender<Message>) {
    let mut unkept = None;
    while let Ok(first) = incoming.recv() {
        let (mut jobs, mut looks) = (Vec::new(), BTreeSet::new());
        let more = std::iter::from_fn(|| incoming.try_recv().ok()).take(BATCH - 1);
        for work in std::iter::once(first).chain(more) {
            match work {
                Work::Change(job) => jobs.push(job),
                Work::Look(place, asked) => {
                    asked.store(false, Ordering::Release);
                    looks.insert(place);
                }
            }
        }
        if !jobs.is_empty() {
            change(chain, jobs, &mut unkept, answers);
        }
        for place in looks {
            let check = catch_unwind(AssertUnwindSafe(|| chain.look(place)));
            let check = check.unwrap_or_else(|_| PublicationCheck {
                unread: Some("Dayfly could not check it because of an error in Dayfly".to_owned()),
                ..PublicationCheck::default()
            });
            let _ = answers.blocking_send(Message::PlaceChecked { place, check });
        }
    }
}

fn change(
    chain: &Chain,
    jobs: Vec<Job>,
    unkept: &mut Option<String>,
    answers: &mpsc::Sender<Message>,
) {
    let (purposes, orders): (Vec<Purpose>, Vec<Order>) =
        jobs.into_iter().map(|job| (job.purpose, job.order)).unzip();
    let applied = apply(chain, &orders);
    let problem = applied.unkept.map(|error| {
        format!(
            "{error}; until that is fixed, credentials that are published in no file are lost \
                 when the engine ends"
        )
    });
    if problem != *unkept {
        unkept.clone_from(&problem);
        let about = KEPT.to_owned();
        let message = problem;
        let _ = answers.blocking_send(Message::Trouble { about, message });
    }
    let results = applied.results.into_iter().map(Some);
    let results = results.chain(std::iter::repeat_with(|| None));
    for ((purpose, order), result) in purposes.into_iter().zip(&orders).zip(results) {
        let result = match result {
            Some(Ok(placed)) => Ok(placement(placed)),
            Some(Err(error)) => Err(error.to_failure()),
            None => Err(defect()),
        };
        // Of what could not be taken away everywhere, some may be gone.
        let left = match order {
            Order::Retract { session } if result.is_err() => Some(chain.stands(session)),
            _ => None,
        };
        let delivered = Message::Delivered {
            purpose,
            result,
            left,
        };
        if answers.blocking_send(delivered).is_err() {
            // The engine is gone, but what it asked for is still done.
            break;
        }
    }
}

fn defect() -> Failure {
    let message = "the provider chain could not be changed: an error in Dayfly";
    Failure::new(ErrorKind::Delivery, message)
}

/// Makes the changes. Where that breaks in the middle, they are made one by one, so that what
/// broke fails alone; and what is told of that one is what is found afterwards.
fn apply(chain: &Chain, orders: &[Order]) -> Applied {
    if let Ok(applied) = catch_unwind(AssertUnwindSafe(|| chain.apply(orders))) {
        return applied;
    }
    let mut all = Applied {
        results: Vec::with_capacity(orders.len()),
        unkept: None,
    };
    for order in orders {
        let one = std::slice::from_ref(order);
        match catch_unwind(AssertUnwindSafe(|| chain.apply(one))) {
            Ok(applied) => {
                all.results.extend(applied.results);
                all.unkept = applied.unkept.or(all.unkept);
            }
            Err(_) => {
                let found = catch_unwind(AssertUnwindSafe(|| chain.outcome(order)));
                let found = found.unwrap_or(Err(ChainError::Defect));
                all.results.push(found);
            }
        }
    }
    all
}

#[cfg(test)]
#[path = "chain_worker_tests.rs"]
mod tests;
