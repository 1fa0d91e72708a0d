//! What a person can be told: the same words for `--json`, the socket and the terminal.

mod failure;
mod iso;
mod iso_option;
mod key;
mod moments;

use std::collections::BTreeMap;
use std::path::PathBuf;

use dayfly_core::arbitration::{Actor, Tier};
use dayfly_core::delivery::Place;
use dayfly_core::input::ManualOverride;
use dayfly_core::policy::{Action, Fault, Reason};
use dayfly_core::session::{ErrorKind, Lease, Session, SessionId, SessionType, Status};
use dayfly_core::session_proposals::SessionProposal;
use dayfly_core::state::{EntryState, OperationStage, Phase, SessionState};
use dayfly_core::time::Timestamp;
use dayfly_workspace::{Problem, Severity};
use serde::{Deserialize, Serialize};

pub use self::failure::FailureReport;
pub use self::key::KeyReport;
pub use self::moments::moment;
use crate::entries::Prepared;

/// The whole of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineReport {
    /// The engine; none where none runs and the files were read instead.
    pub engine: Option<EngineFacts>,
    /// The Workspace file.
    pub workspace: PathBuf,
    /// What is wrong at present.
    pub problems: Vec<ProblemReport>,
    /// The sessions, by name.
    pub sessions: Vec<SessionReport>,
    /// The policy entries, by name.
    pub policies: Vec<PolicyReport>,
}

/// A running engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineFacts {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Since when it runs.
    #[serde(with = "iso")]
    pub since: Timestamp,
    /// Whether its policies are still being loaded for the first time, and nobody decides yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loading: bool,
    /// How many bytes of memory for secrets the system did not lock, so that they may reach the swap.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unlocked: usize,
}

fn is_none(bytes: &usize) -> bool {
    *bytes == 0
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemReport {
    /// What it is about: `workspace`, `config`, `policy NAME`.
    pub about: String,
    /// What is wrong, with file, line and column where there are such.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether everything works in spite of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warning: bool,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionReport {
    /// `sessionId`.
    pub id: SessionId,
    /// `sessionName`.
    pub name: String,
    /// Access method.
    #[serde(rename = "type")]
    pub session_type: SessionType,
    /// Whether its credentials are in the provider chain.
    pub status: Status,
    /// What is being done: `starting`, `rotating`, `stopping`, and what that waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
    /// Named profile.
    pub profile: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Account or subscription.
    pub account: Option<String>,
    /// Role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The layer that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The session that it is chained to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SessionId>,
    /// Id of the integration or identity provider that a person signs in to for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When the credentials in the chain were issued.
    #[serde(with = "iso_option")]
    pub started_at: Option<Timestamp>,
    /// When they end.
    #[serde(with = "iso_option")]
    pub expires_at: Option<Timestamp>,
    /// Where they stand, and where they should and do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivery: Vec<PlaceReport>,
    /// Attempts that failed since the last success.
    pub failures: u32,
    /// Why the last one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureReport>,
    /// When it is tried again.
    #[serde(with = "iso_option")]
    pub retry_at: Option<Timestamp>,
    /// What it waits for a person to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<NeedReport>,
    /// What the person said and policies go by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<WordReport>,
    /// Why it cannot be started as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Its long-lived key, where the engine looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyReport>,
}

/// What a session waits for a person to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeedReport {
    /// `needs-mfa` or `needs-sign-in`.
    pub kind: ErrorKind,
    /// Serial number or ARN of the device whose code is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Id of the integration or IdP that has to be signed in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<String>,
    /// Whether a configured program asks for it at this moment.
    pub asking: bool,
}

impl NeedReport {
    fn of(tracked: &SessionState) -> Option<Self> {
        let kind = tracked.last_failure.as_ref()?.kind;
        let session = &tracked.session;
        let device = session.mfa_device().filter(|_| kind == ErrorKind::NeedsMfa);
        let sign_in = session.sign_in();
        let sign_in = sign_in.filter(|_| kind == ErrorKind::NeedsSignIn);
        tracked.needs_person.then(|| Self {
            kind,
            device: device.map(str::to_owned),
            sign_in: sign_in.map(str::to_owned),
            asking: false,
        })
    }
}

/// A chain target that credentials are delivered to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceReport {
    /// Which.
    pub target: Place,
    /// Its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Why they do not stand there; or, where `left` says so, why they still do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureReport>,
    /// Whether something of the session stands there that should not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
}

impl PlaceReport {
    /// What is wrong there; none where credentials stand there as they should.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let how = if self.left { "still in" } else { "not in" };
        Some(format!("{how} {}: {}", self.target, error.message))
    }
}

/// A standing word of the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WordReport {
    /// What.
    pub action: Action,
    /// When it was said.
    #[serde(with = "iso")]
    pub at: Timestamp,
    /// When it ends.
    #[serde(with = "iso_option")]
    pub until: Option<Timestamp>,
    /// The reason for overriding guard rails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
}

impl From<&ManualOverride> for WordReport {
    fn from(word: &ManualOverride) -> Self {
        Self {
            action: word.action,
            at: word.at,
            until: word.until,
            override_reason: word.override_reason.clone(),
        }
    }
}

/// A standing proposal for a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingReport {
    /// Whose.
    pub by: Actor,
    /// Its tier.
    pub tier: Tier,
    /// Its priority within the tier.
    pub priority: i32,
    /// What is proposed; for a hold, what nobody may do.
    pub actions: Vec<Action>,
    /// Whether it is a hold.
    pub hold: bool,
    /// When it ends.
    #[serde(with = "iso_option")]
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Reason,
    /// Whether it is only recorded.
    pub shadow: bool,
    /// Who wants the opposite and counts more, so that nothing comes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overruled_by: Option<Actor>,
}

