//! What the service manager is told while the engine runs: that it is ready and alive, and how the sessions are.

use std::time::Duration;

use dayfly_core::effect::JournalEvent;
use dayfly_runtime::Handle;
use dayfly_supervisor::Notifier;
use dayfly_views::sessions;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// How soon after a change the line on the sessions is made anew, so that many changes make one line.
const SETTLES: Duration = Duration::from_secs(2);

/// Tells the service manager, as long as the engine answers: one that is stuck is not called alive. Ends at once where
/// there is no service manager.
pub(crate) async fn supervise(notifier: Notifier, handle: Handle) {
    if !notifier.is_heard() {
        return;
    }
    notifier.ready();
    let mut notes = handle.notes();
    let mut alive = notifier.alive_every().map(tokio::time::interval);
    // Nothing is due but when something changed.
    let mut status_at = Some(Instant::now());
    loop {
        tokio::select! {
            () = tick(&mut alive) => match handle.alive().await {
                Ok(()) => notifier.alive(),
                Err(_) => return,
            },
            () = until(status_at) => {
                status_at = None;
                let Ok(report) = handle.report().await else {
                    return;
                };
                notifier.status(&sessions::summary(&report.sessions));
            }
            note = notes.recv() => match note {
                Ok(note) if !changes_a_session(&note.what) => {}
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    status_at = status_at.or_else(|| Some(Instant::now() + SETTLES));
                }
                Err(RecvError::Closed) => return,
            },
        }
    }
}

const fn changes_a_session(what: &JournalEvent) -> bool {
    matches!(
        what,
        JournalEvent::Ended { .. }
            | JournalEvent::Decided { .. }
            | JournalEvent::WorkspaceAccepted { .. }
            | JournalEvent::SessionEdited { .. }
    )
}

async fn tick(alive: &mut Option<tokio::time::Interval>) {
    match alive {
        Some(alive) => {
            alive.tick().await;
        }
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
