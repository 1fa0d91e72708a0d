//! Sessions, events and a Workspace for tests of rules.

use std::collections::BTreeMap;

use crate::{
    Action, Attribute, BranchChange, ChangedFields, Context, CustomEvent, Effect, EngineEvent,
    ErrorKind, Event, FileChange, FileChangeKind, Filter, Outcome, Resync, ResyncReason,
    ScheduleTick, Scope, Session, SessionChange, SessionKey, State, StateError, Status, Stopping,
    TimestampMs, Verdict, WakeUp, Workspace,
};

/// Builds a session.
#[derive(Clone, Debug)]
pub struct SessionBuilder(Session);

/// An inactive session of type `awsIamUser` with the id `id-KEY`.
#[must_use]
pub fn session(key: SessionKey) -> SessionBuilder {
    SessionBuilder(Session {
        key,
        id: format!("id-{key}"),
        name: format!("session-{key}"),
        cloud: "aws".into(),
        method: "awsIamUser".into(),
        status: Status::Inactive,
        region: None,
        started_at: None,
        expires_at: None,
        named_profile: None,
        account: None,
        role: None,
        parent: None,
        labels: Vec::new(),
        last_error: None,
        failures: 0,
        last_use: None,
        reason: None,
        revision: 1,
    })
}

impl SessionBuilder {
    /// Its name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.0.name = name.into();
        self
    }

    /// Its `sessionId`.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.0.id = id.into();
        self
    }

    /// Its access method, and the cloud that is known for it: `aws` unless it is named after another.
    #[must_use]
    pub fn of_type(mut self, method: &str) -> Self {
        let cloud = ["azure", "localstack"].into_iter().find(|c| *c == method);
        self.0.cloud = cloud.unwrap_or("aws").into();
        self.0.method = method.into();
        self
    }

    /// Its status, with the credentials left as they are.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.0.status = status;
        self
    }

    /// Active on credentials of this lifetime.
    #[must_use]
    pub fn active(mut self, started_at: TimestampMs, expires_at: TimestampMs) -> Self {
        self.0.status = Status::Active;
        self.0.started_at = Some(started_at);
        self.0.expires_at = Some(expires_at);
        self
    }

    /// One more label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.0.labels.push(Attribute {
            key: key.into(),
            value: value.into(),
        });
        self
    }

    /// Its named profile.
    #[must_use]
    pub fn profile(mut self, name: &str) -> Self {
        self.0.named_profile = Some(name.into());
        self
    }

    /// Why and how often in a row it failed.
    #[must_use]
    pub fn error(mut self, kind: ErrorKind, failures: u32) -> Self {
        self.0.last_error = Some(kind);
        self.0.failures = failures;
        self
    }

    /// When its credentials were asked for last.
    #[must_use]
    pub fn used(mut self, at: TimestampMs) -> Self {
        self.0.last_use = Some(at);
        self
    }

    /// Why the person wants it.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// The session that it is chained to.
    #[must_use]
    pub fn parent(mut self, parent: SessionKey) -> Self {
        self.0.parent = Some(parent);
        self
    }

    /// Its revision.
    #[must_use]
    pub fn revision(mut self, revision: u64) -> Self {
        self.0.revision = revision;
        self
    }

    /// The session.
    #[must_use]
    pub fn build(self) -> Session {
        self.0
    }
}

/// A call at a moment.
#[must_use]
pub fn at(now: TimestampMs) -> Context {
    Context {
        now,
        sequence: 1,
        seed: now ^ 0x5eed,
        dry_run: false,
        workspace_revision: 1,
    }
}

/// One session changed.
#[must_use]
pub fn changed(after: Session, fields: ChangedFields) -> Event {
    Event::Sessions(vec![SessionChange {
        after,
        previous_status: None,
        fields,
        outcome: None,
    }])
}

/// An action on a session ended so.
#[must_use]
pub fn ended(after: Session, fields: ChangedFields, outcome: Outcome) -> Event {
    Event::Sessions(vec![SessionChange {
        after,
        previous_status: None,
        fields,
        outcome: Some(outcome),
    }])
}

/// A watched file, and its content where it is told. The digest is made up: 32 times the length of
/// the content.
#[must_use]
pub fn file(path: &str, kind: FileChangeKind, content: Option<&str>) -> Event {
    let length = content.map_or(0, str::len);
    let gone = kind == FileChangeKind::Removed;
    Event::File(FileChange {
        path: path.into(),
        kind,
        digest: if gone {
            Vec::new()
        } else {
            vec![length.to_le_bytes()[0]; 32]
        },
        content: content.map(|text| text.as_bytes().to_vec()),
    })
}

