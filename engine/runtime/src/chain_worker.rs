//! Carries changes to the provider chain, in their order, many in one step.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use dayfly_chain::{Change, Target};
use dayfly_core::effect::OperationId;
use dayfly_core::session::{ErrorKind, Failure};
use tokio::sync::mpsc;

use crate::message::Message;

/// Changes in one step: a rewrite of a large file is worth many.
const BATCH: usize = 512;

/// A change for the chain.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) operation: OperationId,
    /// None where there is nothing to change: the session has no place in the chain.
    pub(crate) change: Option<Change>,
}

/// The thread that changes the chain.
#[derive(Debug)]
pub(crate) struct ChainWorker {
    // At most one change of each session waits, so this is bounded by their number.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl ChainWorker {
    pub(crate) fn start(
        target: Arc<dyn Target>,
        answers: mpsc::Sender<Message>,
    ) -> std::io::Result<Self> {
        let (jobs, incoming) = channel();
        let thread = thread::Builder::new()
            .name("dayfly-chain".into())
            .spawn(move || serve(&*target, &incoming, &answers))?;
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

fn serve(target: &dyn Target, incoming: &Receiver<Job>, answers: &mpsc::Sender<Message>) {
    while let Ok(first) = incoming.recv() {
        let mut batch = vec![first];
        batch.extend(std::iter::from_fn(|| incoming.try_recv().ok()).take(BATCH - 1));
        let changes: Vec<Change> = batch.iter().filter_map(|job| job.change.clone()).collect();
        let results = catch_unwind(AssertUnwindSafe(|| target.apply(&changes)));
        let mut results = match results {
            Ok(results) => results
                .into_iter()
                .map(|result| result.map_err(|e| e.to_failure()))
                .collect::<Vec<_>>(),
            Err(_) => {
                let message = format!("the chain target {} failed", target.name());
                vec![Err(Failure::new(ErrorKind::Delivery, message)); changes.len()]
            }
        }
        .into_iter();
        for job in batch {
            let result = match job.change {
                Some(_) => results.next().unwrap_or_else(|| {
                    let message = format!("the chain target {} gave no answer", target.name());
                    Err(Failure::new(ErrorKind::Delivery, message))
                }),
                None => Ok(()),
            };
            let answer = Message::Delivered {
                operation: job.operation,
                result,
            };
            if answers.blocking_send(answer).is_err() {
                // The engine is gone, but what it asked for is still done.
                break;
            }
        }
    }
}
