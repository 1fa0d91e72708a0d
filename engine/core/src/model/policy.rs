//! The policy contract as the engine thinks of it.
//!
//! One internal model for all versions of the WIT package: the host lifts each version
//! into these types. The words are those of `wit/`, where each is explained.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

pub use crate::model::event::{
    BranchChange, EngineEvent, EngineMoments, FileChange, FileChangeKind,
};
use crate::model::session::{ErrorKind, SessionId, SessionType, Status};
use crate::model::time::Timestamp;

/// Names a session for one policy entry, as long as the entry sees it: dense and cheap to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionKey(pub u32);

/// Counts the changes of a session: fields, status, credentials. Failures do not count.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// Name of a policy entry in `dayfly.toml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryName(Arc<str>);

impl EntryName {
    /// Takes the name as the configuration has it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as the configuration has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The three things that can be done to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Obtain temporary credentials and publish them.
    Start,
    /// Retract the credentials.
    Stop,
    /// Obtain new credentials and substitute them for the old.
    Rotate,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Start, Self::Stop, Self::Rotate];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Rotate => "rotate",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of actions.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(from = "Vec<Action>", into = "Vec<Action>")]
pub struct Actions(u8);

impl Actions {
    /// No action.
    pub const NONE: Self = Self(0);
    /// All three.
    pub const ALL: Self = Self(0b111);

    const fn bit(action: Action) -> u8 {
        match action {
            Action::Start => 1,
            Action::Stop => 2,
            Action::Rotate => 4,
        }
    }

    /// Whether the action is in the set.
    #[must_use]
    pub const fn contains(self, action: Action) -> bool {
        self.0 & Self::bit(action) != 0
    }

    /// Whether no action is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The actions of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The actions that are in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The actions of the set, in the order of [`Action::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(move |a| self.contains(*a))
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(actions.into_iter().fold(0, |set, a| set | Self::bit(a)))
    }
}

impl From<Vec<Action>> for Actions {
    fn from(actions: Vec<Action>) -> Self {
        actions.into_iter().collect()
    }
}

impl From<Actions> for Vec<Action> {
    fn from(actions: Actions) -> Self {
        actions.iter().collect()
    }
}

/// What a policy sees of a session: the facts, and the names by which its entry knows the session
/// and its parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Names the session for this entry.
    pub key: SessionKey,
    /// The session that this one is chained to, where the entry sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SessionKey>,
    /// The same for all entries.
    #[serde(flatten)]
    pub facts: Arc<SessionFacts>,
}

impl Deref for SessionView {
    type Target = SessionFacts;

    fn deref(&self) -> &SessionFacts {
        &self.facts
    }
}

/// The sessions that one policy entry sees. Cheap to clone.
pub type Views = OrdMap<SessionKey, SessionView>;

/// What there is to be seen of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionFacts {
    /// `sessionId`.
    pub id: SessionId,
    /// `sessionName`.
    pub name: String,
    /// Access method.
    #[serde(rename = "type")]
    pub session_type: SessionType,
    /// Whether credentials are in the chain.
    pub status: Status,
    /// `region`.
    pub region: Option<String>,
    /// When the credentials in the chain were issued.
    pub started_at: Option<Timestamp>,
    /// When they end.
    pub expires_at: Option<Timestamp>,
    /// Named profile.
    pub named_profile: Option<String>,
    /// Account or subscription id.
    pub account: Option<String>,
    /// Role ARN.
    pub role: Option<String>,
    /// The session that this one is chained to. An entry hears of it only by a key.
    #[serde(skip)]
    pub chained_to: Option<SessionId>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Why the last attempt failed.
    pub last_error: Option<ErrorKind>,
    /// Attempts that failed since the last success.
    pub failures: u32,
    /// When the chain was last asked for the credentials.
    pub last_use: Option<Timestamp>,
    /// Why the person wants it to be active, where that was said.
    #[serde(default)]
    pub reason: Option<String>,
    /// Counts the changes.
    pub revision: Revision,
}

/// What changed about a session: a set.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "Vec<String>", into = "Vec<&'static str>")]
pub struct Fields(u16);

