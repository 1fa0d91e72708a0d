//! Everything that can reach the engine: one closed enum, and the handle through which people's
//! programs send their part of it.

use std::sync::Arc;
use std::time::Instant;

use dayfly_chain::{PublicationCheck, PublicationPlace};
use dayfly_core::delivery::Delivery;
use dayfly_core::effect::{JournalEntry, OperationId, Reply};
use dayfly_core::input::{ObservedPath, Order, SignIn, UserInput};
use dayfly_core::policy::{EntryName, EvaluationId};
use dayfly_core::session::{Failure, SessionId};
use dayfly_policy::{Evaluated, Failed};
use dayfly_providers::Assertion;
use dayfly_providers::azure::AzureTokens;
use dayfly_vault::{SecretString, TemporaryCredentials};
use dayfly_workspace::{Problem, ResolveError};
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::chain_worker::{Placement, Purpose};
use crate::clock;
use crate::config_worker::Configured;
use crate::credential_cache::{CredentialCache, Issued};
use crate::input_brokers::InputBrokers;
use crate::report::{EngineReport, SessionReport, StandingReport};
use crate::workspace_worker::WorkspaceReloaded;

/// What can reach the engine.
#[derive(Debug)]
pub(crate) enum Message {
    /// The Workspace file was looked at.
    Looked(WorkspaceReloaded),
    /// The thread for the Workspace file has nothing to do.
    WorkspaceIdle,
    /// States could not be written into the Workspace file; none: it works again.
    StatesTrouble(Option<String>),
    /// The configuration was read.
    Configured(Configured),
    /// A policy answered.
    Evaluated {
        entry: EntryName,
        evaluation: EvaluationId,
        result: Result<Evaluated, Failed>,
    },
    /// A provider answered.
    Issued {
        operation: OperationId,
        result: Result<Arc<TemporaryCredentials>, Failure>,
    },
    /// The chain answered.
    Delivered {
        purpose: Purpose,
        result: Result<Placement, Failure>,
        /// Where credentials stand yet that could not be taken away everywhere.
        left: Option<Delivery>,
    },
    /// A file of the chain was looked at, because somebody wrote it.
    ChainLooked {
        spot: PublicationPlace,
        look: PublicationCheck,
    },
    /// Something came that a person had been asked for, and nobody waited any more.
    Answered(UserInput),
    /// The sign-ins that stand and are known to end, all of them.
    SignIns(Vec<SignIn>),
    /// A program was given the credentials of a session.
    Used(SessionId),
    /// An endpoint for programs turned requests away.
    TurnedAway {
        door: String,
        why: String,
        count: u64,
    },
    /// Watched files and repositories are as this says; for one entry only, where it has just
    /// begun to watch.
    Watched {
        seen: Vec<ObservedPath>,
        to: Option<EntryName>,
    },
    /// Something else went wrong, or is well again.
    Trouble {
        about: String,
        message: Option<String>,
    },
    /// Somebody asks.
    Ask(Ask),
}

/// What people's programs ask.
#[derive(Debug)]
pub(crate) enum Ask {
    Order {
        asked: String,
        order: Order,
        answer: oneshot::Sender<Result<Ordered, OrderError>>,
    },
    Report(oneshot::Sender<EngineReport>),
    Standing {
        session: SessionId,
        answer: oneshot::Sender<Vec<StandingReport>>,
    },
    Enable {
        entry: String,
        answer: oneshot::Sender<bool>,
    },
    Emit {
        name: String,
        data: String,
        answer: oneshot::Sender<()>,
    },
    Attended {
        what: UserInput,
        answer: oneshot::Sender<()>,
    },
    Quiet(oneshot::Sender<()>),
    Halt,
}

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// How.
    pub reply: Reply,
    /// The session as it is now.
    pub session: Option<SessionReport>,
}

/// How a demand ended that brought no credentials.
#[derive(Clone, Debug)]
pub struct Unobtained(pub Result<Ordered, OrderError>);

/// Why an order was not even tried.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrderError {
    /// It does not name one session.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// There is no Workspace in force.
    #[error("the Workspace cannot be used: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    NoWorkspace(Vec<Problem>),
    /// The engine stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The engine stopped before it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the engine stopped before it answered")]
pub struct Stopped;

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
    pub fn turned_away(&self, door: &str, why: &str, count: u64) {
        let _ = self.messages.try_send(Message::TurnedAway {
            door: door.to_owned(),
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
