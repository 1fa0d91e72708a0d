//! What happens in a virtual world.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::policy::Action;
use dayfly_core::session::{Access, ErrorKind, Session, SessionId};
use dayfly_core::time::Timestamp;

/// A stretch of time, from the beginning of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its begin.
    pub from: Duration,
    /// Its end.
    pub to: Duration,
}

impl Span {
    /// Whether a moment is in it.
    #[must_use]
    pub fn contains(&self, at: Duration) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// Something that a person or a program does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// An order for a session; without an action, the order in force is withdrawn.
    Order {
        /// The session.
        session: SessionId,
        /// What.
        action: Option<Action>,
        /// How long the order is in force.
        lasting: Option<Duration>,
        /// Why, for policies that ask for a reason.
        reason: Option<String>,
        /// Why guard rails are to be passed.
        override_reason: Option<String>,
    },
    /// A program asks for the credentials of a session.
    Demand {
        /// The session.
        session: SessionId,
    },
    /// A custom event.
    Custom {
        /// Its name.
        name: String,
        /// JSON text.
        data: String,
    },
    /// A watched file is written, or removed where there is no content.
    File {
        /// Its path, absolute.
        path: PathBuf,
        /// Its content.
        content: Option<Vec<u8>>,
    },
    /// Another branch is checked out in a repository; none: none is, as with a detached HEAD.
    Branch {
        /// Folder of the working tree, absolute.
        repository: PathBuf,
        /// The branch.
        branch: Option<String>,
    },
    /// The clock on the wall is set, by so many seconds; negative: back.
    SetClock(i64),
    /// The engine stops, and does nothing any more.
    Stop,
    /// Sessions come into the Workspace.
    Add(Vec<Arc<Session>>),
    /// Sessions leave it.
    Remove(Vec<SessionId>),
    /// A person signs in, or answers, for these sessions.
    Attend(Vec<SessionId>),
    /// A person signs in to an integration.
    SignIn {
        /// Its id.
        integration: String,
        /// How long that lasts.
        lasting: Duration,
    },
}

/// For which sessions no credentials are to be had for a while, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub span: Span,
    /// Which sessions.
    pub sessions: BTreeSet<SessionId>,
    /// Why.
    pub kind: ErrorKind,
}

/// Everything that is made up.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The sessions of the Workspace at the beginning.
    pub sessions: Vec<Arc<Session>>,
    /// When it begins.
    pub begin: Timestamp,
    /// How long it takes.
    pub span: Duration,
    /// Decides jitter and latencies.
    pub seed: u64,
    /// How long a provider takes, more or less.
    pub latency: Duration,
    /// Calls in a minute that the cloud answers; more are throttled. None: any number.
    pub calls_per_minute: Option<u32>,
    /// When no provider can be reached.
    pub outages: Vec<Span>,
    /// When the machine sleeps.
    pub sleeps: Vec<Span>,
    /// When single sessions are refused.
    pub refusals: Vec<Refusal>,
    /// What is done when, by the beginning of the scenario.
    pub deeds: Vec<(Duration, Deed)>,
    /// Files that are there at the beginning.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Repositories that are, with their branches.
    pub repositories: Vec<(PathBuf, Option<String>)>,
}

impl Scenario {
    /// A week in which nothing goes wrong.
    #[must_use]
    pub fn quiet_week(sessions: Vec<Arc<Session>>, begin: Timestamp) -> Self {
        Self {
            sessions,
            begin,
            span: Duration::from_secs(7 * 24 * 3_600),
            seed: 1,
            latency: Duration::from_millis(300),
            calls_per_minute: None,
            outages: Vec::new(),
            sleeps: Vec::new(),
            refusals: Vec::new(),
            deeds: Vec::new(),
            files: Vec::new(),
            repositories: Vec::new(),
        }
    }
}

/// How long credentials of this session live; none: for ever.
///
/// Source: AWS STS API reference: GetSessionToken 12 h, AssumeRole 1 h where nothing is asked for.
#[must_use]
pub fn lifetime(session: &Session) -> Option<Duration> {
    let asked = |seconds: Option<u32>, usual: u64| {
        Some(Duration::from_secs(seconds.map_or(usual, u64::from)))
    };
    match &session.access {
        Access::AwsIamUser {
            duration_seconds, ..
        } => asked(*duration_seconds, 12 * 3_600),
        Access::AwsIamRoleChained { assume, .. } => asked(assume.duration_seconds, 3_600),
        Access::AwsIamRoleFederated {
            duration_seconds, ..
        }
        | Access::AwsIamRoleWebIdentity {
            duration_seconds, ..
        } => asked(*duration_seconds, 3_600),
        Access::AwsRolesAnywhere { anywhere, .. } => asked(anywhere.duration_seconds, 3_600),
        Access::AwsSsoRole { .. }
        | Access::Azure { .. }
        | Access::Process { .. }
        | Access::AwsInstance { .. } => asked(None, 3_600),
        Access::AwsLogin { .. } => asked(None, 900),
        Access::Localstack { .. } => None,
    }
}