impl Fields {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// New to the Workspace.
    pub const ADDED: Self = Self(1);
    /// Left the Workspace.
    pub const REMOVED: Self = Self(1 << 1);
    /// Status.
    pub const STATUS: Self = Self(1 << 2);
    /// Issue or end of the credentials.
    pub const CREDENTIALS: Self = Self(1 << 3);
    /// Name.
    pub const NAME: Self = Self(1 << 4);
    /// Region.
    pub const REGION: Self = Self(1 << 5);
    /// Named profile.
    pub const NAMED_PROFILE: Self = Self(1 << 6);
    /// Account, role, parent or another field of the access method.
    pub const TARGET: Self = Self(1 << 7);
    /// Labels.
    pub const LABELS: Self = Self(1 << 8);
    /// Last error and failures.
    pub const FAILURE: Self = Self(1 << 9);
    /// Last use.
    pub const LAST_USE: Self = Self(1 << 10);
    /// The reason that the person gave.
    pub const REASON: Self = Self(1 << 11);
    /// The credentials come to their end.
    pub const EXPIRING: Self = Self(1 << 12);

    const NAMES: [(Self, &'static str); 13] = [
        (Self::ADDED, "added"),
        (Self::REMOVED, "removed"),
        (Self::STATUS, "status"),
        (Self::CREDENTIALS, "credentials"),
        (Self::NAME, "name"),
        (Self::REGION, "region"),
        (Self::NAMED_PROFILE, "named-profile"),
        (Self::TARGET, "target"),
        (Self::LABELS, "labels"),
        (Self::FAILURE, "failure"),
        (Self::LAST_USE, "last-use"),
        (Self::REASON, "reason"),
        (Self::EXPIRING, "expiring"),
    ];

    /// The fields that are in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all fields of the other are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a field is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no field is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words of the contract for the fields in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(field, _)| self.contains(*field))
            .map(|(_, name)| name)
    }
}

impl From<Fields> for Vec<&'static str> {
    fn from(fields: Fields) -> Self {
        fields.names().collect()
    }
}

impl TryFrom<Vec<String>> for Fields {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        names.iter().try_fold(Self::NONE, |all, name| {
            let known = Self::NAMES.into_iter().find(|(_, known)| known == name);
            let (field, _) = known.ok_or_else(|| format!("there is no field \"{name}\""))?;
            Ok(all.union(field))
        })
    }
}

/// How the latest action on a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// START succeeded.
    Started,
    /// STOP succeeded.
    Stopped,
    /// ROTATE succeeded.
    Rotated,
    /// The credentials ended.
    Expired,
    /// An attempt failed.
    Failed,
    /// An attempt failed, and only a person can help. Policies hear this instead of `Failed`; the
    /// journal has the failure.
    NeedsPerson,
    /// Nothing ended, but soon will. Policies only.
    Expiring,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Rotated => "rotated",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::NeedsPerson => "needs-person",
            Self::Expiring => "expiring",
        }
    }
}

/// A session after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionChange {
    /// The session as it is now; for a removed one, as it was last.
    pub after: SessionView,
    /// The status before; none for an added session.
    pub previous_status: Option<Status>,
    /// What changed.
    pub fields: Fields,
    /// How the latest action ended, where that is what happened.
    pub outcome: Option<Outcome>,
}

/// Why everything has to be looked at afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResyncReason {
    /// The engine started.
    ColdStart,
    /// The policy's module or configuration changed.
    Reconfigured,
    /// The machine slept or its clock jumped.
    Resumed,
    /// More happened than could be queued.
    Overflow,
}

impl ResyncReason {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ColdStart => "cold-start",
            Self::Reconfigured => "reconfigured",
            Self::Resumed => "resumed",
            Self::Overflow => "overflow",
        }
    }
}

/// Something that happened, as a policy hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// Sessions changed.
    Sessions(Vec<SessionChange>),
    /// A wake-up is due.
    Wake {
        /// The id that it was asked for with.
        id: String,
        /// The moment that was asked for.
        due: Timestamp,
    },
    /// A moment of a schedule came.
    Schedule {
        /// The expression as subscribed to.
        expression: String,
        /// The moment that was meant.
        due: Timestamp,
        /// Further moments that passed unheard since.
        missed: u32,
    },
    /// A watched file changed.
    File(FileChange),
    /// Another branch is checked out in a watched repository.
    Branch(BranchChange),
    /// Something happened to the engine or to the machine.
    Engine(EngineEvent),
    /// Somebody sent a custom event.
    Custom {
        /// Its name.
        name: String,
        /// JSON text.
        data: String,
    },
    /// Look at everything afresh.
    Resync {
        /// Why.
        reason: ResyncReason,
        /// Sessions of this page.
        sessions: Vec<SessionView>,
        /// Whether it is the last page.
        last: bool,
    },
}

