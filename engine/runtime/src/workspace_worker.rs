//! Reads the Workspace file when it changed, and writes states into it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dayfly_core::input::{Projection, WorkspaceChange};
use dayfly_core::session::SessionId;
use dayfly_workspace::{Loaded, Problem, Rejected, Workspace, WorkspaceFile, WriteError};
use tokio::sync::mpsc;

use crate::mailbox::Mailbox;
use crate::message::Message;

/// How long states are gathered before they are written: a write costs a rewrite of the file.
const GATHER: Duration = Duration::from_millis(25);
/// How long to wait before states that could not be written are tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Debug, Default)]
struct Work {
    load: bool,
    /// Asks that want to be answered after the file was looked at.
    tickets: Vec<u64>,
    states: BTreeMap<SessionId, Projection>,
}

/// What looking at the file brought.
#[derive(Debug)]
pub(crate) struct Looked {
    /// What the person changed; none where the file cannot be used.
    pub(crate) change: Option<(Arc<Workspace>, WorkspaceChange)>,
    /// Why it cannot be used.
    pub(crate) rejected: Option<Rejected>,
    /// Asks that waited for this.
    pub(crate) tickets: Vec<u64>,
}

/// The thread that reads and writes the Workspace.
#[derive(Debug)]
pub(crate) struct WorkspaceWorker {
    work: Arc<Mailbox<Work>>,
    thread: Option<JoinHandle<()>>,
}

/// Tells the worker that the file may have changed.
#[derive(Clone, Debug)]
pub(crate) struct Nudge(Arc<Mailbox<Work>>);

impl Nudge {
    pub(crate) fn nudge(&self) {
        self.0.put(|work| work.load = true);
    }
}

impl WorkspaceWorker {
    pub(crate) fn start(
        file: Arc<WorkspaceFile>,
        answers: mpsc::Sender<Message>,
    ) -> std::io::Result<Self> {
        let work = Arc::new(Mailbox::new());
        let incoming = Arc::clone(&work);
        let thread = thread::Builder::new()
            .name("dayfly-workspace".into())
            .spawn(move || serve(&file, &incoming, &answers))?;
        Ok(Self {
            work,
            thread: Some(thread),
        })
    }

    pub(crate) fn nudge(&self) -> Nudge {
        Nudge(Arc::clone(&self.work))
    }

    /// Looks at the file, then says so.
    pub(crate) fn look(&self, ticket: u64) {
        self.work.put(|work| {
            work.load = true;
            work.tickets.push(ticket);
        });
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.work.is_idle()
    }

    pub(crate) fn write(&self, session: SessionId, projection: Projection) {
        self.work.put(|work| {
            work.states.insert(session, projection);
        });
    }
}

impl Drop for WorkspaceWorker {
    /// Waits until everything is written.
    fn drop(&mut self) {
        self.work.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(file: &WorkspaceFile, incoming: &Mailbox<Work>, answers: &mpsc::Sender<Message>) {
    let mut states = BTreeMap::new();
    let mut failing = false;
    while let Some(mut work) = incoming.take() {
        if work.load {
            look(file, std::mem::take(&mut work.tickets), answers);
        }
        states.append(&mut work.states);
        if !states.is_empty() && !answers.is_closed() {
            // What comes meanwhile is written in one more write, not in many.
            thread::sleep(GATHER);
        }
        match write(file, &states, answers) {
            Ok(()) => {
                states.clear();
                if std::mem::take(&mut failing) {
                    let _ = answers.blocking_send(Message::StatesTrouble(None));
                }
            }
            // That was told when it was looked at; once it is mended there is work again.
            Err(WriteError::Rejected(_)) => {}
            Err(WriteError::Disk(error)) => {
                if !std::mem::replace(&mut failing, true) {
                    let _ = answers.blocking_send(Message::StatesTrouble(Some(error.to_string())));
                }
                if !answers.is_closed() {
                    thread::sleep(AGAIN);
                    incoming.put(|_| {});
                }
            }
        }
        incoming.done();
        let _ = answers.blocking_send(Message::WorkspaceIdle);
    }
}

fn write(
    file: &WorkspaceFile,
    states: &BTreeMap<SessionId, Projection>,
    answers: &mpsc::Sender<Message>,
) -> Result<(), WriteError> {
    if states.is_empty() {
        return Ok(());
    }
    let written = file.project(states)?;
    if !written.deferred.is_empty() {
        // The person edited those meanwhile; told of it, the engine decides anew.
        look(file, Vec::new(), answers);
    }
    Ok(())
}

fn look(file: &WorkspaceFile, tickets: Vec<u64>, answers: &mpsc::Sender<Message>) {
    let looked = match file.load() {
        Ok(Loaded::Changed {
            workspace,
            difference,
        }) => Looked {
            change: Some((workspace, difference)),
            rejected: None,
            tickets,
        },
        Ok(Loaded::Unchanged) => Looked {
            change: None,
            rejected: None,
            tickets,
        },
        Err(rejected) => Looked {
            change: None,
            rejected: Some(rejected),
            tickets,
        },
    };
    let _ = answers.blocking_send(Message::Looked(looked));
}

/// Problems of a Workspace, however it was received.
pub(crate) fn problems(workspace: Option<&Workspace>, rejected: Option<&Rejected>) -> Vec<Problem> {
    match rejected {
        Some(rejected) => rejected.problems.clone(),
        None => workspace.map_or_else(Vec::new, |w| w.problems().to_vec()),
    }
}
