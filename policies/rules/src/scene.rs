//! What expressions can ask for.

use dayfly_policy_sdk::{
    BranchChange, CustomEvent, FileChange, ScheduleTick, Session, Status, WakeUp,
};
use serde_json::{Map, Value as Json};

use crate::cel::check::{Field, Type};
use crate::cel::eval::Scene;
use crate::cel::value::{Moving, Value};
use crate::settings::When;

const TYPES: &[&str] = &[
    "awsIamUser",
    "awsIamRoleChained",
    "awsIamRoleFederated",
    "awsIamRoleWebIdentity",
    "awsSsoRole",
    "azure",
    "localstack",
];
const STATUSES: &[&str] = &["active", "inactive", "pending"];
const FAILURES: &[&str] = &[
    "needs-sign-in",
    "needs-mfa",
    "denied",
    "throttled",
    "network",
    "unavailable",
    "misconfigured",
    "parent",
    "delivery",
    "other",
    "",
];
const CHANGES: &[&str] = &["present", "created", "changed", "removed"];

/// The fields of a session.
pub(crate) const SESSION: [Field; 19] = [
    ("id", Type::Text),
    ("name", Type::Text),
    ("type", Type::Word("session type", TYPES)),
    ("status", Type::Word("status", STATUSES)),
    ("region", Type::Text),
    ("profile", Type::Text),
    ("account", Type::Text),
    ("role", Type::Text),
    ("labels", Type::Labels),
    ("chained", Type::Bool),
    ("started_at", Type::Moment),
    ("expires_at", Type::Moment),
    ("last_use", Type::Moment),
    ("age", Type::Span),
    ("left", Type::Span),
    ("idle", Type::Span),
    ("reason", Type::Text),
    ("error", Type::Word("failure", FAILURES)),
    ("failures", Type::Int),
];

/// The fields of the event that a rule answers to; none: there is no event.
pub(crate) fn event_fields(when: &When) -> Option<Vec<Field>> {
    let name = ("name", Type::Text);
    Some(match when {
        When::Always => return None,
        When::Session(_) | When::Engine(_) => vec![name],
        When::Custom(_) => vec![name, ("data", Type::Any)],
        When::Wake(_) | When::Schedule(_) => vec![name, ("due", Type::Moment)],
        When::File(_) => vec![
            name,
            ("path", Type::Text),
            ("folder", Type::Text),
            ("change", Type::Word("change of a file", CHANGES)),
            ("content", Type::Text),
        ],
        When::Branch(_) => vec![
            name,
            ("path", Type::Text),
            ("change", Type::Word("change of a branch", CHANGES)),
            ("branch", Type::Text),
            ("previous", Type::Text),
        ],
    })
}

/// An event as rules see it.
#[derive(Clone, Debug)]
pub(crate) enum Heard<'a> {
    /// It has a name and nothing else.
    Named(&'a str),
    Custom(&'a CustomEvent, Json),
    /// With the name that the rule gave it.
    Wake(&'a WakeUp, &'a str),
    Schedule(&'a ScheduleTick),
    File(&'a FileChange),
    Branch(&'a BranchChange),
}

impl Heard<'_> {
    fn field(&self, field: &str) -> Option<Value<'_>> {
        let moment = |at: u64| Value::Moment(Moving::still(millis(at)));
        Some(match (self, field) {
            (Self::Named(name), "name") => Value::text(name),
            (Self::Custom(event, _), "name") => Value::text(&event.name),
            (Self::Custom(_, data), "data") => Value::json(data),
            (Self::Wake(_, name), "name") => Value::text(name),
            (Self::Wake(wake, _), "due") => moment(wake.due),
            (Self::Schedule(tick), "name") => Value::text(&tick.expression),
            (Self::Schedule(tick), "due") => moment(tick.due),
            (Self::File(file), "name") => Value::text(file.name()),
            (Self::File(file), "path") => Value::text(&file.path),
            (Self::File(file), "folder") => Value::text(file.folder()),
            (Self::File(file), "change") => Value::text(file.kind.word()),
            (Self::File(file), "content") => Value::text(file.text().unwrap_or("")),
            (Self::Branch(change), "name" | "path") => Value::text(&change.repository),
            (Self::Branch(change), "change") => Value::text(change.kind.word()),
            (Self::Branch(change), "branch") => Value::text(change.branch.as_deref()?),
            (Self::Branch(change), "previous") => Value::text(change.previous.as_deref()?),
            _ => return None,
        })
    }
}

/// What one expression is asked about.
pub(crate) struct Around<'a> {
    pub(crate) now: u64,
    pub(crate) session: Option<&'a Session>,
    pub(crate) event: Option<&'a Heard<'a>>,
    pub(crate) state: &'a Map<String, Json>,
}

impl<'a> Scene<'a> for Around<'a> {
    fn now(&self) -> i64 {
        millis(self.now)
    }

    fn session(&self, field: &str) -> Option<Value<'a>> {
        let session = self.session?;
        let text = |text: &'a Option<String>| Value::text(text.as_deref().unwrap_or(""));
        let moment = |at: u64| Value::Moment(Moving::still(millis(at)));
        let span = |from: u64, to: u64, slope| {
            Value::Span(Moving {
                millis: millis(to) - millis(from),
                slope,
            })
        };
        Some(match field {
            "id" => Value::text(&session.id),
            "name" => Value::text(&session.name),
            "type" => Value::text(session.type_.word()),
            "status" => Value::text(match session.status {
                Status::Active => "active",
                Status::Inactive => "inactive",
                Status::Pending => "pending",
            }),
            "region" => text(&session.region),
            "profile" => text(&session.named_profile),
            "account" => text(&session.account),
            "role" => text(&session.role),
            "reason" => text(&session.reason),
            "labels" => Value::Labels(&session.labels),
            "chained" => Value::Bool(session.parent.is_some()),
            "started_at" => moment(session.started_at?),
            "expires_at" => moment(session.expires_at?),
            "last_use" => moment(session.last_use?),
            "age" => span(session.started_at?, self.now, 1),
            "left" => span(self.now, session.expires_at?, -1),
            "idle" => {
                let started = session.started_at?;
                span(session.last_use.unwrap_or(0).max(started), self.now, 1)
            }
            "error" => Value::text(session.last_error.map_or("", |kind| kind.word())),
            "failures" => Value::Int(i64::from(session.failures)),
            _ => return None,
        })
    }

    fn event(&self, field: &str) -> Option<Value<'a>> {
        self.event?.field(field)
    }

    fn state(&self, key: &str) -> Option<Value<'a>> {
        self.state.get(key).map(Value::json)
    }
}

fn millis(at: u64) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}
