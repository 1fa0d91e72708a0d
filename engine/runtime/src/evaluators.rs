//! Threads that ask policies, never the engine's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use dayfly_core::policy::{Context, EntryName, EvaluationId, Event, Fault, FaultKind};
use dayfly_policy::{Call, Evaluated, Failed, Policy, StateSnapshot, Used, WorkspaceQuery};
use tokio::sync::mpsc;

use crate::message::Message;

/// A guest takes 512 KiB of it.
const STACK: usize = 2 << 20;

/// A question to a policy.
pub(crate) struct Question {
    pub(crate) entry: EntryName,
    pub(crate) evaluation: EvaluationId,
    pub(crate) policy: Policy,
    pub(crate) context: Context,
    pub(crate) events: Vec<Event>,
    pub(crate) workspace: Arc<dyn WorkspaceQuery>,
    pub(crate) state: StateSnapshot,
}

/// The threads.
#[derive(Debug)]
pub(crate) struct Evaluators {
    // Each entry is asked one thing at a time, so this is bounded by their number.
    questions: Option<Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Evaluators {
    pub(crate) fn start(number: usize, answers: &mpsc::Sender<Message>) -> std::io::Result<Self> {
        let (questions, incoming) = channel();
        let incoming = Arc::new(Mutex::new(incoming));
        let mut threads = Vec::new();
        for _ in 0..number.max(1) {
            let (incoming, answers) = (Arc::clone(&incoming), answers.clone());
            let thread = thread::Builder::new()
                .name("dayfly-policy".into())
                .stack_size(STACK)
                .spawn(move || serve(&incoming, &answers))?;
            threads.push(thread);
        }
        Ok(Self {
            questions: Some(questions),
            threads,
        })
    }

    pub(crate) fn ask(&self, question: Question) {
        if let Some(questions) = &self.questions {
            // The threads end only after this sender.
            let _ = questions.send(question);
        }
    }
}

impl Drop for Evaluators {
    /// Waits for the calls that run; each has its deadline.
    fn drop(&mut self) {
        self.questions = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(incoming: &Mutex<Receiver<Question>>, answers: &mpsc::Sender<Message>) {
    loop {
        let next = incoming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(question) = next else { return };
        let (entry, evaluation) = (question.entry.clone(), question.evaluation);
        let result = catch_unwind(AssertUnwindSafe(|| evaluate(question))).unwrap_or_else(|_| {
            Err(Failed {
                fault: Fault {
                    kind: FaultKind::Host,
                    message: "the policy host failed".into(),
                },
                log: dayfly_policy::call::Log::default(),
                used: Used::default(),
            })
        });
        let answer = Message::Evaluated {
            entry,
            evaluation,
            result,
        };
        if answers.blocking_send(answer).is_err() {
            return;
        }
    }
}

fn evaluate(question: Question) -> Result<Evaluated, Failed> {
    question.policy.evaluate(Call {
        context: question.context,
        events: &question.events,
        workspace: question.workspace,
        state: question.state,
    })
}
