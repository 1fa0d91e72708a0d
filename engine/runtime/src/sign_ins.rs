//! Notices sign-ins that are made elsewhere: by the AWS CLI, an SDK, another command.
//!
//! Programs that share a sign-in put it into a file that all of them know; that file is watched,
//! as the Workspace is. A notice counts where somebody is signed in afterwards: sessions that
//! waited for that are tried again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use dayfly_core::input::Attended;
use dayfly_providers::sso::{Sso, SsoIntegration};
use dayfly_workspace::{Watch, watch};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::message::{Ask, Message};

/// What problems with the watch are filed under.
const ABOUT: &str = "sign-in-watch";
/// Lists of integrations that wait to be followed: the Workspace changes no faster.
const WAITING: usize = 16;

/// Which sign-ins to watch.
type Wanted = (Arc<Sso>, Vec<SsoIntegration>);

/// Watches the files of sign-ins, until it is dropped.
#[derive(Debug)]
pub(crate) struct SignIns(Option<SyncSender<Wanted>>);

impl SignIns {
    /// Tells what it notices through these messages; without any, nothing is watched.
    pub(crate) fn start(messages: Option<mpsc::Sender<Message>>) -> std::io::Result<Self> {
        let Some(messages) = messages else {
            return Ok(Self(None));
        };
        let (wanted, incoming) = sync_channel(WAITING);
        let runtime = Handle::current();
        // Ends with the sender.
        thread::Builder::new()
            .name("dayfly-sign-ins".to_owned())
            .spawn(move || follow(&incoming, &runtime, &messages))?;
        Ok(Self(Some(wanted)))
    }

    /// Watches the sign-ins to these integrations from now on, and no others. Which files these
    /// are says the AWS config file as it is now.
    pub(crate) fn follow(&self, sso: &Arc<Sso>, integrations: Vec<SsoIntegration>) {
        if let Some(wanted) = &self.0 {
            // Where so many wait, one of them is this one, or nearly so.
            let _ = wanted.try_send((Arc::clone(sso), integrations));
        }
    }
}

fn follow(incoming: &Receiver<Wanted>, runtime: &Handle, messages: &mpsc::Sender<Message>) {
    let mut watches: Vec<Watch> = Vec::new();
    while let Ok((sso, integrations)) = incoming.recv() {
        watches.clear();
        let mut problem = None;
        for integration in integrations {
            let files = match runtime.block_on(sso.files(&integration)) {
                Ok(files) => files,
                Err(error) => {
                    problem = Some(error.to_string());
                    continue;
                }
            };
            for file in files {
                let (sso, messages) = (Arc::clone(&sso), messages.clone());
                let (runtime, integration) = (runtime.clone(), integration.clone());
                let look = move || {
                    let standing = runtime.block_on(sso.standing(&integration));
                    if standing.is_ok_and(|standing| standing.signed_in) {
                        let (answer, _) = oneshot::channel();
                        let what = Attended::SignIn(integration.id.clone());
                        // One that cannot be told has stopped.
                        let _ =
                            messages.blocking_send(Message::Ask(Ask::Attended { what, answer }));
                    }
                };
                match watch(&file, look) {
                    Ok(watch) => watches.push(watch),
                    Err(error) => problem = Some(error.to_string()),
                }
            }
        }
        let about = ABOUT.to_owned();
        let message = Message::Trouble {
            about,
            message: problem,
        };
        let _ = messages.try_send(message);
    }
}
