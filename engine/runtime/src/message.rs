//! Everything that can reach the engine: one closed enum.

use std::sync::Arc;

use dayfly_chain::{PublicationCheck, PublicationPlace};
use dayfly_core::delivery::Delivery;
use dayfly_core::effect::{KeyCall, OperationId, Reply};
use dayfly_core::input::{ObservedPath, Order, SignIn, UserInput};
use dayfly_core::key_rotation::KeyAnswer;
use dayfly_core::placement::Placement;
use dayfly_core::policy::{EntryName, EvaluationId};
use dayfly_core::session::{Failure, SessionId};
use dayfly_policy::{Evaluated, Failed};
use dayfly_vault::TemporaryCredentials;
use dayfly_workspace::{Problem, ResolveError};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::chain_job::Purpose;
use crate::configured::Configured;
use crate::layers_seen::LayersSeen;
use crate::report::{EngineReport, SessionReport, StandingReport};
use crate::workspace_reloaded::WorkspaceReloaded;

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
    /// A call about a long-lived key ended.
    KeyAnswered {
        call: KeyCall,
        session: SessionId,
        result: Result<KeyAnswer, Failure>,
    },
    /// The chain answered.
    Delivered {
        purpose: Purpose,
        result: Result<Placement, Failure>,
        /// Where credentials stand yet that could not be taken away everywhere.
        left: Option<Delivery>,
    },
    /// A file of the chain was looked at, because somebody wrote it.
    PlaceChecked {
        place: PublicationPlace,
        check: PublicationCheck,
    },
    /// Something came that a person had been asked for, and nobody waited any more.
    Answered(UserInput),
    /// The sign-ins that stand and are known to end, all of them.
    SignIns(Vec<SignIn>),
    /// A program was given the credentials of a session.
    Used(SessionId),
    /// An endpoint for programs turned requests away.
    TurnedAway {
        endpoint: String,
        why: String,
        count: u64,
    },
    /// Watched files and repositories are as this says; for one entry only, where it has just
    /// begun to watch.
    Watched {
        seen: Vec<ObservedPath>,
        to: Option<EntryName>,
    },
    /// The layers were looked at.
    Layers(LayersSeen),
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
    Session {
        asked: String,
        answer: oneshot::Sender<Result<SessionReport, OrderError>>,
    },
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
    Alive(oneshot::Sender<()>),
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

/// Why an order was not even tried, or nothing is told of a session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrderError {
    /// It does not name one session.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// There is no Workspace in force.
    #[error(
        "Dayfly cannot use the Workspace: {}",
        .0.first().map(Problem::without_hint).unwrap_or_default()
    )]
    NoWorkspace(Vec<Problem>),
    /// The engine stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The engine stopped before it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the engine stopped before it answered")]
pub struct Stopped;