/// A watched repository: present where there was no branch before, else changed.
#[must_use]
pub fn branch(repository: &str, branch: Option<&str>, previous: Option<&str>) -> Event {
    Event::Branch(BranchChange {
        repository: repository.into(),
        kind: if previous.is_some() {
            FileChangeKind::Changed
        } else {
            FileChangeKind::Present
        },
        branch: branch.map(Into::into),
        previous: previous.map(Into::into),
    })
}

/// A moment of a schedule came, and none was missed.
#[must_use]
pub fn tick(expression: &str, due: TimestampMs) -> Event {
    Event::Schedule(ScheduleTick {
        expression: expression.into(),
        due,
        missed: 0,
    })
}

/// A custom event.
#[must_use]
pub fn custom(name: &str, data: &str) -> Event {
    Event::Custom(CustomEvent {
        name: name.into(),
        data: data.into(),
    })
}

/// The engine is about to stop.
#[must_use]
pub fn stopping_at(deadline: TimestampMs) -> Event {
    Event::Engine(EngineEvent::Stopping(Stopping { deadline }))
}

/// The only page of a resync.
#[must_use]
pub fn resync(reason: ResyncReason, sessions: Vec<Session>) -> Event {
    Event::Resync(Resync {
        reason,
        sessions,
        last: true,
    })
}

/// A wake-up is due.
#[must_use]
pub fn wake(id: &str, due: TimestampMs) -> Event {
    Event::Wake(WakeUp { id: id.into(), due })
}

/// The acts of a verdict: session, action, code of the reason.
#[must_use]
pub fn acts(verdict: &Verdict) -> Vec<(SessionKey, Action, &str)> {
    let some = verdict.effects.iter().filter_map(|effect| match effect {
        Effect::Act(act) => Some((act.session, act.action, act.why.code.as_str())),
        _ => None,
    });
    some.collect()
}

/// The wake requests of a verdict: id and moment.
#[must_use]
pub fn wakes(verdict: &Verdict) -> Vec<(&str, TimestampMs)> {
    let some = verdict.effects.iter().filter_map(|effect| match effect {
        Effect::Wake(wake) => Some((wake.id.as_str(), wake.at)),
        _ => None,
    });
    some.collect()
}

/// Whether a session is in the answer to a question with this filter.
#[must_use]
pub fn passes(filter: &Filter, session: &Session) -> bool {
    filter.cloud.as_ref().is_none_or(|c| *c == session.cloud)
        && filter.method.as_ref().is_none_or(|m| *m == session.method)
        && filter.status.is_none_or(|s| s == session.status)
        && filter.label.as_ref().is_none_or(|(key, value)| {
            session
                .labels
                .iter()
                .any(|l| l.key == *key && l.value == *value)
        })
        && filter
            .named_profile
            .as_ref()
            .is_none_or(|p| session.named_profile.as_ref() == Some(p))
        && filter
            .name_prefix
            .as_ref()
            .is_none_or(|p| session.name.starts_with(p.as_str()))
}

/// Sessions in memory, as the engine would answer about them.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    by_key: BTreeMap<SessionKey, Session>,
    /// The most sessions that one answer of `find` holds, whatever the question asks for.
    pub page: Option<u32>,
}

impl Sessions {
    /// These sessions.
    #[must_use]
    pub fn new(sessions: impl IntoIterator<Item = Session>) -> Self {
        Self {
            by_key: sessions.into_iter().map(|s| (s.key, s)).collect(),
            page: None,
        }
    }
}

impl Workspace for Sessions {
    fn get(&self, key: SessionKey) -> Option<Session> {
        self.by_key.get(&key).cloned()
    }

    fn count(&self, filter: &Filter) -> u32 {
        let count = self.by_key.values().filter(|s| passes(filter, s)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn find(&self, filter: &Filter, after: Option<SessionKey>, limit: u32) -> Vec<Session> {
        let limit = limit.min(self.page.unwrap_or(u32::MAX)) as usize;
        self.by_key
            .values()
            .filter(|s| after.is_none_or(|after| s.key > after) && passes(filter, s))
            .take(limit)
            .cloned()
            .collect()
    }
}

/// State in memory, without a quota.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<(Option<SessionKey>, String), Vec<u8>>);

impl Memory {
    fn place(scope: Scope, key: &str) -> (Option<SessionKey>, String) {
        let session = match scope {
            Scope::Global => None,
            Scope::Session(session) => Some(session),
        };
        (session, key.to_string())
    }
}

impl State for Memory {
    fn get(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        self.0.get(&Self::place(scope, key)).cloned()
    }

    fn set(&mut self, scope: Scope, key: &str, value: &[u8]) -> Result<(), StateError> {
        self.0.insert(Self::place(scope, key), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, scope: Scope, key: &str) {
        self.0.remove(&Self::place(scope, key));
    }
}
