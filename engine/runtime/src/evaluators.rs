//! Threads that ask policies, never the engine's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dayfly_core::policy::{Fault, FaultKind};
use dayfly_policy::{Call, Evaluated, Failed, Used};
use tokio::sync::mpsc;

use crate::message::Message;
use crate::question::Question;
use crate::recording::{Answer, Recorder};
use crate::worker_pool::WorkerPool;

/// A guest takes 512 KiB of it.
const STACK: usize = 2 << 20;
/// As many guests as the host has places for.
const MOST: usize = 32;

/// The threads.
#[derive(Debug)]
pub(crate) struct Evaluators {
    // Each entry is asked one thing at a time, so what waits is bounded by their number.
    pool: WorkerPool,
    answers: mpsc::Sender<Message>,
}

impl Evaluators {
    /// Starts so many threads; more help out while guests use up their time.
    pub(crate) fn start(number: usize, answers: &mpsc::Sender<Message>) -> std::io::Result<Self> {
        Ok(Self {
            pool: WorkerPool::start(number, MOST, STACK)?,
            answers: answers.clone(),
        })
    }

    /// Has a question asked; the recorder is where it and its answer are kept, where they are.
    pub(crate) fn ask(&self, question: Question, recorder: Option<Recorder>) {
        let answers = self.answers.clone();
        self.pool.take(move || serve(question, recorder, &answers));
    }
}

fn serve(question: Question, recorder: Option<Recorder>, answers: &mpsc::Sender<Message>) {
    let (entry, evaluation) = (question.entry.clone(), question.evaluation);
    let result = catch_unwind(AssertUnwindSafe(|| evaluate(&question))).unwrap_or_else(|_| {
        Err(Failed {
            fault: Fault {
                kind: FaultKind::Host,
                message: "the policy host failed".into(),
            },
            log: dayfly_policy::call::Log::default(),
            used: Used::default(),
        })
    });
    // Before the engine can ask the entry the next thing, so that the order is that of the calls.
    if let Some(recorder) = recorder {
        recorder.take(question, Answer::of(&result));
    }
    // At the end nobody takes answers any more.
    let _ = answers.blocking_send(Message::Evaluated {
        entry,
        evaluation,
        result,
    });
}

fn evaluate(question: &Question) -> Result<Evaluated, Failed> {
    question.policy.evaluate(Call {
        context: question.context,
        events: &question.events,
        workspace: Arc::new(question.sees.clone()),
        state: question.state.clone(),
    })
}
