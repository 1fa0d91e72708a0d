//! Notices sign-ins that are made elsewhere: by the AWS CLI, an SDK, another command.
//!
//! Programs that share a sign-in put it into a file that all of them know; that file is watched,
//! as the Workspace is. A notice counts where somebody is signed in afterwards: sessions that
//! waited for that are tried again. When each sign-in ends is told too, so that policies hear of it
//! before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use dayfly_core::input::{SignIn, UserInput};
use dayfly_providers::login::Logins;
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
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    /// Who knows of sign-ins to portals.
    pub(crate) sso: Arc<Sso>,
    /// The portals.
    pub(crate) integrations: Vec<SsoIntegration>,
    /// Who knows of sign-ins to the console.
    pub(crate) logins: Arc<Logins>,
    /// The ARNs of who signs in there.
    pub(crate) login_sessions: BTreeSet<String>,
}

/// The same, once it is known.
type Wanted = Option<Followed>;

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

    /// Watches these sign-ins from now on, and no others. Which files those to portals are says the
    /// AWS config file as it is now.
    pub(crate) fn follow(&self, followed: Followed) {
        if let Some(wanted) = &self.0 {
            wanted.send_replace(Some(followed));
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
    while let Some(followed) = next(&mut incoming, runtime) {
        watches.clear();
        let Followed {
            sso,
            integrations,
            logins,
            login_sessions,
        } = followed;
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
                        attended(&messages, &integration.id);
                    }
                };
                match watch(&file, look) {
                    Ok(watch) => watches.push(watch),
                    Err(error) => problem = Some(error.to_string()),
                }
            }
        }
        for login_session in login_sessions {
            match watch_login(&logins, login_session, messages) {
                Ok(more) => watches.extend(more),
                Err(error) => problem = Some(error),
            }
        }
        troubles.tell(ABOUT, problem);
    }
}

/// Watches the file of a sign-in to the console; none where there is no folder for it.
fn watch_login(
    logins: &Arc<Logins>,
    login_session: String,
    messages: &mpsc::Sender<Message>,
) -> Result<Option<Watch>, String> {
    let Some(file) = logins.file(&login_session) else {
        return Ok(None);
    };
    let (logins, messages) = (Arc::clone(logins), messages.clone());
    let look = move || {
        if logins.status(&login_session).signed_in {
            attended(&messages, &login_session);
        }
    };
    watch(&file, look).map(Some).map_err(|e| e.to_string())
}

/// Somebody signed in: sessions that waited for it are tried again.
fn attended(messages: &mpsc::Sender<Message>, sign_in: &str) {
    let (answer, _) = oneshot::channel();
    let what = UserInput::SignIn(sign_in.to_owned());
    // One that cannot be told has stopped.
    let _ = messages.blocking_send(Message::Ask(Ask::Attended { what, answer }));
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
        let settings = crate::login_settings(&crate::Config::default(), None);
        let logins = Arc::new(Logins::new(settings));
        for n in 0..100 {
            let one = SsoIntegration {
                id: n.to_string(),
                name: n.to_string(),
                portal_url: "https://example.awsapps.com/start".to_owned(),
                region: "eu-west-1".to_owned(),
                sso_session: None,
            };
            sign_ins.follow(Followed {
                sso: Arc::clone(&sso),
                integrations: vec![one],
                logins: Arc::clone(&logins),
                login_sessions: BTreeSet::new(),
            });
        }
        let followed = next(&mut incoming, runtime.handle()).expect("a list");
        let ids = followed.integrations.iter().map(|one| one.id.as_str());
        let ids: Vec<_> = ids.collect();
        assert_eq!(ids, ["99"]);
        drop(sign_ins);
        assert!(next(&mut incoming, runtime.handle()).is_none());
    }
}
