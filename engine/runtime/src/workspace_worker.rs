//! Reads the Workspace file when it changed, and writes states into it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dayfly_core::input::PersistedStatus;
use dayfly_core::session::SessionId;
use dayfly_workspace::{Loaded, Problem, Rejected, Workspace, WorkspaceFile, WriteError};
use tokio::sync::mpsc;

use crate::mailbox::{Mailbox, Taken};
use crate::message::Message;
pub(crate) use crate::workspace_reloaded::WorkspaceReloaded;

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
    states: BTreeMap<SessionId, PersistedStatus>,
}

/// The thread that reads and writes the Workspace.
#[derive(Debug)]
pub(crate) struct WorkspaceWorker {
    work: Arc<Mailbox<Work>>,
    thread: Option<JoinHandle<()>>,
}

/// Tells the worker that the file may have changed.
#[derive(Clone, Debug)]
pub(crate) struct ReloadRequest(Arc<Mailbox<Work>>);

impl ReloadRequest {
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

    pub(crate) fn nudge(&self) -> ReloadRequest {
        ReloadRequest(Arc::clone(&self.work))
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

    pub(crate) fn write(&self, session: SessionId, projection: PersistedStatus) {
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

/// Looks at once, and writes when states were gathered: whoever waits for a look waits for no write
/// that is due later, nor for a disk that does not take it.
fn serve(file: &WorkspaceFile, incoming: &Mailbox<Work>, answers: &mpsc::Sender<Message>) {
    let mut states = BTreeMap::new();
    let mut failing = false;
    // When states are to be written.
    let mut due: Option<Instant> = None;
    loop {
        let (mut work, ends) = match incoming.take_until(due) {
            Taken::Work(work) => (work, false),
            Taken::Nothing => (Work::default(), false),
            Taken::Closed => (Work::default(), true),
        };
        if work.load {
            look(file, std::mem::take(&mut work.tickets), answers);
        }
        states.append(&mut work.states);
        if !states.is_empty() && due.is_none() {
            due = Some(Instant::now() + GATHER);
        }
        if due.is_some_and(|at| ends || answers.is_closed() || at <= Instant::now()) {
            due = None;
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
                        let told = Message::StatesTrouble(Some(error.to_string()));
                        let _ = answers.blocking_send(told);
                    }
                    if !answers.is_closed() {
                        due = Some(Instant::now() + AGAIN);
                    }
                }
            }
        }
        if ends {
            return;
        }
        if due.is_none() {
            incoming.done();
            let _ = answers.blocking_send(Message::WorkspaceIdle);
        }
    }
}

fn write(
    file: &WorkspaceFile,
    states: &BTreeMap<SessionId, PersistedStatus>,
    answers: &mpsc::Sender<Message>,
) -> Result<(), WriteError> {
    if states.is_empty() {
        return Ok(());
    }
    let written = file.project(states)?;
    if !written.deferred.is_empty() {
        // The person edited those meanwhile; told of it, the engine decides again.
        look(file, Vec::new(), answers);
    }
    Ok(())
}

fn look(file: &WorkspaceFile, tickets: Vec<u64>, answers: &mpsc::Sender<Message>) {
    let looked = match file.load() {
        Ok(Loaded::Changed {
            workspace,
            difference,
        }) => WorkspaceReloaded {
            change: Some((workspace, difference)),
            rejected: None,
            tickets,
        },
        Ok(Loaded::Unchanged) => WorkspaceReloaded {
            change: None,
            rejected: None,
            tickets,
        },
        Err(rejected) => WorkspaceReloaded {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use dayfly_core::session::Status;

    use super::*;

    #[test]
    fn whoever_waits_for_a_look_does_not_wait_for_a_disk_that_takes_no_states() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("workspace.json");
        let session =
            r#"{"sessionId":"a","sessionName":"a","status":"inactive","type":"localstack"}"#;
        fs::write(&path, format!(r#"{{"sessions":[{session}]}}"#)).unwrap();
        // Another writer holds the file, so that nothing is written.
        let other = fs::File::open(&path).unwrap();
        other.lock().unwrap();
        let (answers, mut messages) = mpsc::channel(64);
        let file = Arc::new(WorkspaceFile::at(&path));
        let worker = WorkspaceWorker::start(file, answers).unwrap();
        worker.look(1);
        assert!(matches!(messages.blocking_recv(), Some(Message::Looked(_))));
        let active = PersistedStatus {
            status: Status::Active,
            start: None,
            expiration: None,
        };
        worker.write(SessionId::new("a"), active);
        while !matches!(
            messages.blocking_recv().unwrap(),
            Message::StatesTrouble(Some(_))
        ) {}
        let asked = Instant::now();
        worker.look(2);
        loop {
            match messages.blocking_recv().unwrap() {
                Message::Looked(looked) if looked.tickets == [2] => break,
                _ => {}
            }
        }
        assert!(asked.elapsed() < AGAIN / 2, "{:?}", asked.elapsed());
        assert!(!worker.is_idle(), "states wait to be written");
        drop(other);
        while !matches!(
            messages.blocking_recv().unwrap(),
            Message::StatesTrouble(None)
        ) {}
        assert!(fs::read_to_string(&path).unwrap().contains("active"));
        drop(messages);
    }
}
