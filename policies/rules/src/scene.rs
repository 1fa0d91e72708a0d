//! What expressions can ask for.

use std::sync::LazyLock;

use dayfly_cel::MILLI;
use dayfly_cel::check::{Field, Scope, Type};
use dayfly_cel::eval::Scene;
use dayfly_cel::value::{Moving, Value};
use dayfly_policy_sdk::{
    BranchChange, CustomEvent, FileChange, METHODS, ScheduleTick, Session, Status, WakeUp, closest,
};
use serde_json::{Map, Value as Json};

use crate::when::When;

const CLOUDS: &[&str] = &["aws", "azure", "localstack"];
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
pub(crate) static SESSION: LazyLock<[Field; 20]> = LazyLock::new(|| {
    [
        ("id", Type::Text),
        ("name", Type::Text),
        ("type", Type::Word("session type", &METHODS)),
        ("cloud", Type::Word("cloud", CLOUDS)),
        ("status", Type::Word("status", STATUSES)),
        ("region", Type::Text),
        ("profile", Type::Text),
        ("account", Type::Text),
        ("role", Type::Text),
        (
            "labels",
            Type::Map(Box::new(Type::Text), Box::new(Type::Text)),
        ),
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
    ]
});

/// What the expressions of a rule may name.
pub(crate) struct Visible<'a> {
    variables: Vec<Field>,
    objects: [(&'static str, &'a [Field]); 2],
}

impl<'a> Visible<'a> {
    /// `event` is none where there is no event.
    pub(crate) fn new(session: &'a [Field], event: Option<&'a [Field]>) -> Self {
        let mut variables = vec![
            ("session", Type::Object("session")),
            (
                "state",
                Type::Map(Box::new(Type::Text), Box::new(Type::Any)),
            ),
            ("now", Type::Moment),
        ];
        if event.is_some() {
            variables.push(("event", Type::Object("event")));
        }
        Self {
            variables,
            objects: [("session", session), ("event", event.unwrap_or(&[]))],
        }
    }

    pub(crate) fn scope<'s>(&'s self, missing: &'s dyn Fn(&str) -> String) -> Scope<'s> {
        Scope {
            variables: &self.variables,
            objects: &self.objects,
            missing,
            no_fields: "the event here is about no session",
            moves: &|name, field| match field {
                None => name == "now",
                Some(field) => name == "session" && matches!(field, "age" | "left" | "idle"),
            },
        }
    }

    /// What to say of a name that is none.
    pub(crate) fn missing(&self, name: &str) -> String {
        if name == "event" {
            return "a rule without `when` has no event; give the rule a `when`".into();
        }
        let of_session = self.objects[0].1.iter().map(|(name, _)| *name);
        let roots = ["session", "event", "state", "now"];
        let quoted = format!("there is no `{name}`; a text needs quotes: \"{name}\"");
        match (name, closest(name, roots), closest(name, of_session)) {
            ("time" | "today", ..) => format!("there is no `{name}`; did you mean `now`?"),
            ("active" | "inactive" | "pending" | "production", ..) => quoted,
            (_, _, Some(field)) if field == name => {
                format!("there is no `{name}`; did you mean `session.{field}`?")
            }
            (_, Some(root), _) => format!("there is no `{name}`; did you mean `{root}`?"),
            (_, None, Some(field)) => {
                format!("there is no `{name}`; did you mean `session.{field}`?")
            }
            (_, None, None) => format!(
                "there is no `{name}`; there are `session`, `event`, `state` and `now`, and a text needs quotes: \"{name}\""
            ),
        }
    }
}

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
        let moment = |at: u64| Value::Moment(Moving::still(nanos(at)));
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
        i64::try_from(self.now).unwrap_or(i64::MAX)
    }

    fn variable(&self, name: &str) -> Option<Value<'a>> {
        Some(match name {
            "session" => Value::Object("session"),
            "event" => Value::Object("event"),
            "state" => Value::Object("state"),
            "now" => Value::Moment(Moving {
                nanos: nanos(self.now),
                slope: 1,
            }),
            _ => return None,
        })
    }

    fn field(&self, object: &'static str, field: &str) -> Option<Value<'a>> {
        match object {
            "event" => self.event?.field(field),
            "state" => self.state.get(field).map(Value::json),
            "labels" => {
                let mut labels = self.session?.labels.iter();
                let found = labels.find(|label| label.key == field);
                found.map(|label| Value::text(&label.value))
            }
            _ => self.of_session(field),
        }
    }

    /// A text that is absent reads as an empty one.
    fn counts(&self, object: &'static str, value: &Value<'a>) -> bool {
        !matches!((object, value), ("session", Value::Text(text)) if text.is_empty())
    }

    fn whole(&self, object: &'static str) -> Option<Value<'a>> {
        let pairs: Vec<(Value<'a>, Value<'a>)> = match object {
            "labels" => {
                let labels = self.session?.labels.iter();
                labels
                    .map(|label| (Value::text(&label.key), Value::text(&label.value)))
                    .collect()
            }
            "state" => {
                let state = self.state.iter();
                state
                    .map(|(key, value)| (Value::text(key), Value::json(value)))
                    .collect()
            }
            _ => return None,
        };
        Some(Value::Map(pairs.into()))
    }
}

impl<'a> Around<'a> {
    fn of_session(&self, field: &str) -> Option<Value<'a>> {
        let session = self.session?;
        let text = |text: &'a Option<String>| Value::text(text.as_deref().unwrap_or(""));
        let moment = |at: u64| Value::Moment(Moving::still(nanos(at)));
        let span = |from: u64, to: u64, slope| {
            Value::Span(Moving {
                nanos: nanos(to) - nanos(from),
                slope,
            })
        };
        Some(match field {
            "id" => Value::text(&session.id),
            "name" => Value::text(&session.name),
            "type" => Value::text(&session.method),
            "cloud" => Value::text(&session.cloud),
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
            "labels" => Value::Object("labels"),
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
}

fn nanos(millis: u64) -> i128 {
    i128::from(millis) * MILLI
}
