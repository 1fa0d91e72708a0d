//! Talks to a running engine: what people's programs ask, as functions.

use std::sync::Arc;
use std::time::Instant;

use dayfly_core::effect::JournalEntry;
use dayfly_core::input::{Order, UserInput};
use dayfly_core::session::SessionId;
use dayfly_providers::Assertion;
use dayfly_providers::azure::AzureTokens;
use dayfly_vault::SecretString;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::clock;
use crate::credential_cache::{CredentialCache, Issued};
use crate::input_brokers::InputBrokers;
use crate::message::{Ask, Message, OrderError, Ordered, Stopped, Unobtained};
use crate::report::{EngineReport, SessionReport, StandingReport};

/// Talks to a running engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) input_brokers: InputBrokers,
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) credential_cache: Arc<CredentialCache>,
    pub(crate) azure: Arc<AzureTokens>,
    pub(crate) notes: broadcast::Sender<Arc<JournalEntry>>,
}

impl Handle {
    /// Gives an order for the session that `asked` means: an id, a beginning of it, or a name.
    /// The Workspace file is looked at first. Answers when the order is carried out, or failed.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn order(&self, asked: &str, order: Order) -> Result<Ordered, OrderError> {
        let asked = asked.to_owned();
        self.ask(|answer| Ask::Order {
            asked,
            order,
            answer,
        })
        .await?
    }

    /// The credentials of the session that `asked` means, for a program that needs them now. Good
    /// ones are answered with at once, from memory; else the engine obtains them, unless somebody
    /// has said otherwise.
    ///
    /// # Errors
    /// How the demand ended, where it did not bring credentials.
    pub async fn credentials(&self, asked: &str) -> Result<Issued, Unobtained> {
        let now = clock::now();
        if let Some(issued) = self.credential_cache.get(asked, now) {
            self.note_use(&issued);
            // The last good ones serve until they end; renewal goes on behind the answer.
            let due = issued.credentials.lease.due(now);
            if due
                && self
                    .credential_cache
                    .note_refresh(&issued.session, Instant::now())
            {
                let (handle, session) = (self.clone(), issued.session.clone());
                tokio::spawn(async move {
                    let _ = handle.order(session.as_str(), Order::Demand).await;
                });
            }
            return Ok(issued);
        }
        let ordered = self.order(asked, Order::Demand).await;
        let now = clock::now();
        match self.credential_cache.get(asked, now) {
            Some(issued) => {
                self.note_use(&issued);
                Ok(issued)
            }
            None => Err(Unobtained(ordered)),
        }
    }

    /// Records that an endpoint for programs turned requests away, and why. Not worth waiting for:
    /// where many wait already it is dropped.
    pub fn turned_away(&self, endpoint: &str, why: &str, count: u64) {
        let _ = self.messages.try_send(Message::TurnedAway {
            endpoint: endpoint.to_owned(),
            why: why.to_owned(),
            count,
        });
    }

    fn note_use(&self, issued: &Issued) {
        if self
            .credential_cache
            .note_use(&issued.session, Instant::now())
        {
            let session = issued.session.clone();
            // Knowing the last use is not worth waiting for.
            let _ = self.messages.try_send(Message::Used(session));
        }
    }

    /// What the engine knows.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn report(&self) -> Result<EngineReport, Stopped> {
        self.ask(Ask::Report).await
    }

    /// What the engine knows of the session that `asked` means: an id, a beginning of it, or a name.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn session(&self, asked: &str) -> Result<SessionReport, OrderError> {
        let asked = asked.to_owned();
        self.ask(|answer| Ask::Session { asked, answer }).await?
    }

    /// What stands for a session, the most important first.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn standing(&self, session: &str) -> Result<Vec<StandingReport>, Stopped> {
        let session = SessionId::new(session);
        self.ask(|answer| Ask::Standing { session, answer }).await
    }

    /// Has a suspended policy entry asked again; false where there is none of that name.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn enable(&self, entry: &str) -> Result<bool, Stopped> {
        let entry = entry.to_owned();
        self.ask(|answer| Ask::Enable { entry, answer }).await
    }

    /// Sends a custom event; `data` is JSON text.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn emit(&self, name: &str, data: &str) -> Result<(), Stopped> {
        let (name, data) = (name.to_owned(), data.to_owned());
        self.ask(|answer| Ask::Emit { name, data, answer }).await
    }

    /// Tells that a person signed in or answered; what waited for that is tried again.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn attended(&self, what: UserInput) -> Result<(), Stopped> {
        self.ask(|answer| Ask::Attended { what, answer }).await
    }

    /// Leaves an MFA code for a session, and has what waited for it tried.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn hand_code(&self, session: &SessionId, code: SecretString) -> Result<(), Stopped> {
        self.input_brokers.mfa.hand(session, code);
        self.attended(UserInput::Session(session.clone())).await
    }

    /// Leaves a SAML assertion of an identity provider, and has what waited for it tried.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn hand_assertion(&self, idp: &str, assertion: Assertion) -> Result<(), Stopped> {
        self.input_brokers.assertions.hand(idp, assertion);
        self.attended(UserInput::SignIn(idp.to_owned())).await
    }

    /// Takes back a code that was left and that nobody used.
    pub fn take_code_back(&self, session: &SessionId) {
        self.input_brokers.mfa.take_back(session);
    }

    /// Waits until nothing is under way: no evaluation, no call of a provider, no change of the
    /// chain or of the Workspace file. Attempts that wait for their time do not count.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn quiet(&self) -> Result<(), Stopped> {
        self.ask(Ask::Quiet).await
    }

    /// Waits until the engine has taken what came before this, which shows that it is not stuck.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn alive(&self) -> Result<(), Stopped> {
        self.ask(Ask::Alive).await
    }

    /// Asks the engine to stop; [`crate::Engine::ended`] tells when it has.
    pub async fn halt(&self) {
        // One that is gone has stopped.
        let _ = self.messages.send(Message::Ask(Ask::Halt)).await;
    }

    /// Everything that is recorded from now on. A reader that is too slow misses lines.
    #[must_use]
    pub fn notes(&self) -> broadcast::Receiver<Arc<JournalEntry>> {
        self.notes.subscribe()
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        let message = Message::Ask(ask(answer));
        self.messages.send(message).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}