impl From<&SessionProposal> for StandingReport {
    fn from(stands: &SessionProposal) -> Self {
        Self {
            by: stands.actor.clone(),
            tier: stands.rank.tier,
            priority: stands.rank.priority,
            actions: stands.actions.clone(),
            hold: stands.hold,
            until: stands.until,
            why: stands.why.clone(),
            shadow: stands.shadow,
            overruled_by: stands.overruled_by.clone(),
        }
    }
}

/// Where a policy entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyState {
    /// It is asked.
    InForce,
    /// It fails and is asked again later.
    Failing,
    /// It failed so often that it is not asked any more.
    Suspended,
}

/// A policy entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// Its name.
    pub name: String,
    /// Where its component is.
    pub source: String,
    /// Version of the policy.
    pub version: String,
    /// One line on what it does.
    pub summary: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// The version of the contract that it is called with.
    #[serde(default)]
    pub contract: String,
    /// Where it stands.
    pub state: PolicyState,
    /// Its tier.
    pub tier: Tier,
    /// Its priority within the tier.
    pub priority: i32,
    /// Whether its decisions are only recorded.
    pub shadow: bool,
    /// The actions that it is granted.
    pub actions: Vec<Action>,
    /// Whether it may hold.
    pub may_hold: bool,
    /// Faults in a row.
    pub failures: u32,
    /// The last fault, until an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

impl SessionReport {
    /// What a running engine knows.
    #[must_use]
    pub fn of(tracked: &SessionState) -> Self {
        let mut report = Self::written(&tracked.session, tracked.phase.status());
        report.set_lease(tracked.phase.lease());
        report.doing = doing(&tracked.phase);
        report.failures = tracked.failures;
        report.error = tracked.last_failure.as_ref().map(FailureReport::from);
        let tried_again = report.error.is_some() && !tracked.needs_person;
        report.retry_at = tracked.retry_at.filter(|_| tried_again);
        report.needs = NeedReport::of(tracked);
        report.word = tracked.manual_override.as_ref().map(WordReport::from);
        report
    }

    /// What the Workspace says, with a status that is known.
    #[must_use]
    pub fn written(session: &Session, status: Status) -> Self {
        Self {
            id: session.id.clone(),
            name: session.name.clone(),
            session_type: session.session_type(),
            status,
            doing: None,
            profile: session.named_profile.clone(),
            region: session.region.clone(),
            account: session.account.clone(),
            role_arn: session.role_arn().map(str::to_owned),
            layer: None,
            parent: session.parent().cloned(),
            sign_in: session.sign_in().map(str::to_owned),
            labels: session.labels.clone(),
            started_at: None,
            expires_at: None,
            delivery: Vec::new(),
            failures: 0,
            error: None,
            retry_at: None,
            needs: None,
            word: None,
            fault: session.fault.clone(),
            key: None,
        }
    }

    /// Says which credentials are in the chain.
    pub fn set_lease(&mut self, lease: Option<Lease>) {
        self.started_at = lease.map(|l| l.issued_at);
        self.expires_at = lease.and_then(|l| l.expires_at);
    }
}

fn doing(phase: &Phase) -> Option<String> {
    let (verb, operation) = match phase {
        Phase::Inactive | Phase::Active(_) => return None,
        Phase::Stopping(..) => return Some("stopping".into()),
        Phase::Starting(operation) => ("starting", operation),
        Phase::Rotating(_, operation) => ("rotating", operation),
    };
    let waits = match operation.stage {
        OperationStage::Parent => "waiting for its parent session",
        OperationStage::Queued => "waiting for its turn",
        OperationStage::Issuing => "waiting for the cloud",
        OperationStage::Publishing(_) => "publishes",
    };
    Some(format!("{verb}: {waits}"))
}

impl PolicyReport {
    /// What a running engine knows.
    #[must_use]
    pub fn of(tracking: &EntryState, prepared: &Prepared) -> Self {
        let mut report = Self::prepared(prepared);
        report.state = if tracking.suspended {
            PolicyState::Suspended
        } else if tracking.failures > 0 {
            PolicyState::Failing
        } else {
            PolicyState::InForce
        };
        report.failures = tracking.failures;
        report.fault.clone_from(&tracking.last_fault);
        report
    }

    /// What the configuration says.
    #[must_use]
    pub fn prepared(prepared: &Prepared) -> Self {
        let (entry, module) = (&prepared.entry, prepared.policy.module());
        let descriptor = module.descriptor();
        Self {
            name: entry.name.to_string(),
            source: prepared.source.to_string(),
            version: descriptor.version.clone(),
            summary: descriptor.summary.clone(),
            digest: module.digest().to_string(),
            contract: module.contract(),
            state: PolicyState::InForce,
            tier: entry.rank.tier,
            priority: entry.rank.priority,
            shadow: entry.shadow,
            actions: entry.grant.actions.iter().collect(),
            may_hold: entry.grant.may_hold,
            failures: 0,
            fault: None,
        }
    }
}

impl ProblemReport {
    /// A problem of the Workspace file.
    #[must_use]
    pub fn of_workspace(problem: &Problem) -> Self {
        let bare = Problem {
            hint: None,
            ..problem.clone()
        };
        Self {
            about: "workspace".into(),
            message: bare.to_string(),
            hint: problem.hint.clone(),
            warning: problem.severity == Severity::Warning,
        }
    }
}