/// What a call knows beside its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The time.
    pub now: Timestamp,
    /// Counts the calls to this entry.
    pub sequence: u64,
    /// For jitter; the same for the same call.
    pub seed: u64,
    /// The answer is not acted on.
    pub dry_run: bool,
    /// Counts the accepted versions of the Workspace that changed a session which the entry sees,
    /// or saw before, since the entry is in force.
    pub workspace_revision: u64,
}

/// Why a policy decided as it did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// Short and stable, for programs.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// Facts that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<(String, String)>,
}

impl Reason {
    /// A reason without evidence.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            evidence: Vec::new(),
        }
    }
}

/// A proposal to do something to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// The session.
    pub session: SessionKey,
    /// What to do.
    pub action: Action,
    /// The session's revision that the proposal rests on.
    pub revision: Revision,
    /// When the proposal ends.
    pub not_after: Option<Timestamp>,
    /// Why.
    pub why: Reason,
}

/// A proposal that nobody may do something to a session for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The session.
    pub session: SessionKey,
    /// What nobody may do.
    pub actions: Actions,
    /// When the hold ends; none: at the policy's next word.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Reason,
}

/// How loud a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// For the policy's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Worth an action.
    Error,
}

/// A message to the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// How loud.
    pub severity: Severity,
    /// The same key again does not show the message again.
    pub key: String,
    /// The message.
    pub text: String,
}

/// One thing that a policy answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum PolicyEffect {
    /// Do something to a session.
    Act(Act),
    /// Nobody may do something to a session.
    Hold(Hold),
    /// Takes back all that it proposed for a session.
    Withdraw(SessionKey),
    /// Wish for a wake-up.
    Wake {
        /// Names the wish; the same id again replaces it.
        id: String,
        /// When.
        at: Timestamp,
        /// How much later is as good, milliseconds.
        slack_ms: u32,
    },
    /// Takes a wish back.
    CancelWake(String),
    /// A message to the person.
    Notify(Notice),
}

/// The answer to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// What the policy wants.
    pub effects: Vec<PolicyEffect>,
    /// How many sessions of the call it looked at, where not all.
    pub stopped_after: Option<u32>,
}

/// Static facts about a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Short name in kebab-case.
    pub name: String,
    /// The policy's own version.
    pub version: String,
    /// One line for a list.
    pub summary: String,
    /// JSON Schema of the configuration, JSON text.
    pub config_schema: String,
    /// The actions that it may propose.
    pub actions: Vec<Action>,
    /// Whether it may propose holds.
    pub may_hold: bool,
    /// Bytes of state that it needs.
    pub state_bytes: u32,
}

/// Which session changes a policy wants to hear of: those that match all lists that are not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Of one of these types.
    pub types: Vec<SessionType>,
    /// With one of these statuses after the change.
    pub statuses: Vec<Status>,
    /// With one of these labels, `key` or `key=value`.
    pub labels: Vec<String>,
    /// With a change in one of these fields; none: any.
    pub fields: Fields,
}

/// What a policy wants to be called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// Changes of sessions.
    Sessions(SessionFilter),
    /// Changes of files that match a glob.
    Files(String),
    /// Moments of a cron expression with a time zone before it.
    Schedule(String),
    /// Custom events with this name.
    Custom(String),
    /// The branch of repositories whose folder matches a glob.
    Branch(String),
    /// What happens to the engine or to the machine.
    Engine(EngineMoments),
}

/// Names an evaluation, from the question to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvaluationId(pub u64);

/// Why an evaluation brought no verdict, for branching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The policy said: try again later.
    Transient,
    /// The policy said: trying again will not help.
    Permanent,
    /// The guest trapped.
    Trap,
    /// It ran longer than it may.
    Deadline,
    /// It used more memory, or answered more, than it may.
    Limit,
    /// Its answer makes no sense: an unknown session, an action it is not granted.
    BadAnswer,
    /// The host failed.
    Host,
}

impl FaultKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Limit => "limit",
            Self::BadAnswer => "bad-answer",
            Self::Host => "host",
        }
    }
}

/// Why an evaluation brought no verdict. Nothing of the call counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What sort of fault.
    pub kind: FaultKind,
    /// For a person.
    pub message: String,
}
