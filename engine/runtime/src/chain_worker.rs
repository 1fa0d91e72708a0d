//! Carries changes to the provider chain, in their order, many in one step.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use dayfly_chain::{Chain, Order};
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::effect::OperationId;
use dayfly_core::session::{ErrorKind, Failure, SessionId};
use tokio::sync::mpsc;

use crate::message::Message;

/// Changes in one step: a rewrite of a large file is worth many.
const BATCH: usize = 512;

/// What troubles with keeping credentials encrypted are about.
pub(crate) const KEPT: &str = "kept credentials";

/// A change for the chain.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) purpose: Purpose,
    pub(crate) order: Order,
}

/// What a change is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An operation of the core waits for it.
    Operation(OperationId),
    /// Credentials that are in force are put where they should be.
    Align(SessionId),
    /// Something that nobody stands for is taken away.
    Tidy,
}

/// Where credentials stand after a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) in_force: Delivery,
    pub(crate) failed: Vec<(Place, Failure)>,
}

/// The thread that changes the chain.
#[derive(Debug)]
pub(crate) struct ChainWorker {
    // At most one change of each session waits, so this is bounded by their number.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl ChainWorker {
    pub(crate) fn start(chain: Chain, answers: mpsc::Sender<Message>) -> std::io::Result<Self> {
        let (jobs, incoming) = channel();
        let thread = thread::Builder::new()
            .name("dayfly-chain".into())
            .spawn(move || serve(&chain, &incoming, &answers))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(crate) fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends only after this sender.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for ChainWorker {
    /// Waits until everything that was sent is done.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(chain: &Chain, incoming: &Receiver<Job>, answers: &mpsc::Sender<Message>) {
    let mut unkept = None;
    while let Ok(first) = incoming.recv() {
        let mut batch = vec![first];
        batch.extend(std::iter::from_fn(|| incoming.try_recv().ok()).take(BATCH - 1));
        let (purposes, orders): (Vec<Purpose>, Vec<Order>) = batch
            .into_iter()
            .map(|job| (job.purpose, job.order))
            .unzip();
        let applied = catch_unwind(AssertUnwindSafe(|| chain.apply(&orders)));
        let (results, problem) = match applied {
            Ok(applied) => (applied.results, applied.unkept),
            Err(_) => (Vec::new(), None),
        };
        let mut results = results.into_iter().map(|result| match result {
            Ok(placed) => Ok(Placement {
                in_force: placed.in_force,
                failed: placed
                    .failed
                    .into_iter()
                    .map(|(place, error)| (place, error.to_failure()))
                    .collect(),
            }),
            Err(error) => Err(error.to_failure()),
        });
        let problem = problem.map(|error| {
            format!("{error}; until that is mended, credentials that stand in no file are lost when Dayfly ends")
        });
        if problem != unkept {
            unkept.clone_from(&problem);
            let about = KEPT.to_owned();
            let message = problem;
            let _ = answers.blocking_send(Message::Trouble { about, message });
        }
        for (purpose, order) in purposes.into_iter().zip(&orders) {
            let result = results.next().unwrap_or_else(|| {
                let message = "the provider chain could not be changed: an error in Dayfly";
                Err(Failure::new(ErrorKind::Delivery, message))
            });
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
}
