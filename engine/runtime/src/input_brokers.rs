//! Where what people hand over waits for the providers.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::input::UserInput;
use dayfly_providers::{AssertionBroker, LongLivedKeys, MfaBroker};
use dayfly_workspace::Workspace;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::message::Message;

/// How long a request waits for a prompt command, where nothing is configured: enough for one that
/// asks a device, and not for one that asks a person.
const MFA_WAIT: Duration = Duration::from_secs(2);

/// The same for a sign-in command: enough for one that talks to an identity provider by itself.
const SAML_WAIT: Duration = Duration::from_secs(15);

/// The desks. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct InputBrokers {
    pub(crate) mfa: MfaBroker,
    pub(crate) assertions: AssertionBroker,
}

impl InputBrokers {
    pub(crate) fn new(keys: &Arc<dyn LongLivedKeys>, messages: &mpsc::Sender<Message>) -> Self {
        let messages = messages.clone();
        let answered = Arc::new(move |what: UserInput| {
            let messages = messages.clone();
            tokio::spawn(async move {
                // An engine that has stopped tries nothing.
                let _ = messages.send(Message::Answered(what)).await;
            });
        });
        let signed_in = Arc::clone(&answered);
        Self {
            mfa: MfaBroker::new(
                Arc::clone(keys),
                Box::new(move |session| answered(UserInput::Session(session))),
            ),
            assertions: AssertionBroker::new(Box::new(move |id| signed_in(UserInput::SignIn(id)))),
        }
    }

    /// Which programs are asked from now on.
    pub(crate) fn configure(&self, config: &Config) {
        self.mfa.set_command(config.mfa.helper(MFA_WAIT));
        let command = config.saml.helper().helper(SAML_WAIT);
        self.assertions.set_command(command);
    }

    /// Where the identity providers are from now on.
    pub(crate) fn locate(&self, workspace: &Workspace) {
        let all = workspace.idp_urls().iter();
        let addresses = all.map(|idp| (idp.id.clone(), idp.url.clone()));
        self.assertions.set_addresses(addresses.collect());
    }
}
