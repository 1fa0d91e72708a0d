//! Notices sign-ins that are made elsewhere: by the AWS CLI, an SDK, another command.
//!
//! Programs that share a sign-in put it into a file that all of them know; that file is watched,
//! as the Workspace is. A notice counts where somebody is signed in afterwards: sessions that
//! waited for that are tried again. When each sign-in ends is told too, so that policies hear of it
//! before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use dayfly_core::input::{SignIn, UserInput};
use dayfly_providers::sso::{SignInStatus, Sso, SsoIntegration};
use dayfly_workspace::{Watch, watch};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch as level};

use crate::active_problems::ActiveProblems;
use crate::message::{Ask, Message};

/// What problems with the watch are filed under.
const ABOUT: &str = "sign-in-watch";
/// The sign-ins that stand and are known to end, by the id of their integration.
type Ends = Arc<Mutex<BTreeMap<String, SignIn>>>;
/// Which sign-ins to watch.
type Wanted = Option<(Arc<Sso>, Vec<SsoIntegration>)>;

/// Watches the files of sign-ins, until it is dropped.
#[derive(Debug)]
pub(crate) struct SignIns(Option<level::Sender<Wanted>>);

impl SignIns {
    /// Tells what it notices through these messages; without any, nothing is watched.
    pub(crate) fn start(
        messages: Option<mpsc::Sender<Message>>,
        troubles: ActiveProblems,
    ) -> std::io::Result<Self> {
        let Some(messages) = messages else {
            return Ok(Self(None));
        };
        let (wanted, incoming) = level::channel(None);
        let runtime = Handle::current();
        // Ends with the sender.
        thread::Builder::new()
            .name("dayfly-sign-ins".to_owned())
            .spawn(move || follow(incoming, &runtime, &messages, &troubles))?;
        Ok(Self(Some(wanted)))
    }

    /// Watches the sign-ins to these integrations from now on, and no others. Which files these
    /// are says the AWS config file as it is now.
    pub(crate) fn follow(&self, sso: &Arc<Sso>, integrations: Vec<SsoIntegration>) {
        if let Some(wanted) = &self.0 {
            wanted.send_replace(Some((Arc::clone(sso), integrations)));
        }
    }
}

/// The newest that is wanted, once it is another; none where nothing will be wanted any more.
fn next(incoming: &mut level::Receiver<Wanted>, runtime: &Handle) -> Wanted {
    runtime.block_on(incoming.changed()).ok()?;
    incoming.borrow_and_update().clone()
}

fn follow(
    mut incoming: level::Receiver<Wanted>,
    runtime: &Handle,
    messages: &mpsc::Sender<Message>,
    troubles: &ActiveProblems,
) {
    let mut watches: Vec<Watch> = Vec::new();
    while let Some((sso, integrations)) = next(&mut incoming, runtime) {
        watches.clear();
        let ends = Ends::default();
        let mut problem = None;
        for integration in &integrations {
            // What cannot be read is told by who needs it.
            if let Ok(status) = runtime.block_on(sso.sign_in_status(integration)) {
                note(&ends, integration, status);
            }
        }
        tell(messages, &ends);
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
                let ends = Arc::clone(&ends);
                let look = move || {
                    let Ok(status) = runtime.block_on(sso.sign_in_status(&integration)) else {
                        return;
                    };
                    if note(&ends, &integration, status) {
                        tell(&messages, &ends);
                    }
                    if status.signed_in {
                        let (answer, _) = oneshot::channel();
                        let what = UserInput::SignIn(integration.id.clone());
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
        troubles.tell(ABOUT, problem);
    }
}

/// Notes when a sign-in ends; whether that is another moment than before.
fn note(ends: &Ends, integration: &SsoIntegration, status: SignInStatus) -> bool {
    let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(at) = status.ends.filter(|_| status.signed_in) else {
        return ends.remove(&integration.id).is_some();
    };
    let stands = SignIn {
        integration: integration.id.clone(),
        name: integration.name.clone(),
        ends: at,
    };
    ends.insert(integration.id.clone(), stands.clone()) != Some(stands)
}

fn tell(messages: &mpsc::Sender<Message>, ends: &Ends) {
    let ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
    let stand = ends.values().cloned().collect();
    // One that cannot be told has stopped.
    let _ = messages.blocking_send(Message::SignIns(stand));
}

#[cfg(test)]
mod tests {
    use dayfly_providers::sso::SsoSettings;

    use super::*;

    #[test]
    fn however_many_lists_come_the_newest_is_followed() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().expect("a runtime");
        let (wanted, mut incoming) = level::channel(None);
        let sign_ins = SignIns(Some(wanted));
        let sso = Arc::new(Sso::new(SsoSettings::new(crate::clock::now)));
        for n in 0..100 {
            let one = SsoIntegration {
                id: n.to_string(),
                name: n.to_string(),
                portal_url: "https://example.awsapps.com/start".to_owned(),
                region: "eu-west-1".to_owned(),
                sso_session: None,
            };
            sign_ins.follow(&sso, vec![one]);
        }
        let (_, followed) = next(&mut incoming, runtime.handle()).expect("a list");
        let ids: Vec<_> = followed.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["99"]);
        drop(sign_ins);
        assert!(next(&mut incoming, runtime.handle()).is_none());
    }
}
