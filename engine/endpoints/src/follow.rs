//! Keeps the metadata endpoint as dayfly.toml and the Workspace want it.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::{JournalEntry, JournalEvent};
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::Handle;
use dayfly_runtime::config::Imds;
use dayfly_supervisor::Sockets;
use dayfly_workspace::Workspace;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::Endpoints;
use crate::imds::{Identity, Metadata, WARNING};
use crate::server::Port;

/// How long a port may be taken by the endpoint that was there before.
const GONE: Duration = Duration::from_secs(1);
/// How often it is tried.
const AGAIN: Duration = Duration::from_millis(50);

/// Reads the Workspace.
pub(crate) type ReadWorkspace = Box<dyn Fn() -> Result<Arc<Workspace>, CliError> + Send + Sync>;

/// Tells the person.
pub type Say = Box<dyn Fn(Said) + Send + Sync>;

/// What the person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The endpoint is open.
    Opened(String),
    /// Why there is none.
    Trouble(String),
}

/// Opens, changes and closes the metadata endpoint. One that cannot be opened keeps nothing else from
/// working.
pub struct Follow {
    workspace: ReadWorkspace,
    say: Say,
    handle: Handle,
    doors: Arc<Endpoints>,
    sockets: Arc<Sockets>,
    /// The port that is open, and who is shown there.
    open: Option<(u16, Identity)>,
    /// What was said last of why there is none.
    said: Option<CliError>,
}

impl Follow {
    /// Nothing is open yet; `workspace` reads the Workspace, and `say` tells the person.
    pub fn new(
        handle: &Handle,
        doors: &Arc<Endpoints>,
        sockets: Arc<Sockets>,
        workspace: ReadWorkspace,
        say: Say,
    ) -> Self {
        Self {
            workspace,
            say,
            handle: handle.clone(),
            doors: Arc::clone(doors),
            sockets,
            open: None,
            said: None,
        }
    }

    /// Does so with every change of the configuration and of the Workspace, until the engine ends.
    pub async fn follow(
        mut self,
        mut configured: watch::Receiver<Option<Imds>>,
        mut notes: broadcast::Receiver<Arc<JournalEntry>>,
    ) {
        loop {
            tokio::select! {
                changed = configured.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                note = notes.recv() => match note {
                    Ok(note) if matches!(note.what, JournalEvent::WorkspaceAccepted { .. }) => {}
                    // One of those that were missed may have been such a one.
                    Err(RecvError::Lagged(_)) => {}
                    Ok(_) => continue,
                    Err(RecvError::Closed) => return,
                },
            }
            let wanted = configured.borrow_and_update().clone();
            self.apply(wanted).await;
        }
    }

    /// Has the endpoint as it is wanted now.
    pub async fn apply(&mut self, wanted: Option<Imds>) {
        let Some(imds) = wanted else {
            self.doors.set_metadata(None);
            (self.open, self.said) = (None, None);
            return;
        };
        let identity = match self.identity(&imds) {
            Ok(Some(identity)) => identity,
            // The Workspace cannot be read now: what was shown before stays.
            Ok(None) => return,
            Err(trouble) => return self.close(trouble),
        };
        match &mut self.open {
            Some((port, shown)) if *port == imds.port => {
                if *shown != identity {
                    self.doors.show_metadata(&identity);
                    *shown = identity;
                }
            }
            _ => self.open(imds.port, identity).await,
        }
    }

    /// Whose endpoint it is to be; none where that cannot be known now.
    fn identity(&self, imds: &Imds) -> Result<Option<Identity>, CliError> {
        let workspace = match (self.workspace)() {
            Ok(workspace) => workspace,
            Err(_) if self.open.is_some() => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let session = workspace.resolve(&imds.session).map_err(|e| {
            let message = format!("no metadata endpoint: {e}");
            let hint = "add the session, or set `session` of [imds] in dayfly.toml to another one";
            CliError::new(Code::NotFound, message).hint(hint)
        })?;
        Ok(Some(Identity::of(&workspace, &session.session)))
    }

    async fn open(&mut self, port: u16, identity: Identity) {
        let other_port = self.open.take().is_some();
        self.doors.set_metadata(None);
        let since = tokio::time::Instant::now();
        let opened = loop {
            let source = Arc::new(self.handle.clone());
            let told = self.handle.clone();
            let sockets = Arc::clone(&self.sockets);
            let opened =
                Metadata::start(Port::Only(port), source, identity.clone(), told, sockets).await;
            // The one before may have its port for a moment still.
            if opened.is_ok() || !other_port || since.elapsed() >= GONE {
                break opened;
            }
            tokio::time::sleep(AGAIN).await;
        };
        match opened {
            Ok(metadata) => {
                let url = metadata.url();
                (self.say)(Said::Opened(format!(
                    "Metadata endpoint at {url}: {WARNING}\n"
                )));
                self.doors
                    .set_metadata(Some(Ok((identity.session.clone(), metadata))));
                (self.open, self.said) = (Some((port, identity)), None);
            }
            Err(trouble) => self.close(trouble),
        }
    }

    fn close(&mut self, trouble: CliError) {
        if self.said.as_ref() != Some(&trouble) {
            (self.say)(Said::Trouble(format!("{trouble}\n")));
        }
        self.open = None;
        self.said = Some(trouble.clone());
        self.doors.set_metadata(Some(Err(trouble)));
    }
}
